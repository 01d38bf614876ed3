"""The dashboard's layout: every signal once, nothing on top of anything, inside the grid."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from components.observability.dashboards import WIDGETS, Panel, body, dashboards
from components.observability.signals import Comparison, Query, Severity, Signal


def signal(number, **changes):
    values = {
        "name": f"signal-{number}",
        "summary": "something is wrong",
        "namespace": "AWS/ECS",
        "metric": "CPUUtilization",
        "dimensions": {"ClusterName": "main"},
        "threshold": 80,
        "severity": Severity.PAGE,
        "runbook": "service-load",
        **changes,
    }
    return Signal(**values)


panels = st.lists(st.integers(0, 10), max_size=8).map(
    lambda counts: [Panel(f"part-{index}", [signal(n) for n in range(count)]) for index, count in enumerate(counts)]
)


@given(panels, st.lists(st.just("arn:alarm"), max_size=2))
def test_no_widget_covers_another(found, alarms):
    widgets = body("ap-south-1", alarms, found)["widgets"]
    for widget in widgets:
        assert widget["x"] >= 0 and widget["x"] + widget["width"] <= 24
    for one, other in combinations(widgets, 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        above = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or above


@given(panels)
def test_every_signal_has_its_graph(found):
    graphs = [w["properties"]["title"] for w in body("ap-south-1", [], found)["widgets"] if w["type"] == "metric"]
    assert graphs == [item.name for panel in found for item in panel.signals]


many = st.lists(st.integers(0, WIDGETS // 2), max_size=8).map(
    lambda counts: [Panel(f"part-{index}", [signal(0)] * count) for index, count in enumerate(counts)]
)


@given(many, st.integers(0, 250))
def test_a_dashboard_that_is_full_is_followed_by_another(found, alarms):
    made = [each["widgets"] for each in dashboards("ap-south-1", ["arn:alarm"] * alarms, found)]
    assert all(len(widgets) <= WIDGETS for widgets in made)
    assert len(made) <= 1 + sum(1 + len(panel.signals) for panel in found) // (WIDGETS // 3), "not one for each panel"
    drawn = [widget["type"] for widgets in made for widget in widgets]
    assert (drawn.count("text"), drawn.count("metric")) == (len(found), sum(len(panel.signals) for panel in found))
    states = [len(w["properties"]["alarms"]) for widgets in made for w in widgets if w["type"] == "alarm"]
    assert sum(states) == alarms and all(count <= 100 for count in states)
    assert all(widgets[0]["type"] != "alarm" for widgets in made[1:])


def test_a_graph_shows_metric_statistic_and_threshold():
    low = signal(1, comparison=Comparison.BELOW, threshold=5, statistic="p99", unit_hint="s", region="us-east-1")
    (_, graph) = body("ap-south-1", [], [Panel("edge", [low])])["widgets"]
    properties = graph["properties"]
    assert properties["metrics"] == [["AWS/ECS", "CPUUtilization", "ClusterName", "main"]]
    assert (properties["stat"], properties["period"], properties["region"]) == ("p99", 60, "us-east-1")
    assert properties["annotations"]["horizontal"][0]["value"] == 5
    assert properties["annotations"]["horizontal"][0]["fill"] == "below"
    assert properties["yAxis"] == {"left": {"label": "s"}}


def test_a_graph_of_an_expression_draws_its_result_alone():
    inputs = {"bad": Query("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", {"LoadBalancer": "app/1"}, "Sum")}
    of_math = signal(1, namespace="", metric="", dimensions={}, expression="FILL(bad, 0)", inputs=inputs)
    (_, graph) = body("ap-south-1", [], [Panel("edge", [of_math])])["widgets"]
    assert graph["properties"]["metrics"] == [
        [{"id": "value", "expression": "FILL(bad, 0)", "label": "signal-1"}],
        [
            "AWS/ApplicationELB",
            "HTTPCode_Target_5XX_Count",
            "LoadBalancer",
            "app/1",
            {"id": "bad", "stat": "Sum", "visible": False},
        ],
    ]


def test_a_band_is_drawn_as_one():
    low = signal(1, comparison=Comparison.UNUSUALLY_LOW, threshold=3)
    (graph,) = [w for w in body("ap-south-1", [], [Panel("edge", [low])])["widgets"] if w["type"] == "metric"]
    value, band = graph["properties"]["metrics"]
    assert value[-1] == {"id": "value"} and band[0]["expression"] == "ANOMALY_DETECTION_BAND(value, 3)"
    assert graph["properties"]["annotations"]["horizontal"] == []
