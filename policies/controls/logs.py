"""Controls on CloudWatch log groups."""

from __future__ import annotations

from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, ok
from policies.rules import is_set

GROUP = "aws:cloudwatch/logGroup:LogGroup"
#: Security Hub's default.
RETENTION_DAYS = 365


def _kept_long_enough(group: Resource) -> Verdict:
    days = group.number("retentionInDays", 0) or 0  # 0: kept for ever
    if days == 0 or days >= RETENTION_DAYS:
        return ok()
    return bad("retentionInDays", group.raw("retentionInDays"), f"set it to {RETENTION_DAYS} or more")


def _does_not_grow_for_ever(group: Resource) -> Verdict:
    return (
        ok()
        if group.number("retentionInDays", 0)
        else bad("retentionInDays", group.raw("retentionInDays"), "set a number of days")
    )


CONTROLS: tuple[Control, ...] = (
    Control(
        id="CloudWatch.16",
        severity=Severity.MEDIUM,
        remediation=f"Set retention_in_days to {RETENTION_DAYS} or more on the cloudwatch.LogGroup.",
        rule=Each((GROUP,), _kept_long_enough),
    ),
    Control(
        id="MD.Logs.1",
        title="Log groups are encrypted by a key of the platform's own",
        severity=Severity.MEDIUM,
        remediation="Set kms_key_id on the cloudwatch.LogGroup; the key's policy must let logs.<region>.amazonaws.com use it.",
        link="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
        rule=is_set(GROUP, "kmsKeyId", "set it to a key of your own"),
    ),
    Control(
        id="MD.Logs.2",
        title="Logs end: nothing about a person is kept for ever",
        severity=Severity.LOW,
        remediation="Set retention_in_days on the cloudwatch.LogGroup; AWS's default keeps logs for ever.",
        link="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
        rule=Each((GROUP,), _does_not_grow_for_ever),
    ),
)
