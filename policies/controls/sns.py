"""Controls on SNS topics."""

from __future__ import annotations

from policies.lang.documents import statements
from policies.lang.everybody import anyone
from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, na, ok
from policies.rules import is_none_of, is_set
from policies.rules.public import not_public

TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
#: What AWS calls the policy that it gives a topic, which a deployed topic shows as its own.
_DEFAULT = "__default_policy_ID"
POLICIES = {TOPIC: "policy", "aws:sns/topicPolicy:TopicPolicy": "policy"}


def _demands_tls(resource: Resource) -> Verdict:
    path = POLICIES[resource.type]
    if not resource.has(path) or resource.document(path).text("Id") == _DEFAULT:
        return na("it has no policy of its own: no other account publishes")
    for statement in statements(resource, path):
        refuses = any(
            "false" in values for operator, values in statement.condition("aws:SecureTransport") if operator == "bool"
        )
        if not statement.allows and refuses and anyone(statement):
            return ok()
    return bad(path, "a document without a deny on aws:SecureTransport = false", "add that statement")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="SNS.1",
        severity=Severity.MEDIUM,
        remediation="Set kms_master_key_id on the sns.Topic; the key's policy must let the publishing services use it.",
        rule=is_set(TOPIC, "kmsMasterKeyId", "set it to a key of your own"),
    ),
    Control(
        id="SNS.4",
        severity=Severity.CRITICAL,
        remediation="Name principals in the topic's policy, or narrow `*` by aws:SourceAccount or aws:SourceArn.",
        rule=not_public(POLICIES, default="AWS's default policy: the owner alone"),
    ),
    Control(
        id="MD.SNS.1",
        title="Subscriptions over HTTP use TLS",
        severity=Severity.MEDIUM,
        remediation='Use protocol="https" on the sns.TopicSubscription.',
        link="https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit",
        rule=is_none_of(SUBSCRIPTION, "protocol", {"http"}, "use https"),
    ),
    Control(
        id="MD.SNS.2",
        title="Topics that have a policy refuse plain HTTP",
        severity=Severity.LOW,
        remediation="Add a statement to the topic's policy that denies sns:Publish where aws:SecureTransport is false.",
        link="https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit",
        rule=Each(tuple(POLICIES), _demands_tls),
    ),
)
