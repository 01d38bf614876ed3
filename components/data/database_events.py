"""Events of RDS (failover, failure, low storage, changed groups), sent to a topic that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import rds

from components.base import Component, Transforms

#: Source → the categories that ask for a person (FSBP RDS.20 to RDS.22).
CATEGORIES: Mapping[str, Sequence[str]] = {
    "db-instance": ("configuration change", "failover", "failure", "low storage", "maintenance", "recovery"),
    "db-parameter-group": ("configuration change",),
    "db-security-group": ("configuration change", "failure"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseEventsArgs:
    """Where they are sent: an SNS topic (`observability.Monitoring.ticket_topic_arn`)."""

    topic_arn: pulumi.Input[str]


class DatabaseEvents(Component):
    """Subscriptions to the events of every database in the account and Region.

    Makes: ``aws:rds:EventSubscription`` per source.
    """

    def __init__(
        self,
        name: str,
        args: DatabaseEventsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        for source, categories in CATEGORIES.items():
            self.make(
                source,
                rds.EventSubscription,
                rds.EventSubscriptionArgs(
                    name=self.physical_name(source),
                    sns_topic=args.topic_arn,
                    source_type=source,
                    event_categories=list(categories),
                ),
            )
        self.register_outputs({})
