"""Metrics out of log lines: the embedded format as our services write it, and metric filters with each of their forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compute.log_events import EVENTS
from localcloud.dataplane.watch.log_metrics import BadPattern, Filter, embedded, parsed, pattern
from localcloud.dataplane.watch.metrics import Metric
from services.common import metrics as of_services

CRITICAL, ERROR = (event.pattern for event in EVENTS)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        (CRITICAL, {"level": "CRITICAL"}, True),
        (CRITICAL, {"level": "ERROR", "message": "CRITICAL"}, False),
        (ERROR, {"level": "ERROR", "runbook": "outbox-stuck"}, True),
        (ERROR, {"level": "ERROR", "runbook": ""}, True),
        (ERROR, {"level": "ERROR"}, False),
        (ERROR, {"level": "ERROR", "runbook": 5}, False),
        ('{ $.a.b[1] = "x*y" }', {"a": {"b": ["", "x--y"]}}, True),
        ('{ $.a.b[1] = "x*y" }', {"a": {"b": ["x--y"]}}, False),
        ('{ $.a = "x?[y]" }', {"a": "x?[y]"}, True),
        ('{ $.a = "x?[y]" }', {"a": "xzy"}, False),
        ('{ $.a != "x" }', {"a": "y"}, True),
        ('{ $.a != "x" }', {}, False),
        ("{ $.n > 5 }", {"n": 6}, True),
        ("{ $.n >= 5 && $.n < 6 }", {"n": 5.5}, True),
        ("{ $.n <= 5 }", {"n": True}, False),
        ("{ $.n = 5 }", {"n": 5.0}, True),
        ("{ $.n = 5 }", {"n": "5"}, False),
        ("{ $.a IS NULL }", {"a": None}, True),
        ("{ $.a NOT EXISTS }", {"b": 1}, True),
        ('{ ($.a = "1" || $.a = "2") && $.b = "3" }', {"a": "2", "b": "3"}, True),
        ('{ $.a = "1" || $.a = "2" && $.b = "3" }', {"a": "1", "b": "4"}, True),
    ],
)
def test_filters(text: str, line: dict[str, Any], expected: bool) -> None:
    assert pattern(text)(line) is expected


@pytest.mark.parametrize(
    "text", ["ERROR", "", "{ }", "{ $.a }", '{ $.a = "x }', "{ level = 5 }", "{ $.a > b }", '{ ($.a = "x" }', "[a, b]"]
)
def test_a_pattern_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        pattern(text)


@given(st.text(alphabet='{}$.ab"= &|()><!5*', max_size=30))
def test_no_pattern_is_too_odd(text: str) -> None:
    try:
        assert pattern("{" + text + "}")({"a": {"b": "x"}}) in (True, False)
    except BadPattern as refused:
        assert str(refused)


def test_our_services_lines_are_read() -> None:
    line = json.loads(of_services.line("wallet", "local", 1, by={"job": "wallet.tax"}, JobAge=(12.5, "Seconds")))
    where = {"service": "wallet", "environment": "local", "job": "wallet.tax"}
    assert list(embedded(line)) == [(Metric.of("Matchday", "JobAge", where), 12.5)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_whatever_a_program_logs_ends_in_metrics_or_in_none(value: Any) -> None:
    for line in ({"_aws": value}, {"_aws": {"CloudWatchMetrics": value}}, {"_aws": {"CloudWatchMetrics": [value]}}):
        for metric, number in embedded(line):
            assert metric.name and isinstance(number, float)


@pytest.mark.parametrize("text", ["plain words", "{half", "[1]", "{" * 100_000, '{"a": 1}'])
def test_a_line_that_is_no_object_is_none(text: str) -> None:
    assert parsed(text) == ({"a": 1} if text == '{"a": 1}' else None)


def test_a_filter_with_what_we_do_not_know_is_refused() -> None:
    transformation = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    given_row = {"logGroupName": "/g", "filterPattern": CRITICAL, "metricTransformations": [transformation]}
    assert Filter.read(given_row).metric == Metric.of("n", "m", {})
    for more in ({"metricValue": "$.bytes"}, {"dimensions": {"a": "$.a"}}):
        with pytest.raises(BadPattern):
            Filter.read(given_row | {"metricTransformations": [transformation | more]})
