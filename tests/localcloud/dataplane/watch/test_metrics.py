"""Statistics of metrics in slots: equal to those of the plain values, before and after slots are merged."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.watch.metrics import COARSE, KEPT_SECONDS, Metric, Metrics, UnknownStatistic, check_statistic

METRIC = Metric.of("Matchday", "Age", {"service": "wallet", "job": "tax"})
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(values=VALUES, merged=st.booleans())
def test_statistics_are_those_of_the_values(values: list[float], merged: bool) -> None:
    metrics = Metrics()
    for number, value in enumerate(values):
        metrics.put(METRIC, value, 6000 + number % COARSE)
    if merged:
        metrics.forget(6000 + 2000)

    def of(statistic: str) -> float:
        found = metrics.statistic(METRIC, statistic, 6000, 6000 + COARSE)
        assert found is not None
        return found

    assert of("SampleCount") == len(values)
    assert of("Sum") == pytest.approx(sum(values))
    assert of("Average") == pytest.approx(statistics.fmean(values))
    assert (of("Minimum"), of("Maximum")) == (min(values), max(values))
    assert (of("p0"), of("p100")) == (min(values), max(values))
    assert of("p50") == pytest.approx(statistics.median(values))
    bound = abs(values[0])
    assert of(f"PR(:{bound:f})") == pytest.approx(
        100 * sum(value <= float(f"{bound:f}") for value in values) / len(values)
    )


def test_percentiles_of_many_values_are_those_of_a_fair_part_of_them() -> None:
    metrics = Metrics()
    for number in range(100_000):
        metrics.put(METRIC, float(number), 60)
    found = metrics.statistic(METRIC, "p99", 60, 120)
    assert found == pytest.approx(99_000, rel=0.02)
    assert metrics.statistic(METRIC, "SampleCount", 60, 120) == 100_000


def test_a_window_begins_with_its_start_and_ends_before_its_end() -> None:
    metrics = Metrics()
    for when in (50, 60, 119.9, 120):
        metrics.put(METRIC, 1, when)
    assert metrics.statistic(METRIC, "Sum", 60, 120) == 2
    assert metrics.statistic(METRIC, "Sum", 180, 240) is None
    assert metrics.statistic(Metric.of("Matchday", "Age", {"service": "wallet"}), "Sum", 60, 120) is None


def test_what_is_old_is_dropped_and_what_is_no_number_never_taken() -> None:
    metrics = Metrics()
    metrics.put(METRIC, 1, 100)
    metrics.put(METRIC, math.nan, 200)
    metrics.put(METRIC, math.inf, 200)
    assert metrics.statistic(METRIC, "Sum", 0, 1000) == 1
    metrics.forget(100 + KEPT_SECONDS + 60)
    assert list(metrics) == []


def test_order_of_dimensions_is_no_difference() -> None:
    assert Metric.of("n", "m", {"a": "1", "b": "2"}) == Metric.of("n", "m", {"b": "2", "a": "1"})


@pytest.mark.parametrize("statistic", ["tm90", "p", "p101", "PR(1)", "Median", ""])
def test_another_statistic_is_refused_by_its_name(statistic: str) -> None:
    with pytest.raises(UnknownStatistic, match="is not computed here"):
        check_statistic(statistic)


@given(
    values=st.lists(st.tuples(st.floats(-600, 600), st.floats(-1e6, 1e6)), max_size=40),
    late=st.booleans(),
)
def test_by_minute_each_value_is_in_the_minute_that_it_was_seen_in(
    values: list[tuple[float, float]], late: bool
) -> None:
    metrics, metric, now = Metrics(), Metric.of("Test", "value", {}), 1_800_000_000.0 + 25
    for ago, value in values:
        metrics.put(metric, value, now - ago)
    later = now + (KEPT_SECONDS / 2 if late else 0)  # slots are merged by then
    metrics.forget(later)
    minutes = int((later - now) // COARSE) + 5
    found = metrics.by_minute(metric, "Sum", minutes, later)
    assert len(found) == minutes
    end = later // COARSE * COARSE
    for place, total in enumerate(found):
        start = end - (minutes - place) * COARSE
        inside = [value for ago, value in values if start <= (now - ago) // 10 * 10 < start + COARSE]
        assert total == (pytest.approx(sum(inside), abs=1e-3) if inside else None)
