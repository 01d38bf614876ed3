"""Jobs of AWS Backup that did not end well, sent to the topic that people read."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.base import Component, Transforms

#: How a job may end that made nothing (AWS Backup Developer Guide, "Monitor AWS Backup events"). The events of
#: backup and copy jobs call it `state`, those of restore jobs `status`.
_BAD = ["ABORTED", "EXPIRED", "FAILED"]
PATTERN = {
    "source": ["aws.backup"],
    "detail-type": ["Backup Job State Change", "Copy Job State Change", "Restore Job State Change"],
    "detail": {"$or": [{"state": _BAD}, {"status": _BAD}]},
}

_TEXT = '"<kind>, <time>: <message>. Runbook: docs/runbooks/backup-failed.md"'


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupEventsArgs:
    """ticket_topic_arn: of `observability.Monitoring`, whose policy admits EventBridge."""

    ticket_topic_arn: pulumi.Input[str]


class BackupEvents(Component):
    """A rule for backup, copy and restore jobs of the account and Region that failed.

    Makes: ``aws:cloudwatch:EventRule`` (``failed``) and ``EventTarget`` (``ticket``).
    """

    def __init__(
        self,
        name: str,
        args: BackupEventsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        rule = self.make(
            "failed",
            cloudwatch.EventRule,
            cloudwatch.EventRuleArgs(
                name=self.physical_name("failed", "event-rule"),
                description="Backups, copies and restores that failed",
                event_pattern=json.dumps(PATTERN),
            ),
        )
        self.make(
            "ticket",
            cloudwatch.EventTarget,
            cloudwatch.EventTargetArgs(
                rule=rule.name,
                arn=args.ticket_topic_arn,
                input_transformer=cloudwatch.EventTargetInputTransformerArgs(
                    input_paths={"kind": "$.detail-type", "time": "$.time", "message": "$.detail.statusMessage"},
                    input_template=_TEXT,
                ),
            ),
        )
        self.register_outputs({})
