"""S3, ECR, DynamoDB, EBS, EFS, Backup, Glue. Sources: the API references and "Lifecycle configuration elements" (S3)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given
from localcloud.provider.constraints.combinations.messages import cron, schedule_expression

_COLDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")


def lifecycle(given: Given) -> Iterator[Failure]:
    """Lifecycle rules: ids, what they do, and days in order."""
    ids = [item.text("id") for item in given.each("rules") if item.text("id")]
    for name in sorted({str(name) for name in ids if ids.count(name) > 1}):
        yield "rules", f"rules: the id {name!r} is used twice"
    for item in given.each("rules"):
        if item.lacks(
            "expiration",
            "transitions",
            "noncurrentVersionExpiration",
            "noncurrentVersionTransitions",
            "abortIncompleteMultipartUpload",
        ):
            yield "rules", f"rules: {item.text('id')!r} does nothing; an expiration, transition or abort is required"
        expiration = item.inner("expiration")
        found = [
            name
            for name in ("date", "days", "expiredObjectDeleteMarker")
            if expiration.has(name) and not (name == "days" and expiration.get("days") == 0)
        ]
        if len([name for name in found if not (name == "expiredObjectDeleteMarker" and expiration.off(name))]) > 1:
            yield (
                "rules",
                f"rules: expiration has one of date, days and expiredObjectDeleteMarker; given: {', '.join(found)}",
            )
        last = expiration.number("days")
        before = -1.0
        for move in item.each("transitions"):
            days, target = move.number("days"), move.text("storageClass")
            if move.has("date") and move.has("days"):
                yield "rules", "rules: a transition has one of date and days"
            if days is not None and target in ("STANDARD_IA", "ONEZONE_IA") and days < 30:
                yield "rules", f"rules: a transition to {target} after {days:g} days; accepted is at least 30"
            if days is not None and last is not None and last <= days and last > 0:
                yield (
                    "rules",
                    f"rules: expiration after {last:g} days must come after the transition after {days:g} days",
                )
            before = max(before, days if days is not None else before)
        classes = [move.text("storageClass") for move in item.each("transitions")]
        if None not in classes and len(classes) != len(set(classes)):
            yield "rules", "rules: two transitions go to one storage class"
        order = [(move.number("days"), _COLDER.index(str(move.text("storageClass")))) for move in item.each("transitions")
                 if move.number("days") is not None and move.text("storageClass") in _COLDER]  # fmt: skip
        if sorted(order) != sorted(order, key=lambda pair: (pair[1], pair[0])):
            yield "rules", "rules: transitions go to colder classes with time"
        for move in item.each("noncurrentVersionTransitions"):
            days = move.number("noncurrentDays")
            if days is not None and move.text("storageClass") in ("STANDARD_IA", "ONEZONE_IA") and days < 30:
                yield (
                    "rules",
                    f"rules: a transition to {move.text('storageClass')} after {days:g} days; accepted is at least 30",
                )
        part = item.inner("filter")
        found = [
            name for name in ("prefix", "tag", "and", "objectSizeGreaterThan", "objectSizeLessThan") if part.has(name)
        ]
        if len(found) > 1:
            yield (
                "rules",
                f"rules: filter has one of prefix, tag, and, or a size; given: {', '.join(found)} (put them under and)",
            )
        if item.has("filter") and item.has("prefix"):
            yield "rules", "rules: filter and prefix exclude each other"
        abort = item.inner("abortIncompleteMultipartUpload").number("daysAfterInitiation")
        if abort is not None and abort < 1:
            yield "rules", f"rules: abortIncompleteMultipartUpload after {abort:g} days; accepted is at least 1"


def versioning(given: Given) -> Iterator[Failure]:
    """MFA delete needs the device."""
    if given.inner("versioningConfiguration").text("mfaDelete") == "Enabled" and given.lacks("mfa"):
        yield "mfa", "mfa is required with mfaDelete Enabled"


def encryption(given: Given) -> Iterator[Failure]:
    """A key goes with KMS only."""
    for item in given.each("rules"):
        default = item.inner("applyServerSideEncryptionByDefault")
        if default.has("kmsMasterKeyId") and default.text("sseAlgorithm") == "AES256":
            yield "rules", "rules: kmsMasterKeyId has no place with the sseAlgorithm AES256"
        if item.on("bucketKeyEnabled") and default.text("sseAlgorithm") == "aws:kms:dsse":
            yield "rules", "rules: bucketKeyEnabled is not supported with aws:kms:dsse"


def cors(given: Given) -> Iterator[Failure]:
    """CORS rules: methods and origins."""
    for item in given.each("corsRules"):
        for method in item.items("allowedMethods") or ():
            if method not in ("GET", "PUT", "HEAD", "POST", "DELETE"):
                yield "corsRules", f"corsRules: allowedMethods {method!r}; accepted are GET, PUT, HEAD, POST, DELETE"
        for name in ("allowedOrigins", "allowedHeaders"):
            for value in item.items(name) or ():
                if str(value).count("*") > 1:
                    yield "corsRules", f"corsRules: {name} {value!r} has two *; accepted is one"


def website(given: Given) -> Iterator[Failure]:
    """A website: pages, or everything redirected."""
    if given.has("redirectAllRequestsTo"):
        for name in ("indexDocument", "errorDocument", "routingRules"):
            if given.has(name):
                yield name, f"{name} and redirectAllRequestsTo exclude each other"
    elif given.lacks("indexDocument"):
        yield "indexDocument", "one of indexDocument and redirectAllRequestsTo is required"
    suffix = given.inner("indexDocument").text("suffix")
    if suffix and "/" in suffix:
        yield "indexDocument", f"indexDocument.suffix is {suffix!r}; it has no /"


def replication(given: Given) -> Iterator[Failure]:
    """Replication rules: priorities, filters and what they need."""
    rules = given.each("rules")
    priorities = [item.number("priority") for item in rules if item.number("priority") is not None]
    if len(priorities) != len(set(priorities)):
        yield "rules", "rules: two rules have one priority"
    for item in rules:
        if item.has("filter") and item.lacks("deleteMarkerReplication"):
            yield "rules", "rules: deleteMarkerReplication is required with a filter"
        if item.has("filter") and item.get("prefix"):
            yield "rules", "rules: filter and prefix exclude each other"
        target = item.inner("destination")
        if (
            target.inner("replicationTime").text("status") == "Enabled"
            and target.inner("metrics").text("status") != "Enabled"
        ):
            yield "rules", "rules: destination.replicationTime needs destination.metrics"
        selected = item.inner("sourceSelectionCriteria").inner("sseKmsEncryptedObjects").text("status") == "Enabled"
        if selected and target.inner("encryptionConfiguration").lacks("replicaKmsKeyId"):
            yield "rules", "rules: sseKmsEncryptedObjects needs destination.encryptionConfiguration.replicaKmsKeyId"
    role = given.text("role")
    if role and not re.match(r"arn:[\w-]+:iam::\d{12}:role/", role):
        yield "role", f"role is {role!r}; accepted is the ARN of a role"


def object_lock(given: Given) -> Iterator[Failure]:
    """A default retention has days or years."""
    retention = given.inner("rule").inner("defaultRetention")
    if given.has("rule") and retention.has("mode") and retention.has("days") == retention.has("years"):
        yield "rule", "rule.defaultRetention has exactly one of days and years"


def acl(given: Given) -> Iterator[Failure]:
    """A canned ACL, or a policy."""
    if given.has("acl") and given.has("accessControlPolicy"):
        yield "acl", "acl and accessControlPolicy exclude each other"


def bucket_object(given: Given) -> Iterator[Failure]:
    """An object: one body, encryption that fits."""
    found = [name for name in ("source", "content", "contentBase64") if given.has(name)]
    if len(found) > 1:
        yield found[1], f"one of source, content and contentBase64 is accepted; given: {', '.join(found)}"
    if given.has("kmsKeyId") and given.text("serverSideEncryption") == "AES256":
        yield "serverSideEncryption", "kmsKeyId needs serverSideEncryption aws:kms"
    if given.has("objectLockMode") != given.has("objectLockRetainUntilDate"):
        yield "objectLockMode", "objectLockMode and objectLockRetainUntilDate go together"


def lifecycle_policy(given: Given) -> Iterator[Failure]:
    """ECR: the rules of a lifecycle policy."""
    try:
        found = json.loads(given.get("policy") or "{}") if isinstance(given.get("policy"), str) else given.get("policy")
    except ValueError:
        return
    rules = found.get("rules") if isinstance(found, dict) else None
    if given.get("policy") is None:
        return
    if not isinstance(rules, list) or not rules:
        yield "policy", "policy: rules, a list that is not empty, is required"
        return
    priorities = [rule.get("rulePriority") for rule in rules if isinstance(rule, dict)]
    if len(priorities) != len(set(map(str, priorities))):
        yield "policy", "policy: two rules have one rulePriority"
    for rule in rules:
        selection, action = rule.get("selection") or {}, rule.get("action") or {}
        if not isinstance(rule.get("rulePriority"), int) or rule["rulePriority"] < 1:
            yield "policy", f"policy: rulePriority is {rule.get('rulePriority')!r}; accepted is a number from 1"
        if selection.get("tagStatus") not in ("tagged", "untagged", "any"):
            yield "policy", f"policy: tagStatus is {selection.get('tagStatus')!r}; accepted are tagged, untagged, any"
        if selection.get("tagStatus") == "tagged" and not (
            selection.get("tagPrefixList") or selection.get("tagPatternList")
        ):
            yield "policy", "policy: tagStatus tagged needs tagPrefixList or tagPatternList"
        if selection.get("tagStatus") in ("untagged", "any") and (
            selection.get("tagPrefixList") or selection.get("tagPatternList")
        ):
            yield "policy", f"policy: tagPrefixList has no place with tagStatus {selection['tagStatus']}"
        kind = selection.get("countType")
        if kind not in ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"):
            yield "policy", f"policy: countType is {kind!r}; accepted are imageCountMoreThan and sinceImagePushed"
        if kind == "sinceImagePushed" and selection.get("countUnit") != "days":
            yield "policy", "policy: countUnit days is required with sinceImagePushed"
        if kind == "imageCountMoreThan" and "countUnit" in selection:
            yield "policy", "policy: countUnit has no place with imageCountMoreThan"
        count = selection.get("countNumber")
        if not isinstance(count, int) or count < 1:
            yield "policy", f"policy: countNumber is {count!r}; accepted is a number from 1"
        if action.get("type") not in ("expire", "transition"):
            yield "policy", f"policy: action type is {action.get('type')!r}; accepted is expire"
        alone = not any("storageClass" in (other.get("selection") or {}) for other in rules)
        if (
            alone
            and selection.get("tagStatus") == "any"
            and rule.get("rulePriority") != max(p for p in priorities if isinstance(p, int))
        ):
            yield "policy", "policy: the rule for any image has the highest rulePriority"


def repository(given: Given) -> Iterator[Failure]:
    """ECR: a key goes with KMS only."""
    for item in given.each("encryptionConfigurations"):
        if item.has("kmsKey") and item.text("encryptionType", "AES256") == "AES256":
            yield "encryptionConfigurations", "encryptionConfigurations: kmsKey needs the encryptionType KMS"
    if given.has("imageTagMutabilityExclusionFilters") and not (
        given.text("imageTagMutability") or "WITH_EXCLUSION"
    ).endswith("WITH_EXCLUSION"):
        return


def table(given: Given) -> Iterator[Failure]:
    """DynamoDB: keys are attributes, attributes are keys, capacity where it is provisioned."""
    names = [item.text("name") for item in given.each("attributes")]
    if None in names or given.get("attributes", []) is None:
        return
    used = {given.text("hashKey"), given.text("rangeKey")} - {None, ""}
    for prop in ("globalSecondaryIndexes", "localSecondaryIndexes"):
        for index in given.each(prop):
            used |= {index.text("hashKey"), index.text("rangeKey")} - {None, ""}
            for schema in index.each("keySchemas"):
                used |= {schema.text("attributeName")} - {None, ""}
            if index.text("projectionType") == "INCLUDE" and index.lacks("nonKeyAttributes"):
                yield prop, f"{prop}: nonKeyAttributes are required with the projection INCLUDE"
            if index.text("projectionType") in ("ALL", "KEYS_ONLY") and index.has("nonKeyAttributes"):
                yield prop, f"{prop}: nonKeyAttributes have no place with the projection {index.text('projectionType')}"
    for name in sorted(map(str, used - set(names))):
        if names:
            yield "attributes", f"the key {name!r} is none of attributes"
    for name in sorted({str(name) for name in names} - {str(name) for name in used}):
        yield "attributes", f"the attribute {name!r} is no key of the table or an index; only keys are declared"
    if given.text("billingMode", "PROVISIONED") == "PROVISIONED":
        for prop in ("readCapacity", "writeCapacity"):
            if given.lacks(prop) and given.lacks("restoreSourceName", "restoreSourceTableArn"):
                yield prop, f"{prop} is required with the billingMode PROVISIONED"
    if given.text("billingMode") == "PAY_PER_REQUEST":
        for prop in ("readCapacity", "writeCapacity"):
            if given.number(prop):
                yield prop, f"{prop} has no place with the billingMode PAY_PER_REQUEST"
    if given.has("localSecondaryIndexes") and given.lacks("rangeKey"):
        yield "localSecondaryIndexes", "localSecondaryIndexes need a rangeKey of the table"
    if given.has("streamViewType") and given.has("streamEnabled") and given.off("streamEnabled"):
        yield "streamViewType", "streamViewType needs streamEnabled"
    if given.on("streamEnabled") and given.lacks("streamViewType"):
        yield "streamViewType", "streamViewType is required with streamEnabled"
    ttl = given.inner("ttl")
    if ttl.on("enabled") and ttl.lacks("attributeName"):
        yield "ttl", "ttl.attributeName is required when it is enabled"


def volume(given: Given) -> Iterator[Failure]:
    """EBS: sizes and speeds by type."""
    kind, size = given.text("type", "gp2"), given.number("size")
    limits = {
        "gp2": (1, 16384),
        "gp3": (1, 65536),
        "io1": (4, 16384),
        "io2": (4, 65536),
        "st1": (125, 16384),
        "sc1": (125, 16384),
        "standard": (1, 1024),
    }
    if kind in limits and size is not None and not limits[kind][0] <= size <= limits[kind][1]:
        yield "size", f"size is {size:g} GiB; {kind} accepts {limits[kind][0]} to {limits[kind][1]}"
    if given.lacks("size", "snapshotId"):
        yield "size", "one of size and snapshotId is required"
    if kind in ("io1", "io2") and given.lacks("iops"):
        yield "iops", f"iops is required with the type {kind}"
    if given.has("iops") and kind in ("gp2", "st1", "sc1", "standard"):
        yield "iops", f"iops has no place with the type {kind}"
    if given.has("throughput") and kind and kind != "gp3":
        yield "throughput", f"throughput has no place with the type {kind}"


def backup_plan(given: Given) -> Iterator[Failure]:
    """AWS Backup: schedules, windows and lifecycles."""
    names = [item.text("ruleName") for item in given.each("rules")]
    if None not in names and len(names) != len(set(names)):
        yield "rules", "rules: two rules have one ruleName"
    for item in given.each("rules"):
        expression = item.text("schedule")
        reason = schedule_expression(expression, at=False) if expression else None
        if reason:
            yield "rules", f"rules: schedule is {expression!r}; {reason}"
        start, done = item.number("startWindow") or 480, item.number("completionWindow") or 10080
        if done <= start:
            yield "rules", f"rules: completionWindow {done:g} must be more than startWindow {start:g}"
        if start < 60:
            yield "rules", f"rules: startWindow is {start:g}; accepted is at least 60 minutes"
        for cycle in (item.inner("lifecycle"), *(copy.inner("lifecycle") for copy in item.each("copyActions"))):
            cold, gone = cycle.number("coldStorageAfter"), cycle.number("deleteAfter")
            if cold and gone and gone < cold + 90:
                yield "rules", f"rules: deleteAfter {gone:g} must be 90 days after coldStorageAfter {cold:g}"


def vault_lock(given: Given) -> Iterator[Failure]:
    """A vault lock's bounds."""
    least, most, change = (
        given.number("minRetentionDays"),
        given.number("maxRetentionDays"),
        given.number("changeableForDays"),
    )
    if least is not None and most is not None and least > most:
        yield "maxRetentionDays", f"maxRetentionDays {most:g} is less than minRetentionDays {least:g}"
    if change is not None and change < 3:
        yield "changeableForDays", f"changeableForDays is {change:g}; accepted is at least 3"


def crawler(given: Given) -> Iterator[Failure]:
    """A schedule of Glue."""
    text = given.text("schedule")
    if text and text.startswith("cron(") and (reason := cron(text[5:-1])):
        yield "schedule", f"schedule is {text!r}; {reason}"


CHECKS = {
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (lifecycle,),
    "aws:s3/bucketVersioning:BucketVersioning": (versioning,),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (encryption,),
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": (cors,),
    "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration": (website,),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": (replication,),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": (object_lock,),
    "aws:s3/bucketAcl:BucketAcl": (acl,),
    "aws:s3/bucketObjectv2:BucketObjectv2": (bucket_object,),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (lifecycle_policy,),
    "aws:ecr/repository:Repository": (repository,),
    "aws:dynamodb/table:Table": (table,),
    "aws:ebs/volume:Volume": (volume,),
    "aws:backup/plan:Plan": (backup_plan,),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": (vault_lock,),
    "aws:glue/crawler:Crawler": (crawler,),
}
