"""A budget rings before it is spent, and an unusual day by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from components.base import Component
from components.cost.spending import Spending, SpendingArgs
from tests.components.conftest import Recorded
from tests.components.examples import Example

Run = Callable[..., Recorded]
ARGS = SpendingArgs(monthly=4000, currency="USD", emails=["finance@example.com"])

EXAMPLES: Mapping[type[Component], Example] = {
    Spending: lambda name, transform: Spending(name, ARGS, transform=transform)
}


def test_half_four_fifths_all_and_what_is_foreseen(run: Run) -> None:
    budget = run(lambda: Spending("spending", ARGS)).named("spending-month").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("4000", "USD", "MONTHLY")
    found = {(each["notificationType"], each["threshold"]) for each in budget["notifications"]}
    assert found == {("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
    assert all(each["subscriberEmailAddresses"] == ["finance@example.com"] for each in budget["notifications"])


def test_an_unusual_day_is_mailed(run: Run) -> None:
    recorded = run(lambda: Spending("spending", ARGS))
    (subscription,) = recorded.of("AnomalySubscription")
    assert subscription.inputs["thresholdExpression"]["dimension"]["values"] == ["50"]
    assert {item.inputs["tagKey"] for item in recorded.of("CostAllocationTag")} == {
        "Project",
        "Environment",
        "Component",
    }
