"""AWS Budgets. Source: CreateBudget (API reference: Budget, Spend)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given

_UTILIZATION = ("RI_UTILIZATION", "SAVINGS_PLANS_UTILIZATION", "RI_COVERAGE", "SAVINGS_PLANS_COVERAGE")
_WHOLE, _LONGEST = 100, 100


def budget(given: Given) -> Iterator[Failure]:
    """A budget: notifications have somebody to tell."""
    for item in given.each("notifications"):
        if item.lacks("subscriberEmailAddresses", "subscriberSnsTopicArns"):
            yield (
                "notifications",
                "notifications: one of subscriberEmailAddresses and subscriberSnsTopicArns is required",
            )
    amount = given.text("limitAmount")
    if amount and not re.fullmatch(r"\d+(\.\d+)?", amount):
        yield "limitAmount", f"limitAmount is {amount!r}; a number is accepted"
    if given.text("budgetType") in ("RI_UTILIZATION", "SAVINGS_PLANS_UTILIZATION") and given.text("limitUnit") not in (
        "PERCENTAGE",
        None,
    ):
        yield "limitUnit", f"limitUnit is {given.text('limitUnit')!r}; {given.text('budgetType')} accepts PERCENTAGE"
    elif given.text("budgetType") in _UTILIZATION and amount and float(amount) != _WHOLE:
        yield "limitAmount", f"limitAmount is {amount!r}; {given.text('budgetType')} accepts 100"
    unit = given.text("limitUnit")
    if given.text("budgetType") == "COST" and unit and not re.fullmatch(r"[A-Z]{3}", unit):
        yield "limitUnit", f"InvalidParameterException: limitUnit is {unit!r}; COST accepts a currency, such as USD"
    name = given.text("name")
    if name and (re.search(r"[:\\\\]", name) or len(name) > _LONGEST):
        yield "name", f"name is {name!r}; accepted are 1 to {_LONGEST} characters without : and \\"


CHECKS = {"aws:budgets/budget:Budget": (budget,)}
