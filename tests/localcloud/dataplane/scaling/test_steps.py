"""Which step a value asks for, and what becomes of a number of tasks by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.scaling.steps import StepAdjustment, StepScaling, StepSignal
from localcloud.dataplane.scaling.tracking import Activity, wanted
from localcloud.dataplane.watch.alarms import Alarm, NotEvaluated
from localcloud.dataplane.watch.metrics import Metric, Metrics

INFINITE = float("inf")
NOW = 1_000_000.0


def _policy(kind: str, *steps: StepAdjustment, least: int = 1, cooldown: float = 0, name: str = "steps") -> StepScaling:
    return StepScaling(name, "service/c/s", kind, steps, least, cooldown, ())


@pytest.mark.parametrize(
    ("beyond", "expected"),
    # The example of the user guide: threshold 50, steps from 0, 10, 20 above and 0, 10, 20 below.
    [
        (0, 10),
        (9.9, 10),
        (10, 20),
        (20, 30),
        (1e9, 30),
        (-0.1, -10),
        (-10, -20),
        (-10.1, -20),
        (-19.9, -20),
        (-20.1, -30),
    ],
)
def test_bounds_belong_to_the_step_nearer_to_the_threshold(beyond: float, expected: float) -> None:
    above = (StepAdjustment(0, 10, 10), StepAdjustment(10, 20, 20), StepAdjustment(20, INFINITE, 30))
    below = (StepAdjustment(-10, 0, -10), StepAdjustment(-20, -10, -20), StepAdjustment(-INFINITE, -20, -30))
    assert [step.adjustment for step in (*above, *below) if step.holds(beyond)] == [expected]


@pytest.mark.parametrize(
    ("kind", "adjustment", "least", "current", "expected"),
    [
        ("ChangeInCapacity", 3, 1, 2, 5),
        ("ChangeInCapacity", -3, 1, 2, 0),
        ("ExactCapacity", 7, 1, 2, 7),
        ("PercentChangeInCapacity", 10, 1, 10, 11),
        ("PercentChangeInCapacity", 10, 1, 2, 3),  # 0.2: at least one
        ("PercentChangeInCapacity", 25, 1, 51, 63),  # 12.75 is 12
        ("PercentChangeInCapacity", -10, 1, 2, 1),
        ("PercentChangeInCapacity", -25, 1, 27, 21),  # -6.75 is -6
        ("PercentChangeInCapacity", 10, 2, 10, 12),  # MinAdjustmentMagnitude
        ("PercentChangeInCapacity", 0, 2, 10, 10),
    ],
)
def test_adjustments(kind: str, adjustment: float, least: int, current: int, expected: int) -> None:
    step = StepAdjustment(0, INFINITE, adjustment)
    assert StepSignal(_policy(kind, step, least=least), step).tasks(current) == expected


@given(st.sampled_from(["ChangeInCapacity", "PercentChangeInCapacity"]), st.integers(-200, 200), st.integers(0, 500))
def test_a_step_goes_the_way_its_sign_says(kind: str, adjustment: int, current: int) -> None:
    step = StepAdjustment(0, INFINITE, adjustment)
    tasks = StepSignal(_policy(kind, step), step).tasks(current)
    assert tasks >= 0
    acts = adjustment != 0 and (current > 0 or kind == "ChangeInCapacity")  # a share of nothing is nothing
    if acts and adjustment > 0:
        assert tasks > current
    elif acts and current:
        assert tasks < current
    else:
        assert tasks == current


def test_within_the_cooldown_only_a_larger_step_adds_and_scaling_in_waits() -> None:
    small, large, away = StepAdjustment(0, 20, 2), StepAdjustment(20, INFINITE, 3), StepAdjustment(-INFINITE, 0, -1)
    out = _policy("ChangeInCapacity", small, large, cooldown=300)
    back = _policy("ChangeInCapacity", away, cooldown=300, name="back")
    activity = Activity(scaled_out={"steps": NOW - 299}, base=4)
    assert wanted(6, [], [StepSignal(out, small)], activity, NOW) == (6, "")
    assert wanted(6, [], [StepSignal(out, large)], activity, NOW) == (7, "steps")
    assert wanted(6, [], [StepSignal(out, small)], activity, NOW + 1) == (8, "steps")
    assert wanted(6, [], [StepSignal(back, away)], Activity(scaled_in=NOW - 299), NOW) == (6, "")
    assert wanted(6, [], [StepSignal(back, away)], Activity(scaled_in=NOW - 300), NOW) == (5, "back")
    assert wanted(6, [], [StepSignal(back, away), StepSignal(out, small)], Activity(), NOW) == (8, "steps"), "out wins"


def test_the_alarm_s_newest_value_decides_and_without_an_alarm_that_rings_nothing_does() -> None:
    place = Metric.of("N", "M", {})
    row = {
        "AlarmName": "a",
        "Namespace": "N",
        "MetricName": "M",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 50,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    steps = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 4},
    ]
    given_row = {
        "PolicyName": "up",
        "ResourceId": "service/c/s",
        "StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps},
    }
    policy = StepScaling.read(given_row, [Alarm.read(row)])

    def asked(*values: float) -> float | None:
        metrics = Metrics()
        for back, value in enumerate(reversed(values), 1):
            metrics.put(place, value, NOW // 60 * 60 - 60 * back + 1)
        signal = policy.signal(metrics, 0, NOW // 60 * 60 + 5)
        return signal.step.adjustment if signal else None

    assert asked(60, 60) == 1
    assert asked(60, 75) == 4
    assert asked(75, 40) is None
    assert asked(60) is None, "one of two periods"
    with pytest.raises(NotEvaluated, match="no alarm"):
        StepScaling.read(given_row, [])
