"""Every property of pulumi_aws that can hold a policy document is read by a control, or stands here with a reason."""

from __future__ import annotations

import re
from functools import cache

import pytest

from policies.controls import resource_policies
from policies.controls.ecr import POLICIES as IMAGES
from policies.controls.kms import KEY_POLICIES
from policies.controls.s3_access import OTHER_POLICIES
from policies.controls.sns import POLICIES as TOPICS
from policies.lang.aliases import canonical
from policies.lang.identities import INLINE_PATHS, MANAGED, ROLE
from tests.policies.test_property_names import ROOT

_NAME = re.compile(r"(^|_)polic(y|ies)(_document|_body|_text)?$")
#: A property whose description speaks of a policy that is written into it, whatever its name.
_TOLD = re.compile(r"\bpolic(y|ies)\b", re.IGNORECASE)
_WRITTEN = re.compile(r"JSON|document|content", re.IGNORECASE)
_POINTS = re.compile(r"arn|_id$|name$")
_TOKEN = re.compile(r"super\(\w+, __self__\).__init__\(\s*'([^']+)'")
_ARGUMENTS = re.compile(r"class \w+Args:\s+def __init__\(__self__, \*,(.*?)\):", re.DOTALL)

#: Where controls read one: (type, property in snake_case).
READ: set[tuple[str, str]] = {
    *((kind, "policy") for kind in KEY_POLICIES),
    (ROLE, "assume_role_policy"),
    (MANAGED, "policy"),
    ("aws:backup/vaultPolicy:VaultPolicy", "policy"),
    ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "policy"),
    ("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy", "policy"),
    ("aws:lambda/resourcePolicy:ResourcePolicy", "policy"),
    ("aws:s3/bucket:Bucket", "policy"),
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"),
    ("aws:secretsmanager/secret:Secret", "policy"),
    ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy"),
    ("aws:sqs/queue:Queue", "policy"),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"),
}

#: Words that are called a policy and are none that lets anybody in: a regular expression over "type property" → why.
NONE: dict[str, str] = {
    r".* (ssl|alpn|tls|security)_policy$": "the name of a TLS setting",
    r".* (autoscaling|excess_capacity_termination|snapshot|auto_import|data_deletion)_policy$": "upkeep",
    r".* (delete_propagation|lifecycle|default)_policy$": "upkeep",
    r".* (new_game_session_protection|game_server_protection|notification|user_context)_policy$": "a setting",
    r".* dns_record_client_routing_policy$": "a setting",
    r".* (archive|delivery|filter|redrive|replay|redrive_allow)_policy$": "how messages are delivered",
    r"aws:ecr/lifecyclePolicy:.*": "which images are kept",
    r"aws:cfg/organizationCustomPolicyRule:.*": "a rule of AWS Config, in Guard",
    r"aws:cloudformation/stack:Stack policy_body": "what updates of a stack may replace",
    r"aws:cloudwatch/log(Account|DataProtection|Index)Policy:.*": "what becomes of log events",
    r"aws:sns/dataProtectionPolicy:.*": "what becomes of personal data in messages",
    r"aws:iot/policyAttachment:.*": "the name of a policy",
    r"aws:networkmanager/.*": "the routing of a network",
    r"aws:odb/network:.*": "an endpoint's policy inside a database network of Oracle's",
    r"aws:opensearch/serverless.*": "OpenSearch's own policy language, by principal",
    r"aws:ses/receiptFilter:.*": "whether an address is blocked",
    r"aws:verifiedaccess/.*": "Cedar, over signed-in users",
    r"aws:workspacesweb/.*": "settings of a browser",
    r"aws:transfer/webApp:.*": "the kind of endpoint",
    r"aws:lb/listener:.* routing_http_response_content_security_policy_header_value": "a header",
    r"aws:appautoscaling/policy:Policy policy_type": "a setting",
    r"aws:networkmanager/prefixListAssociation:.* prefix_list_alias": "the routing of a network",
    r"aws:organizations/policy:Policy content": "what accounts may do at most: it limits and grants nothing",
    r"aws:ram/permission:Permission policy_template": "actions of a share, without principals: the share names those",
    r"aws:route53/trafficPolicy:TrafficPolicy document": "the routing of names",
    r"aws:verifiedpermissions/policyTemplate:PolicyTemplate statement": "Cedar, over the application's own users",
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _described(text: str) -> dict[str, str]:
    """Name → description of the arguments, as the docstrings have them."""
    found: dict[str, str] = {}
    for part in text.split(":param ")[1:]:
        head, colon, words = part.partition(": ")
        if colon:
            found.setdefault(head.rpartition(" ")[2], words.partition('"""')[0])
    return found


@cache
def _bearers() -> frozenset[tuple[str, str]]:
    """(type, property) of every argument of pulumi_aws that is text and called a policy, or described as one."""
    found: set[tuple[str, str]] = set()
    for path in sorted(ROOT.glob("*/*.py")):
        if path.name.startswith(("_", "get_", "outputs")):
            continue
        text = path.read_text(encoding="utf-8")
        token, arguments = _TOKEN.search(text), _ARGUMENTS.search(text)
        if not token or not arguments:
            continue
        described = _described(text)
        for name, annotation in re.findall(r"\n\s+(\w+): (.*)", arguments[1]):
            text_like = "_builtins.str" in annotation or "PolicyDocumentArgs" in annotation
            if not text_like or "Sequence" in annotation or "Mapping" in annotation:
                continue
            words = described.get(name, "")
            if _NAME.search(name) or (_TOLD.search(words) and _WRITTEN.search(words) and not _POINTS.search(name)):
                found.add((canonical(token[1]), name))
    return frozenset(found)


def _read() -> set[tuple[str, str]]:
    tables = (resource_policies.DOCUMENTS, IMAGES, OTHER_POLICIES, TOPICS, INLINE_PATHS)
    return READ | {(kind, _snake(path)) for table in tables for kind, path in table.items()}


def _unread(read: set[tuple[str, str]], found: frozenset[tuple[str, str]]) -> list[str]:
    unread = [f"{kind} {name}" for kind, name in sorted(found - read)]
    return [one for one in unread if not any(re.fullmatch(pattern, one) for pattern in NONE)]


@pytest.mark.slow
def test_every_property_that_holds_a_policy_is_read() -> None:
    read, found = _read(), _bearers()
    assert len(found) > 100
    assert not _unread(read, found)
    gone = [f"{kind} {path}" for kind, path in sorted(read - found) if "." not in path]
    assert not gone, "no longer in pulumi_aws"


def test_one_that_nobody_reads_is_found() -> None:
    """The enumeration has teeth: whichever of those that are read is forgotten, it is named."""
    read, found = _read(), _bearers()
    for forgotten in read & found:
        assert _unread(read - {forgotten}, found) == [" ".join(forgotten)]


def test_every_reason_is_needed() -> None:
    found = {f"{kind} {name}" for kind, name in _bearers()}
    assert not [pattern for pattern in NONE if not any(re.fullmatch(pattern, one) for one in found)]
