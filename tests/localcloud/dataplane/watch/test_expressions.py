"""Metric math and rules of composite alarms: what they say, and that what is not known is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.observability.burn_rates import BURNS, signals
from localcloud.dataplane.watch.expressions import BadExpression, Value, math, rule
from model.vocabulary import Slo

AVAILABLE = "IF(requests < 100, 100, 100 - 100 * FILL(errors, 0) / requests)"


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        (AVAILABLE, {"requests": 99.0, "errors": 99.0}, 100),
        (AVAILABLE, {"requests": 200.0, "errors": 3.0}, 98.5),
        (AVAILABLE, {"requests": 200.0, "errors": None}, 100),
        (AVAILABLE, {"requests": None, "errors": 3.0}, None),
        ("a / b", {"a": 1.0, "b": 0.0}, None),
        ("-a + 2.5", {"a": 1.0}, 1.5),
        ("a > 1 AND b < 3", {"a": 2.0, "b": 2.0}, 1),
        ("a > 1 && b < 3", {"a": 2.0, "b": 4.0}, 0),
        ("a > 1 OR b < 3", {"a": 2.0, "b": 4.0}, 1),
        ("a > 1 || b < 3", {"a": 2.0, "b": None}, None),
        ("(a + b) * 2", {"a": 2.0, "b": 3.0}, 10),
    ],
)
def test_metric_math(expression: str, values: dict[str, Value], expected: Value) -> None:
    assert math(expression)(values) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "ANOMALY_DETECTION_BAND(m1, 2)",
        "SEARCH('{AWS/EC2} x', 'Average', 300)",
        "FILL(m1, REPEAT)",
        "__import__('os').system('true')",
        "a.b",
        "[a]",
        "a if b else c",
        "1 < a < 3",
        "IF(a, b)",
        "True",
        "",
        "a +",
        "(" * 500 + "a" + ")" * 500,
    ],
)
def test_what_is_not_evaluated_is_refused(expression: str) -> None:
    with pytest.raises(BadExpression):
        math(expression)


def test_the_expressions_of_our_own_alarms_are_understood() -> None:
    slos = [Slo(name="availability", objective=99.9), Slo(name="latency", objective=99, milliseconds=250)]
    made = signals("wallet-web", [{}], slos)
    assert len(made) == 2 * len(BURNS)
    for signal in made:
        assert math(signal.expression)(dict.fromkeys(signal.inputs, 1.0)) == 100


STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "with space": "ALARM"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ALARM("a")', True),
        ("ALARM(a)", True),
        ('ALARM("arn:aws:cloudwatch:ap-south-1:123456789012:alarm:a")', True),
        ('ALARM("with space")', True),
        ('ALARM("b") OR ALARM("a")', True),
        ('ALARM("b") AND ALARM("a")', False),
        ('ALARM("a") OR ALARM("b") AND ALARM("c")', True),
        ('(ALARM("a") OR ALARM("b")) AND ALARM("c")', False),
        ('NOT ALARM("b") AND OK("b")', True),
        ('INSUFFICIENT_DATA("c") AND NOT FALSE', True),
        ("TRUE", True),
        ("NOT NOT FALSE", False),
    ],
)
def test_rules(text: str, expected: bool) -> None:
    assert rule(text)(STATES.__getitem__) is expected


@pytest.mark.parametrize(
    "text", ["", "ALARM", 'ALARM("a"', 'ALARM("a") ALARM("b")', 'RINGS("a")', 'ALARM("a) ', "AND", "("]
)
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        rule(text)


@given(st.text(alphabet='ALRMOKNDT()" ab', max_size=30))
def test_no_text_is_too_odd_for_a_rule(text: str) -> None:
    try:
        assert rule(text)(lambda _: "OK") in (True, False)
    except BadExpression as refused:
        assert str(refused)
