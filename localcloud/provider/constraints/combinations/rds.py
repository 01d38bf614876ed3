"""RDS: instances, clusters, proxies, parameter groups. Sources: CreateDBInstance and CreateDBCluster (API reference), "Amazon
RDS DB instance storage", "Constraints on master user names", cfn-lint's engine versions and classes (engines.json).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.provider.constraints import decisions
from localcloud.provider.constraints.combinations.given import Failure, Given

_LOGS = {
    "postgres": ("postgresql", "upgrade", "iam-db-auth-error"),
    "mysql": ("audit", "error", "general", "slowquery", "iam-db-auth-error"),
    "mariadb": ("audit", "error", "general", "slowquery"),
    "aurora-postgresql": ("postgresql", "instance", "iam-db-auth-error"),
    "aurora-mysql": ("audit", "error", "general", "slowquery", "instance", "iam-db-auth-error"),
}
_LICENCES = {"postgres": "postgresql-license", "mysql": "general-public-license", "mariadb": "general-public-license"}
#: "MasterUsername admin cannot be used as it is a reserved word used by the engine".
_RESERVED = {
    "postgres": ("admin", "rdsadmin", "rds_superuser", "replication"),
    "mysql": ("rdsadmin",),
    "mariadb": ("rdsadmin",),
}
#: PostgreSQL's reserved key words (its manual, appendix C): neither a user nor a database may be called so.
_KEY_WORDS = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
    leading limit localtime localtimestamp not null offset on only or order placing primary references returning
    select session_user some symmetric table then to trailing true union unique user using variadic when where window
    with"""
_AUTHORITIES = ("rds-ca-2019", "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OTHER_ENGINES = (
    "oracle-ee", "oracle-ee-cdb", "oracle-se2", "oracle-se2-cdb", "sqlserver-ee", "sqlserver-se", "sqlserver-ex",
    "sqlserver-web", "db2-ae", "db2-se", "custom-oracle-ee", "custom-oracle-ee-cdb", "custom-oracle-se2",
    "custom-sqlserver-ee", "custom-sqlserver-se", "custom-sqlserver-web", "neptune", "docdb", "aurora",
    "custom-oracle-se2-cdb", "sqlserver-dev-ee", "custom-sqlserver-dev",
)  # fmt: skip


@functools.cache
def tables() -> Mapping[str, Any]:
    """engines.json."""
    found: Mapping[str, Any] = json.loads((Path(__file__).parents[1] / "engines.json").read_text())
    return found


def version_known(engine: str, version: str) -> bool:
    """Whether RDS has a version, or one that begins with it; minor versions newer than the table's are believed."""
    known = tables()["rds"][engine]["versions"]
    if any(version == item or item.startswith(version + ".") for item in known):
        return True
    head, _, minor = version.rpartition(".")
    minors = [
        int(item.rpartition(".")[2])
        for item in known
        if item.rpartition(".")[0] == head and item.rpartition(".")[2].isdigit()
    ]
    return bool(head and minors and minor.isdigit() and max(minors) < int(minor) <= max(minors) + 3)


def resolved(engine: str, version: str) -> str:
    """The version that RDS makes of a major one ("16"), or of none: the newest that is known."""
    known = [item for item in tables()["rds"].get(engine, {}).get("versions", ()) if re.fullmatch(r"[\d.]+", item)]
    fitting = [item for item in known if not version or item.startswith(f"{version}.")]
    return max(fitting, key=decisions.version) if fitting else version


def _engine(given: Given, name: str = "engineVersion") -> Iterator[Failure]:
    engine, version = given.text("engine"), given.text(name)
    if not engine:
        return
    known = tables()["rds"]
    if engine not in known:
        if engine not in _OTHER_ENGINES:
            yield "engine", f"engine is {engine!r}; accepted are {', '.join((*known, *_OTHER_ENGINES))}"
        return
    if version and not version_known(engine, version):
        majors = sorted({item.split(".")[0] for item in known[engine]["versions"]})
        yield name, f"{name} is {version!r}, which {engine} does not have (its major versions: {', '.join(majors)})"


def _class(given: Given, name: str) -> Iterator[Failure]:
    engine, size = given.text("engine"), given.text(name)
    if not size:
        return
    if not re.fullmatch(r"db\.[a-z0-9-]+(\.[a-z0-9-]+)+|db\.serverless", size):
        yield name, f"{name} is {size!r}; accepted is a class such as db.t4g.micro"
    elif engine in tables()["rds"] and size not in tables()["rds"][engine]["classes"] and size != "db.serverless":
        yield name, f"{name} is {size!r}, which {engine} does not run on"


def windows(given: Given, backup: str, maintenance: str) -> Iterator[Failure]:
    """The two windows last half an hour at least, and do not overlap."""
    daily, weekly = given.text(backup), given.text(maintenance)
    spans: dict[str, tuple[int, int]] = {}
    for name, text in ((backup, daily), (maintenance, weekly)):
        found = re.fullmatch(r"(?:(\w{3}):)?(\d\d):(\d\d)-(?:(\w{3}):)?(\d\d):(\d\d)", (text or "").lower())
        if not found:
            continue
        first = (_DAYS.index(found[1]) if found[1] in _DAYS else 0) * 1440 + int(found[2]) * 60 + int(found[3])
        last = (_DAYS.index(found[4]) if found[4] in _DAYS else 0) * 1440 + int(found[5]) * 60 + int(found[6])
        week = 1440 if name == backup else 7 * 1440
        spans[name] = first, (last - first) % week
        if spans[name][1] < 30:
            yield name, f"{name} is {text!r}, {spans[name][1]} minutes; accepted is at least 30"
    if len(spans) == 2:
        (start, length), (begin, lasts) = spans[backup], spans[maintenance]
        taken = {(begin + minute) % 1440 for minute in range(min(lasts, 1440))}
        if any((start + minute) % 1440 in taken for minute in range(length)):
            yield maintenance, f"{maintenance} {weekly!r} and {backup} {daily!r} overlap"


def _storage(given: Given) -> Iterator[Failure]:
    kind, size = given.text("storageType"), given.number("allocatedStorage")
    engine = given.text("engine")
    if engine and engine.startswith("aurora"):
        return
    small = {"gp2": 20, "gp3": 20, "io1": 100, "io2": 100, "standard": 5}
    if not kind and size is not None and size < 5:
        yield "allocatedStorage", f"allocatedStorage is {size:g} GiB; accepted is at least 5"
    if kind in small and size is not None and engine in _LICENCES and size < small[kind]:
        yield "allocatedStorage", f"allocatedStorage is {size:g} GiB; {kind} accepts at least {small[kind]}"
    if size is not None and size > 65536:
        yield "allocatedStorage", f"allocatedStorage is {size:g} GiB; accepted is at most 65536"
    if kind in ("io1", "io2") and given.lacks("iops") and given.lacks("snapshotIdentifier", "replicateSourceDb"):
        yield "iops", f"iops is required with the storage type {kind}"
    if given.has("iops") and (kind in ("gp2", "standard")):
        yield "iops", f"iops has no place with the storage type {kind}"
    if given.has("storageThroughput") and kind is not None and kind != "gp3":
        yield "storageThroughput", f"storageThroughput needs the storage type gp3, not {kind or 'the default'}"
    if kind == "gp3" and engine in _LICENCES and size is not None and size < 400:
        for name in ("iops", "storageThroughput"):
            if given.has(name):
                yield name, f"{name} cannot be chosen with gp3 and less than 400 GiB"
    most = given.number("maxAllocatedStorage")
    if most and size is not None and most < size:
        yield "maxAllocatedStorage", f"maxAllocatedStorage {most:g} is less than allocatedStorage {size:g}"
    if most and size is not None and size < most < size * 1.1:
        yield "maxAllocatedStorage", f"maxAllocatedStorage {most:g} is less than 10 % above allocatedStorage {size:g}"
    speed = given.number("iops")
    if speed and size and kind in ("io1", "io2") and speed / size > {"io1": 50, "io2": 1000}[kind]:
        yield "iops", f"iops {speed:g} are more than {kind} has for {size:g} GiB"
    if most and kind == "standard":
        yield "maxAllocatedStorage", "storage that grows by itself is not supported by the storage type standard"


def _user(given: Given, user: str, password: str) -> Iterator[Failure]:
    engine, name, secret = given.text("engine"), given.text(user), given.text(password)
    base = (engine or "").replace("aurora-", "").replace("postgresql", "postgres")
    if name and engine in (*_LICENCES, "aurora-postgresql", "aurora-mysql"):
        longest = 63 if base == "postgres" else 16
        if not re.fullmatch(rf"[a-zA-Z]\w{{0,{longest - 1}}}", name):
            yield (
                user,
                f"{user} is {name!r}; accepted are 1 to {longest} letters, digits and underscores, beginning with a letter",
            )
        words = _KEY_WORDS.split() if base == "postgres" else ()
        if name.lower() in (*_RESERVED.get(base, ()), *words) or (
            base == "postgres" and name.lower().startswith("pg_")
        ):
            yield user, f"{user} is {name!r}, a reserved word of {engine}"
    if secret:
        longest = 41 if base in ("mysql", "mariadb") else 128
        if not 8 <= len(secret) <= longest or re.search(r'[/"@ ]|[^\x20-\x7e]', secret):
            yield password, f'accepted are 8 to {longest} printable characters without / " @ and spaces'


def _logs(given: Given) -> Iterator[Failure]:
    engine = given.text("engine")
    for name in given.items("enabledCloudwatchLogsExports") or ():
        if engine in _LOGS and name not in _LOGS[engine]:
            yield "enabledCloudwatchLogsExports", f"the log {name!r} is none of {engine}'s: {', '.join(_LOGS[engine])}"


def _insights(given: Given) -> Iterator[Failure]:
    on = given.on("performanceInsightsEnabled")
    if given.off("performanceInsightsEnabled"):
        for name in ("performanceInsightsRetentionPeriod", "performanceInsightsKmsKeyId"):
            if given.has(name) and given.get(name) != 0:
                yield name, f"{name} needs performanceInsightsEnabled"
    if given.text("databaseInsightsMode") == "advanced":
        kept = given.number("performanceInsightsRetentionPeriod")
        if given.off("performanceInsightsEnabled") or (on and kept is not None and kept < 465):
            yield (
                "databaseInsightsMode",
                "databaseInsightsMode advanced needs Performance Insights kept for at least 465 days",
            )
    interval = given.number("monitoringInterval") or 0
    if interval and given.lacks("monitoringRoleArn"):
        yield "monitoringRoleArn", f"monitoringRoleArn is required with a monitoringInterval of {interval:g}"


def instance(given: Given) -> Iterator[Failure]:
    """A DB instance."""
    copy = given.has("replicateSourceDb") or given.has("snapshotIdentifier") or given.has("restoreToPointInTime")
    yield from _engine(given)
    yield from _class(given, "instanceClass")
    yield from _storage(given)
    yield from _user(given, "username", "password")
    yield from _logs(given)
    yield from _insights(given)
    yield from windows(given, "backupWindow", "maintenanceWindow")
    engine, name, port = given.text("engine"), given.text("dbName"), given.number("port")
    if given.has("kmsKeyId") and given.off("storageEncrypted") and not copy:
        yield "kmsKeyId", "kmsKeyId needs storageEncrypted"
    if given.on("multiAz") and given.has("availabilityZone"):
        yield "availabilityZone", "availabilityZone has no place with multiAz: RDS chooses both zones"
    if (
        name
        and engine in _LICENCES
        and not re.fullmatch(r"[a-zA-Z_]\w{0,62}" if engine == "postgres" else r"[a-zA-Z]\w{0,63}", name)
    ):
        yield "dbName", f"dbName is {name!r}; accepted are letters, digits and underscores, beginning with a letter"
    if (
        name
        and engine == "postgres"
        and name.lower() in {*_KEY_WORDS.split(), "db", "rdsadmin", "template0", "template1"}
    ):
        yield "dbName", f"dbName is {name!r}, a reserved word of postgres"
    authority = given.text("caCertIdentifier")
    if authority and authority not in _AUTHORITIES:
        yield "caCertIdentifier", f"caCertIdentifier is {authority!r}; accepted are {', '.join(_AUTHORITIES)}"
    restore = given.inner("restoreToPointInTime")
    if restore.has("restoreTime") and restore.has("useLatestRestorableTime"):
        yield "restoreToPointInTime", "restoreToPointInTime has one of restoreTime and useLatestRestorableTime"
    if given.get("restoreToPointInTime") and restore.lacks("restoreTime", "useLatestRestorableTime"):
        yield "restoreToPointInTime", "restoreToPointInTime needs restoreTime or useLatestRestorableTime"
    if port is not None and not 1150 <= port <= 65535:
        yield "port", f"port is {port:g}; accepted is 1150 to 65535"
    licence = given.text("licenseModel")
    if licence and engine in _LICENCES and licence != _LICENCES[engine]:
        yield "licenseModel", f"licenseModel is {licence!r}; {engine} accepts {_LICENCES[engine]}"
    for prop, engines in (
        ("timezone", "sqlserver"),
        ("characterSetName", "oracle|sqlserver|db2"),
        ("ncharCharacterSetName", "oracle"),
        ("replicaMode", "oracle|db2"),
    ):
        if given.has(prop) and engine in _LICENCES:
            yield prop, f"{prop} has no place with {engine}; it is for {engines.replace('|', ', ')}"
    if given.has("replicateSourceDb") and given.has("snapshotIdentifier"):
        yield "snapshotIdentifier", "replicateSourceDb and snapshotIdentifier exclude each other"
    if given.has("masterUserSecretKmsKeyId") and given.off("manageMasterUserPassword"):
        yield "masterUserSecretKmsKeyId", "masterUserSecretKmsKeyId needs manageMasterUserPassword"
    if engine and engine.startswith("aurora"):
        yield "engine", f"engine is {engine!r}: an Aurora instance is an aws.rds.ClusterInstance of an aws.rds.Cluster"


def cluster(given: Given) -> Iterator[Failure]:
    """A DB cluster."""
    yield from _engine(given)
    yield from _user(given, "masterUsername", "masterPassword")
    yield from _logs(given)
    yield from windows(given, "preferredBackupWindow", "preferredMaintenanceWindow")
    engine = given.text("engine") or ""
    sources = ("snapshotIdentifier", "replicationSourceIdentifier", "restoreToPointInTime", "s3Import")
    copy = any(given.has(name) for name in sources)
    joined = given.has("globalClusterIdentifier") or copy
    if not joined and given.lacks("masterPassword", "manageMasterUserPassword", "masterPasswordWo"):
        yield "masterPassword", "one of masterPassword and manageMasterUserPassword is required"
    if not joined and given.lacks("masterUsername"):
        yield "masterUsername", "masterUsername is required for a new cluster"
    if engine.startswith("aurora"):
        for name in ("allocatedStorage", "iops", "dbClusterInstanceClass"):
            if given.has(name):
                yield name, f"{name} has no place with {engine}; it is for Multi-AZ clusters of mysql and postgres"
    elif engine in ("mysql", "postgres"):
        for name in ("allocatedStorage", "dbClusterInstanceClass"):
            if not given.has(name) and not copy:
                yield name, f"{name} is required for a Multi-AZ cluster of {engine}"
    scaling = given.inner("serverlessv2ScalingConfiguration")
    least, most = scaling.number("minCapacity"), scaling.number("maxCapacity")
    if least is not None and most is not None and least > most:
        yield "serverlessv2ScalingConfiguration", f"minCapacity {least:g} is more than maxCapacity {most:g}"
    backtrack = given.number("backtrackWindow")
    if backtrack and engine == "aurora-postgresql":
        yield "backtrackWindow", "backtrackWindow is for aurora-mysql only"
    if given.has("kmsKeyId") and given.off("storageEncrypted") and given.has("storageEncrypted"):
        yield "kmsKeyId", "kmsKeyId needs storageEncrypted"
    kept = given.number("backupRetentionPeriod")
    if kept is not None and not 1 <= kept <= 35:
        yield "backupRetentionPeriod", f"{kept:g} days; accepted are 1 to 35"


def cluster_instance(given: Given) -> Iterator[Failure]:
    """An instance of a cluster."""
    yield from _engine(given)
    yield from _class(given, "instanceClass")
    yield from _insights(given)


_FAMILIES = re.compile(
    r"(postgres(9\.\d|1\d)|mysql(5\.\d|8\.[0-4])|mariadb1[01]\.\d+|mariadb10\.\d+|aurora-postgresql1\d|aurora-postgresql9\.6"
    r"|aurora-mysql(5\.7|8\.[0-4])|aurora5\.6|oracle-.+|sqlserver-.+|custom-.+|db2-.+|neptune.+|docdb.+)"
)


def family(given: Given) -> Iterator[Failure]:
    """The family of a parameter group."""
    found = given.text("family")
    if found and not _FAMILIES.fullmatch(found):
        yield "family", f"family is {found!r}; accepted is one such as postgres16 or mysql8.0"


def subnet_group(given: Given) -> Iterator[Failure]:
    """A subnet group has subnets in two zones at least."""
    subnets = given.items("subnetIds")
    if subnets is not None and given.has("subnetIds") and len(set(subnets)) < 2:
        yield "subnetIds", "subnetIds: subnets in at least two availability zones are required"


#: "Amazon RDS event categories and event messages", of all sources together.
_CATEGORIES = frozenset((
    "availability", "backtrack", "backup", "configuration change", "creation", "deletion", "failover", "failure",
    "global-failover", "low storage", "maintenance", "migration", "notification", "read replica", "recovery", "restoration",
    "security", "security patching", "serverless",
))  # fmt: skip


def event_subscription(given: Given) -> Iterator[Failure]:
    """An event subscription's categories."""
    for category in given.items("eventCategories") or ():
        if category not in _CATEGORIES:
            yield (
                "eventCategories",
                f"SubscriptionCategoryNotFound: eventCategories: {category!r}; accepted are {', '.join(sorted(_CATEGORIES))}",
            )


def proxy(given: Given) -> Iterator[Failure]:
    """A proxy authenticates by secrets, or by IAM from end to end."""
    for auth in given.each("auths"):
        if auth.text("authScheme", "SECRETS") == "SECRETS" and auth.lacks("secretArn"):
            yield "auths", "auths: secretArn is required with the authScheme SECRETS"


CHECKS = {
    "aws:rds/instance:Instance": (instance,),
    "aws:rds/cluster:Cluster": (cluster,),
    "aws:rds/clusterInstance:ClusterInstance": (cluster_instance,),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": (family,),
    "aws:rds/subnetGroup:SubnetGroup": (subnet_group,),
    "aws:rds/eventSubscription:EventSubscription": (event_subscription,),
    "aws:rds/proxy:Proxy": (proxy,),
}
