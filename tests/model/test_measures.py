"""Figures of the business in a manifest: what is accepted, and what a mistake is answered with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from model.measures import Measure

GOOD: dict[str, Any] = {"says": "documents that wait", "unit": "documents", "statistic": "Maximum"}
ALARM: dict[str, Any] = {"summary": "Too many wait", "runbook": "kyc-overdue"}


def test_a_figure_may_be_drawn_alone_or_watched_by_a_number_or_by_what_is_usual() -> None:
    assert Measure(**GOOD).alarm is None
    for more in ({"above": 240}, {"unusual": "low"}):
        assert Measure(**{**GOOD, "alarm": {**ALARM, **more}}).alarm is not None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"alarm": ALARM}, "neither is given"),
        ({"alarm": {**ALARM, "above": 1, "unusual": "low"}}, "both are given"),
        ({"alarm": {**ALARM, "above": 1, "times": 12}, "minutes": 121}, "12 of 121 minutes"),
        ({"alarm": {**ALARM, "above": -1}}, "greater than or equal to 0"),
        ({"alarm": {**ALARM, "above": 1, "runbook": "Kyc Overdue"}}, "runbook"),
        ({"alarm": {**ALARM, "above": 1, "severity": "shout"}}, "'page' or 'ticket'"),
        ({"statistic": "p95"}, "statistic"),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Measure(**{**GOOD, **more})
