"""Controls on EventBridge: buses and global endpoints."""

from __future__ import annotations

from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_one_of, is_set
from policies.rules.public import not_public

BUS = "aws:cloudwatch/eventBus:EventBus"
POLICY = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
ENDPOINT = "aws:cloudwatch/eventEndpoint:EventEndpoint"


def _has_policy(bus: Resource, stack: Stack) -> Verdict:
    if bus.text("name") == "default":
        return na("the account's default bus")
    return (
        ok()
        if stack.referrers(bus, POLICY, "eventBusName")
        else bad("EventBusPolicy", None, "add one that says who may publish")
    )


CONTROLS: tuple[Control, ...] = (
    Control(
        id="EventBridge.3",
        severity=Severity.LOW,
        remediation="Add a cloudwatch.EventBusPolicy for the bus.",
        rule=Related((BUS,), _has_policy),
    ),
    Control(
        id="EventBridge.4",
        severity=Severity.MEDIUM,
        remediation="Leave replication_config out, or set its state to ENABLED.",
        rule=is_one_of(ENDPOINT, "replicationConfig.state", {"ENABLED"}, default="ENABLED"),
    ),
    Control(
        id="MD.EventBridge.1",
        title="EventBridge event bus policies should not allow public access",
        severity=Severity.CRITICAL,
        remediation="Name accounts in the bus's policy, or narrow `*` by aws:PrincipalOrgID.",
        link="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html",
        rule=not_public({POLICY: "policy"}),
    ),
    Control(
        id="MD.EventBridge.2",
        title="Custom buses are encrypted by a key of the platform's own",
        severity=Severity.LOW,
        remediation="Set kms_key_identifier on the cloudwatch.EventBus.",
        link="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html",
        rule=is_set(BUS, "kmsKeyIdentifier", "set it to a key of your own"),
    ),
)
