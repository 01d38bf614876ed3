"""Signals: what CloudWatch would refuse is refused at once."""

from __future__ import annotations

import pytest

from components.observability.signals import Comparison, Query, Severity, Signal

QUERY = Query("AWS/ECS", "m", {}, "Sum")


def signal(**changes):
    values = {"name": "slow", "summary": "x", "namespace": "AWS/ECS", "metric": "m", "threshold": 1, "runbook": "r"}
    return Signal(**{**values, "severity": Severity.PAGE, **changes})


@pytest.mark.parametrize("period", [10, 30, 60, 300, 86400])
def test_periods_of_cloudwatch(period):
    assert signal(period=period, periods=1).period == period


@pytest.mark.parametrize("period", [0, 1, 45, 90, -60])
def test_other_periods_are_refused(period):
    with pytest.raises(
        ValueError, match=f"signal slow: period {period} s; CloudWatch takes 10, 30 or a multiple of 60"
    ):
        signal(period=period)


@pytest.mark.parametrize(("periods", "datapoints"), [(0, None), (3, 4), (3, 0), (3, -1)])
def test_impossible_evaluations_are_refused(periods, datapoints):
    with pytest.raises(ValueError, match="periods cannot be evaluated"):
        signal(periods=periods, datapoints=datapoints)


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0.5},
        {"threshold": 11},
        {
            "metric": "",
            "namespace": "",
            "dimensions": {},
            "expression": "a / 2",
            "inputs": {"a": Query("N", "M", {}, "Sum")},
        },
    ],
)
def test_a_band_is_of_a_plain_metric_and_a_few_deviations_wide(changes):
    with pytest.raises(ValueError, match="accepted: a plain metric, and 1 to 10 standard deviations"):
        signal(**{"comparison": Comparison.UNUSUALLY_LOW, "threshold": 2, **changes})


def test_more_than_a_day_is_refused():
    with pytest.raises(ValueError, match="looks back 90000 s; CloudWatch takes 86400 at most"):
        signal(period=3600, periods=25)


@pytest.mark.parametrize("name", ["Slow", "too slow", "slow_", ""])
def test_names_are_kebab_case(name):
    with pytest.raises(ValueError, match=r"accepted: lower case, digits and dashes"):
        signal(name=name)


@pytest.mark.parametrize("statistic", ["p99", "p99.9", "tm95", "Sum"])
def test_statistics_of_cloudwatch(statistic):
    assert signal(statistic=statistic).statistic == statistic


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "", "namespace": ""}, "give a metric with its namespace, or an expression"),
        ({"namespace": ""}, "give a metric with its namespace, or an expression"),
        ({"expression": "a", "inputs": {"a": QUERY}}, "give a metric with its namespace, or an expression"),
        ({"metric": "", "namespace": "", "expression": "100"}, "disagree"),
        ({"metric": "", "namespace": "", "expression": "ab", "inputs": {"a": QUERY}}, r"inputs \['a'\] disagree"),
        ({"inputs": {"a": QUERY}}, "disagree"),
    ],
)
def test_a_signal_is_on_one_metric_or_on_one_expression_that_reads_its_inputs(changes, message):
    with pytest.raises(ValueError, match=message):
        signal(**changes)


def test_an_unknown_statistic_is_refused():
    with pytest.raises(
        ValueError, match=r"signal slow: statistic 'Mean'; accepted: Average, .* or a percentile such as p99"
    ):
        signal(statistic="Mean")
