"""Every property of pulumi_aws that can hold a policy document is read by a control, or stands here with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.controls import resource_policies
from policies.controls.ecr import POLICIES as IMAGES
from policies.controls.kms import KEY_POLICIES
from policies.controls.s3_access import OTHER_POLICIES
from policies.controls.sns import POLICIES as TOPICS
from policies.lang.aliases import canonical
from policies.lang.identities import INLINE_PATHS, MANAGED, ROLE
from tests.policies.test_property_names import ROOT

_NAME = re.compile(r"(^|_)polic(y|ies)(_document|_body|_text)?$")
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
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _bearers() -> Iterator[tuple[str, str]]:
    """(type, property) of every argument of pulumi_aws that is text and called a policy."""
    for path in sorted(ROOT.glob("*/*.py")):
        if path.name.startswith(("_", "get_", "outputs")):
            continue
        text = path.read_text(encoding="utf-8")
        token, arguments = _TOKEN.search(text), _ARGUMENTS.search(text)
        if not token or not arguments:
            continue
        for name, annotation in re.findall(r"\n\s+(\w+): (.*)", arguments[1]):
            text_like = "_builtins.str" in annotation or "PolicyDocumentArgs" in annotation
            if _NAME.search(name) and text_like and "Sequence" not in annotation and "Mapping" not in annotation:
                yield canonical(token[1]), name


def test_every_property_that_holds_a_policy_is_read() -> None:
    tables = (resource_policies.DOCUMENTS, IMAGES, OTHER_POLICIES, TOPICS, INLINE_PATHS)
    read = READ | {(kind, _snake(path)) for table in tables for kind, path in table.items()}
    found = set(_bearers())
    assert len(found) > 100
    unread = [f"{kind} {name}" for kind, name in sorted(found - read)]
    assert not [one for one in unread if not any(re.fullmatch(pattern, one) for pattern in NONE)]
    gone = [f"{kind} {path}" for kind, path in sorted(read - found) if "." not in path]
    assert not gone, "no longer in pulumi_aws"


def test_every_reason_is_needed() -> None:
    found = {f"{kind} {name}" for kind, name in _bearers()}
    assert not [pattern for pattern in NONE if not any(re.fullmatch(pattern, one) for one in found)]
