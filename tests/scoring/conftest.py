"""Fixtures of the scoring tests: the real matches, the rules, and a builder of small Cricsheet files."""

from __future__ import annotations

from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def ipl() -> Path:
    """The 2022 match 20, RR v LSG: no oddities but a batter retired out."""
    return FIXTURES / "cricket" / "ipl" / "1304066.json"


@pytest.fixture
def austin() -> Path:
    """The 2023 United States Grand Prix: a sprint weekend with two cars disqualified after the race."""
    return FIXTURES / "f1db" / "seasons" / "2023" / "races" / "18-united-states"
