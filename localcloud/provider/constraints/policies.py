"""Policy documents: what IAM and the services refuse as malformed, by the kind of policy.

Sources: "Grammar of the IAM JSON policy language" and "IAM and AWS STS quotas" (IAM User Guide), "Access policy language
overview" (S3), the service authorisation reference for actions (actions.txt, from cfn-lint).
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.provider.constraints import access
from localcloud.provider.constraints.access import listed
from localcloud.provider.constraints.combinations.given import Failure, Given

_MEMBERS = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
_OPERATORS = frozenset(
    f"{words}{ending}"
    for words in (
        "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
        "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
        "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
        "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals",
        "ArnNotLike",
    )
    for ending in ("", "IfExists")
) | {"Null"}  # fmt: skip
_OPERATORS_BY_CASE = frozenset(operator.lower() for operator in _OPERATORS)
_ARN = re.compile(r"(arn:[^:]*:[^:]+:[^:]*:[^:]*:.+|\*)", re.DOTALL)
_AWS_PRINCIPAL = re.compile(r"\*|\d{12}|arn:[\w-]+:(iam|sts):[^:]*:(\d{12}|cloudfront):.+|A[A-Z0-9]{15,}")
_ACCOUNT_SID = re.compile(r"[A-Za-z0-9]*")
#: Services whose names in actions the reference may not have yet are let through by their form alone.
_ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+")


@dataclass(frozen=True)
class Form:
    """What a policy of one kind has: who it is for, how long it may be (without white space), what names its resources."""

    principal: str  # "required", "refused"
    resource: str  # "required", "refused", "optional"
    limit: int
    strict_sid: bool = False
    #: The only service whose actions it may name; "" for any.
    service: str = ""


IDENTITY = Form("refused", "required", 6144, strict_sid=True)
INLINE = Form("refused", "required", 10240, strict_sid=True)
#: "Role trust policy length", whose default is in force unless an account asks for more.
TRUST = Form("required", "refused", 2048, strict_sid=True, service="sts")
BUCKET = Form("required", "required", 20480, service="s3")
KEY = Form("required", "required", 32768, service="kms")
RESOURCE = Form("required", "optional", 30720)
ENDPOINT = Form("required", "required", 20480)
SECRET = Form("required", "required", 20480, service="secretsmanager")
QUEUE = Form("required", "optional", 32768, service="sqs")
TOPIC = Form("required", "optional", 30720, service="sns")
REPOSITORY = Form("required", "refused", 10240, service="ecr")

#: (kind, property) -> the form of the policy that it holds.
FORMS: Mapping[tuple[str, str], Form] = {
    ("aws:iam/policy:Policy", "policy"): IDENTITY,
    ("aws:iam/rolePolicy:RolePolicy", "policy"): INLINE,
    ("aws:iam/userPolicy:UserPolicy", "policy"): INLINE,
    ("aws:iam/groupPolicy:GroupPolicy", "policy"): INLINE,
    ("aws:iam/role:Role", "assumeRolePolicy"): TRUST,
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"): BUCKET,
    ("aws:kms/key:Key", "policy"): KEY,
    ("aws:kms/keyPolicy:KeyPolicy", "policy"): KEY,
    ("aws:kms/replicaKey:ReplicaKey", "policy"): KEY,
    ("aws:sqs/queue:Queue", "policy"): QUEUE,
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"): QUEUE,
    ("aws:sns/topic:Topic", "policy"): TOPIC,
    ("aws:sns/topicPolicy:TopicPolicy", "policy"): TOPIC,
    ("aws:secretsmanager/secret:Secret", "policy"): SECRET,
    ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy"): SECRET,
    ("aws:ecr/repositoryPolicy:RepositoryPolicy", "policy"): REPOSITORY,
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "policy"): ENDPOINT,
    ("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy", "policy"): ENDPOINT,
    ("aws:backup/vaultPolicy:VaultPolicy", "policy"): RESOURCE,
    ("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "policyDocument"): Form("optional", "optional", 5120),
    ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy"): Form("required", "required", 10240, service="events"),
    ("aws:efs/fileSystemPolicy:FileSystemPolicy", "policy"): Form("required", "optional", 20000),
    ("aws:glue/resourcePolicy:ResourcePolicy", "policy"): Form("required", "required", 10240, service="glue"),
    ("aws:s3control/bucketPolicy:BucketPolicy", "policy"): Form("required", "required", 20480),
    ("aws:s3/accessPoint:AccessPoint", "policy"): BUCKET,
}


@functools.cache
def _actions() -> Mapping[str, frozenset[str]]:
    lines = Path(__file__).with_name("actions.txt").read_text().splitlines()[1:]
    return {line.split(" ", 1)[0]: frozenset(line.split(" ")[1:]) for line in lines}


def document(text: Any) -> dict[str, Any] | None:
    """A policy as an object; None when it is none or not known."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def failures(token: str, given: Given) -> Iterator[Failure]:
    """What is malformed in the policies of a resource."""
    for (kind, name), form in FORMS.items():
        if kind == token and given.has(name) and given.get(name) is not None:
            found = document(given.get(name))
            if found is None:
                continue  # "not JSON" is said elsewhere
            if found or name != "policy":
                yield from ((name, f"{name}: {reason}") for reason in malformed(found, form))


def malformed(found: Mapping[str, Any], form: Form) -> Iterator[str]:
    """Every reason to refuse a policy document."""
    size = len(json.dumps(found, separators=(",", ":"), ensure_ascii=False))
    if size > form.limit:
        yield f"the document has {size} characters; accepted are at most {form.limit}"
    for member in found:
        if member not in ("Version", "Id", "Statement"):
            yield f"unknown element {member!r}; accepted are Version, Id and Statement"
    if found.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
        yield f"Version is {found.get('Version')!r}; accepted are 2012-10-17 and 2008-10-17"
    statements = listed(found.get("Statement"))
    if not statements:
        yield "it has no Statement"
    sids = [statement.get("Sid") for statement in statements if isinstance(statement, dict) and statement.get("Sid")]
    for sid in sorted({str(sid) for sid in sids if sids.count(sid) > 1}):
        yield f"the Sid {sid!r} is used twice"
    for statement in statements:
        if isinstance(statement, dict):
            yield from _statement(statement, form)
        else:
            yield "each Statement is an object"


def _statement(statement: Mapping[str, Any], form: Form) -> Iterator[str]:
    for member in statement:
        if member not in _MEMBERS:
            yield f"unknown element {member!r} of a statement; accepted are {', '.join(_MEMBERS)}"
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f"Effect is {statement.get('Effect')!r}; accepted are Allow and Deny"
    if form.strict_sid and not _ACCOUNT_SID.fullmatch(str(statement.get("Sid", ""))):
        yield f"Sid is {statement['Sid']!r}; accepted are letters and digits"
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in statement and other in statement:
            yield f"{one} and {other} exclude each other"
    if not listed(statement.get("Action")) and not listed(statement.get("NotAction")):
        yield "a statement needs Action or NotAction"
    for action in (*listed(statement.get("Action")), *listed(statement.get("NotAction"))):
        yield from _action(action, form)
    has_resource = "Resource" in statement or "NotResource" in statement
    if form.resource == "required" and not has_resource:
        yield "a statement needs Resource or NotResource"
    if form.resource == "refused" and has_resource:
        yield "Resource has no place in this kind of policy"
    for resource in (*listed(statement.get("Resource")), *listed(statement.get("NotResource"))):
        if not isinstance(resource, str) or not _ARN.fullmatch(resource):
            yield f"Resource {resource!r}; accepted is an ARN or *"
    has_principal = "Principal" in statement or "NotPrincipal" in statement
    if form.principal == "refused" and has_principal:
        yield "Principal has no place in a policy of an identity"
    if form.principal == "required" and not has_principal:
        yield "a statement needs Principal"
    for principal in (statement.get("Principal"), statement.get("NotPrincipal")):
        yield from _principal(principal)
    yield from _condition(statement.get("Condition"))
    if form is BUCKET:
        for action in access.without_resource(statement):
            yield f"Action {action!r} does not apply to any resource of the statement"
        for key in access.unknown_keys(statement):
            yield f"the condition key {key!r} is none of S3"


def _action(action: Any, form: Form) -> Iterator[str]:
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        yield f"Action {action!r}; accepted is service:Action or *"
        return
    service, _, name = action.lower().partition(":")
    if action == "*":
        return
    known = _actions().get(service)
    if form.service and service != form.service and "*" not in service:
        yield f"Action {action!r} is none of {form.service}"
    elif known is None:
        if form is not IDENTITY and form is not INLINE:
            yield f"Action {action!r} names no service of AWS"
    elif form is not IDENTITY and form is not INLINE and "*" not in name and "?" not in name and name not in known:
        yield f"Action {action!r} is none of the service {service}"


def _principal(principal: Any) -> Iterator[str]:
    if principal is None or principal == "*":
        return
    if not isinstance(principal, dict) or not principal:
        yield f"Principal is {principal!r}; accepted are '*' and an object of AWS, Service, Federated or CanonicalUser"
        return
    for kind, names in principal.items():
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
            yield f"Principal {kind!r}; accepted are AWS, Service, Federated and CanonicalUser"
        for name in listed(names):
            if kind == "AWS" and not (isinstance(name, str) and _AWS_PRINCIPAL.fullmatch(name)):
                yield f"Principal AWS {name!r}; accepted are an account, an ARN of IAM or STS, and *"
            elif kind == "AWS" and (reason := access.principal_refused(name)):
                yield f"Principal AWS {name!r}: {reason}"
            if kind == "Service" and not (
                isinstance(name, str) and re.fullmatch(r"[\w.-]+\.(amazonaws\.com(\.cn)?|amazon\.com)|\*", name)
            ):
                yield f"Principal Service {name!r}; accepted is a service such as ecs-tasks.amazonaws.com"
            elif kind == "Service" and not access.service_known(name, _actions().keys()):
                yield f"Principal Service {name!r} names no service of AWS"


def _condition(condition: Any) -> Iterator[str]:
    if condition is None:
        return
    if not isinstance(condition, dict):
        yield f"Condition is {condition!r}; accepted is an object of operators"
        return
    for operator, keys in condition.items():
        plain = re.sub(r"^For(AllValues|AnyValue):", "", str(operator), flags=re.IGNORECASE)
        if plain.lower() not in _OPERATORS_BY_CASE:
            yield f"Condition operator {operator!r} is none of IAM's"
        elif not isinstance(keys, dict):
            yield f"Condition {operator!r} is {keys!r}; accepted is an object of condition keys"
        else:
            for key, values in keys.items():
                for value in access.ill_valued(str(operator), listed(values)):
                    yield f"Condition {operator!r}: {key} is {value!r}, which it cannot compare"


def principals(found: Mapping[str, Any]) -> Iterator[str]:
    """Every ARN that a policy names as a principal in Allow or Deny."""
    for statement in listed(found.get("Statement")):
        for member in ("Principal", "NotPrincipal"):
            principal = statement.get(member) if isinstance(statement, dict) else None
            if isinstance(principal, dict):
                yield from (
                    name for name in listed(principal.get("AWS")) if isinstance(name, str) and name.startswith("arn:")
                )


def allows(
    found: Mapping[str, Any] | None,
    action: str,
    services: Collection[str],
    others: Callable[[str], bool] = lambda _: False,
) -> bool:
    """Whether some statement allows an action to one of the services (or to an AWS principal that `others` takes).

    Conditions and Deny statements are not weighed: what a service tries first is not known here.
    """
    for statement in listed((found or {}).get("Statement")):
        if statement.get("Effect") != "Allow":
            continue
        asked, patterns = action.lower(), [str(item).lower() for item in listed(statement.get("Action"))]
        if "NotAction" not in statement and not any(fnmatch.fnmatchcase(asked, item) for item in patterns):
            continue
        principal = statement.get("Principal")
        if principal == "*" or "NotPrincipal" in statement:
            return True
        by_kind = principal if isinstance(principal, dict) else {}
        named = {str(item) for item in listed(by_kind.get("Service"))}
        arns = [str(item) for item in listed(by_kind.get("AWS"))]
        if named & {*services, "*"} or "*" in arns or any(map(others, arns)):
            return True
    return False
