"""Saved questions: each of every service's log (their fields: tests/services/test_saved_questions.py)."""

from __future__ import annotations

from collections.abc import Callable

from components.base import Component
from components.observability.queries import QUERIES, Queries, QueriesArgs
from tests.components.conftest import Recorded
from tests.components.examples import Example

Run = Callable[..., Recorded]
EXAMPLES: dict[type[Component], Example] = {
    Queries: lambda name, transform: Queries(name, QueriesArgs(log_group_names=["/m/d/wallet"]), transform=transform)
}


def test_each_question_is_asked_of_every_services_log(run: Run) -> None:
    groups = [f"/matchday/prod/{number}" for number in range(60)]
    recorded = run(lambda: Queries("queries", QueriesArgs(log_group_names=groups)))
    made = {item.name: item.inputs for item in recorded.of("QueryDefinition")}
    assert set(made) == {f"queries-{name}" for name in QUERIES}
    for each in made.values():
        assert each["logGroupNames"] == groups[:50], "AWS takes no more in one question"
