"""How fast one caller may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common import pace
from services.common.errors import ServiceError
from services.common.pace import Pace


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def allowed(subject: Pace, caller: str = "a") -> bool:
    try:
        subject.take(caller)
    except ServiceError as refusal:
        assert refusal.code == "rate_limited"
        assert int(refusal.headers["Retry-After"]) >= 1
        return False
    return True


def test_a_burst_passes_and_then_a_steady_flow() -> None:
    seconds = Seconds()
    subject = Pace(per_second=2, burst=3, now=seconds)
    assert [allowed(subject) for _ in range(4)] == [True, True, True, False]
    seconds.now = 0.5
    assert [allowed(subject) for _ in range(2)] == [True, False]
    assert allowed(subject, "b"), "another caller is not held up"


@given(st.lists(st.floats(0, 3), max_size=200), st.integers(1, 10), st.integers(1, 20))
def test_nobody_gets_more_than_burst_and_rate(pauses: list[float], rate: int, burst: int) -> None:
    seconds = Seconds()
    subject = Pace(per_second=rate, burst=burst, now=seconds)
    passed = 0
    for pause in pauses:
        seconds.now += pause
        passed += allowed(subject)
    assert passed <= burst + rate * seconds.now + 1e-6


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "REMEMBERED", 100)
    subject = Pace(per_second=1, burst=1)
    for number in range(1_000):
        subject.take(str(number))
    assert len(subject._buckets) == 100
