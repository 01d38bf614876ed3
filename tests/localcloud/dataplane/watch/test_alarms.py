"""The states of metric alarms: CloudWatch's own tables of missing data, and each comparison and window."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.watch.alarms import ALARM, DELAY, INSUFFICIENT, OK, Alarm, NotEvaluated
from localcloud.dataplane.watch.metrics import Metric, Metrics

RETAIN = "retain"
WAYS = ("missing", "ignore", "breaching", "notBreaching")


def row(**more: Any) -> dict[str, Any]:
    return {
        "AlarmName": "errors",
        "Namespace": "Matchday",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "service", "Value": "wallet"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    } | more


def seen(text: str) -> list[float | None]:
    """The user guide's notation: 0 is within the threshold, X beyond it, - missing; oldest first."""
    return [{"0": 0.0, "X": 5.0, "-": None}[sign] for sign in text.split()]


@pytest.mark.parametrize(
    ("least", "points", "expected"),
    [
        # CloudWatch User Guide, "How alarm state is evaluated when data is missing": three of three …
        (3, "0 - X - X", (OK, OK, OK, OK)),
        (3, "0 - - - -", (OK, OK, OK, OK)),
        (3, "- - - - -", (INSUFFICIENT, RETAIN, ALARM, OK)),
        (3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "- - X - -", (ALARM, RETAIN, ALARM, OK)),
        # … and two of three.
        (2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 - X - -", (OK, OK, ALARM, OK)),
        (2, "- - - - 0", (OK, OK, ALARM, OK)),
    ],
)
def test_the_user_guides_tables(least: int, points: str, expected: tuple[str, ...]) -> None:
    for missing, state in zip(WAYS, expected, strict=True):
        alarm = Alarm.read(row(DatapointsToAlarm=least, TreatMissingData=missing))
        for before in (OK, ALARM):
            wanted = before if state is RETAIN else state
            assert alarm.state(seen(points), before) == wanted, (missing, before)


@given(st.lists(st.sampled_from([0.0, 5.0, None]), min_size=5, max_size=5), st.integers(1, 3), st.sampled_from(WAYS))
def test_enough_breaches_always_ring_and_a_full_range_without_them_never(
    points: list[float | None], least: int, missing: str
) -> None:
    alarm = Alarm.read(row(DatapointsToAlarm=least, TreatMissingData=missing))
    real = [point for point in points if point is not None][-3:]
    state = alarm.state(points, OK)
    if sum(point > 1 for point in real) >= least:
        assert state == ALARM
    elif len(real) == 3:
        assert state == OK
    assert state in (OK, ALARM, INSUFFICIENT)


def test_nothing_is_missing_before_one_began_to_look() -> None:
    alarm = Alarm.read(row(TreatMissingData="breaching"))
    assert alarm.state(seen("- -"), INSUFFICIENT) == INSUFFICIENT
    assert alarm.state(seen("- - -"), INSUFFICIENT) == ALARM
    assert Alarm.read(row(TreatMissingData="notBreaching")).state([], INSUFFICIENT) == OK


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [2]),
        ("GreaterThanOrEqualToThreshold", [1, 2]),
        ("LessThanThreshold", [0]),
        ("LessThanOrEqualToThreshold", [0, 1]),
    ],
)
def test_comparisons(comparison: str, breaching: list[int]) -> None:
    alarm = Alarm.read(row(ComparisonOperator=comparison))
    assert [value for value in (0, 1, 2) if alarm.breaches(value)] == breaching


def test_points_are_whole_periods_and_none_that_is_still_under_way() -> None:
    metrics, metric = Metrics(), Metric.of("Matchday", "Errors", {"service": "wallet"})
    for when, value in ((60, 1), (119, 2), (120, 10), (185, 100)):
        metrics.put(metric, value, when)
    alarm = Alarm.read(row())
    assert alarm.last(180 + DELAY) == 180 and alarm.last(180 + DELAY - 0.1) == 120
    assert alarm.points(metrics, 60, 200) == [3, 10]
    assert alarm.points(metrics, 0, 300 + DELAY) == [None, 3, 10, 100, None][-5:]


def test_an_alarm_on_an_expression() -> None:
    def stat(identity: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": "Matchday", "MetricName": name, "Dimensions": []}
        return {"Id": identity, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}

    queries = [
        {"Id": "value", "Expression": "100 * FILL(errors, 0) / requests", "ReturnData": True},
        stat("errors", "Errors"),
        stat("requests", "Requests"),
    ]
    given_row = {key: value for key, value in row().items() if key not in ("Namespace", "MetricName", "Period")}
    alarm = Alarm.read(given_row | {"Metrics": queries, "EvaluationPeriods": 1})
    metrics = Metrics()
    metrics.put(Metric.of("Matchday", "Requests", {}), 50, 60)
    metrics.put(Metric.of("Matchday", "Errors", {}), 1, 61)
    assert alarm.points(metrics, 60, 120 + DELAY) == [2]
    assert "threshold 1" in alarm.reason([2], ALARM)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold"}, "anomaly detection band"),
        ({"Statistic": None, "ExtendedStatistic": "tm90"}, "tm90"),
        ({"Metrics": [{"Id": "a", "Expression": "SEARCH('x')", "ReturnData": True}]}, "periods"),
    ],
)
def test_what_is_not_evaluated_says_why(more: dict[str, Any], why: str) -> None:
    with pytest.raises(NotEvaluated, match=why):
        Alarm.read(row(**more))
