"""What an account may cost in a month, who hears of it, and what looks unusual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import budgets, costexplorer

from components.base import Component, Transforms

#: Percent of the month's budget: spent, or foreseen, at which mail is sent.
SPENT, FORESEEN = (50, 80, 100), (100,)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendingArgs:
    """The budget.

    - monthly: what a month may cost, in `currency` (ISO 4217; AWS bills in it).
    - emails: who is mailed. anomaly: what a day must cost above the usual for it.
    - tags: cost allocation tags that are turned on.
    """

    monthly: int
    currency: str
    emails: Sequence[str]
    anomaly: int = 50
    tags: Sequence[str] = ("Project", "Environment", "Component")


class Spending(Component):
    """A budget and a watch for what is unusual.

    Makes: ``aws:budgets:Budget`` (``month``), ``aws:costexplorer:AnomalyMonitor`` (``unusual``), ``AnomalySubscription``
    (``unusual-mail``) and a ``CostAllocationTag`` for each tag. `budget_name` is for what acts on it (`Brake`).
    """

    def __init__(
        self,
        name: str,
        args: SpendingArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        budget = self.make(
            "month",
            budgets.Budget,
            budgets.BudgetArgs(
                name=self.physical_name("month"),
                budget_type="COST",
                time_unit="MONTHLY",
                limit_amount=str(args.monthly),
                limit_unit=args.currency,
                notifications=[
                    _notification(percent, kind, args.emails)
                    for kind, percents in (("ACTUAL", SPENT), ("FORECASTED", FORESEEN))
                    for percent in percents
                ],
            ),
        )
        self.budget_name: pulumi.Output[str] = budget.name
        monitor = self.make(
            "unusual",
            costexplorer.AnomalyMonitor,
            costexplorer.AnomalyMonitorArgs(
                name=self.physical_name("unusual"), monitor_type="DIMENSIONAL", monitor_dimension="SERVICE"
            ),
        )
        self.make(
            "unusual-mail",
            costexplorer.AnomalySubscription,
            costexplorer.AnomalySubscriptionArgs(
                name=self.physical_name("unusual"),
                frequency="DAILY",
                monitor_arn_lists=[monitor.arn],
                subscribers=[
                    costexplorer.AnomalySubscriptionSubscriberArgs(type="EMAIL", address=each) for each in args.emails
                ],
                threshold_expression=costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                    dimension=costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
                        key="ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                        match_options=["GREATER_THAN_OR_EQUAL"],
                        values=[str(args.anomaly)],
                    )
                ),
            ),
        )
        for tag in args.tags:
            self.make(
                f"tag-{tag.lower()}",
                costexplorer.CostAllocationTag,
                costexplorer.CostAllocationTagArgs(tag_key=tag, status="Active"),
            )
        self.register_outputs({})


def _notification(percent: int, kind: str, emails: Sequence[str]) -> Any:
    return budgets.BudgetNotificationArgs(
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        notification_type=kind,
        subscriber_email_addresses=list(emails),
    )
