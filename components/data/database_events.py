"""Events of RDS (failover, failure, low storage, changed groups), sent to the topics that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import rds

from components.base import Component, Transforms

#: Source → the categories that ask for a person (FSBP RDS.20 to RDS.22 want each in one subscription).
CATEGORIES: Mapping[str, Sequence[str]] = {
    "db-instance": ("configuration change", "failover", "failure", "low storage", "maintenance", "recovery"),
    "db-parameter-group": ("configuration change",),
    "db-security-group": ("configuration change", "failure"),
}

#: Those of a server that cannot wait: they page too. "low storage" also says that growth has reached its limit.
URGENT = ("failover", "failure", "low storage")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseEventsArgs:
    """Where they are sent: the SNS topics of `observability.Monitoring`."""

    page_topic_arn: pulumi.Input[str]
    ticket_topic_arn: pulumi.Input[str]


class DatabaseEvents(Component):
    """Subscriptions to the events of every database in the account and Region.

    Makes: ``aws:rds:EventSubscription`` per source, and one (``urgent``) that pages.
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
        subscriptions = [(source, source, names, args.ticket_topic_arn) for source, names in CATEGORIES.items()]
        subscriptions.append(("urgent", "db-instance", URGENT, args.page_topic_arn))
        for role, source, categories, topic in subscriptions:
            self.make(
                role,
                rds.EventSubscription,
                rds.EventSubscriptionArgs(
                    name=self.physical_name(role),
                    sns_topic=topic,
                    source_type=source,
                    event_categories=list(categories),
                ),
            )
        self.register_outputs({})
