"""The layout of a CloudWatch dashboard, as the document that CloudWatch takes; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.observability.signals import BANDS, Comparison, Graph, Severity, Signal

#: CloudWatch's grid is 24 wide; three graphs stand side by side.
_GRID, _WIDTH, _HEIGHT = 24, 8, 6
_HEADING_HEIGHT, _STATUS_HEIGHT = 1, 4

#: Widgets of one dashboard (Amazon CloudWatch quotas), and alarms of one widget ("Dashboard body structure": 1 to 100).
WIDGETS, _ALARMS = 500, 100

#: CloudWatch's own red and orange.
_COLOURS = {Severity.PAGE: "#d62728", Severity.TICKET: "#ff7f0e"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One component's part of the dashboard: what is watched, then what is only drawn."""

    title: str
    signals: Sequence[Signal]
    graphs: Sequence[Graph] = ()


def body(region: str, alarm_arns: Sequence[Any], panels: Sequence[Panel]) -> dict[str, Any]:
    """A dashboard: the state of `alarm_arns` on top, then each panel's signals as graphs with their thresholds, and its graphs.

    ARNs and dimension values may be Pulumi Outputs; they are placed, not read.
    """
    widgets: list[dict[str, Any]] = []
    row = 0
    for first in range(0, len(alarm_arns), _ALARMS):
        status = {"title": "What needs a person now", "alarms": list(alarm_arns[first : first + _ALARMS])}
        widgets.append(_widget("alarm", 0, row, _GRID, _STATUS_HEIGHT, status))
        row += _STATUS_HEIGHT
    for panel in panels:
        widgets.append(_widget("text", 0, row, _GRID, _HEADING_HEIGHT, {"markdown": f"## {panel.title}"}))
        row += _HEADING_HEIGHT
        drawn = [
            *(_watched(region, signal) for signal in panel.signals),
            *(_drawn(region, each) for each in panel.graphs),
        ]
        for index, properties in enumerate(drawn):
            column = index * _WIDTH % _GRID
            if index and column == 0:
                row += _HEIGHT
            widgets.append(_widget("metric", column, row, _WIDTH, _HEIGHT, properties))
        row += _HEIGHT if drawn else 0
    return {"widgets": widgets}


def dashboards(region: str, alarm_arns: Sequence[Any], panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """The same on as many dashboards as it takes, the alarms' state on the first; what is one panel's stays together."""
    held: list[Panel] = []
    room = WIDGETS - -(-len(alarm_arns) // _ALARMS)
    for panel in panels:
        needed = 1 + len(panel.signals) + len(panel.graphs)
        if needed > room and held:
            yield body(region, alarm_arns, held)
            held, alarm_arns, room = [], [], WIDGETS
        held.append(panel)
        room -= needed
    yield body(region, alarm_arns, held)


def of_service(service: str, panels: Sequence[Panel]) -> list[Panel]:
    """What concerns one service: its own components, and its part of others' (the load balancer's `<service>-…`)."""
    found = []
    for panel in panels:
        own = panel.title == service or panel.title.startswith(f"{service}-")
        signals = [each for each in panel.signals if own or each.name.startswith(f"{service}-")]
        if signals:
            found.append(Panel(panel.title, signals, panel.graphs if own else ()))
    return found


def _widget(kind: str, x: int, y: int, width: int, height: int, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _drawn(region: str, graph: Graph) -> dict[str, Any]:
    return {
        "title": graph.title,
        "view": "timeSeries",
        "region": region,
        "stat": graph.statistic,
        "period": graph.period,
        "metrics": [[graph.namespace, graph.metric, *_flat(graph.dimensions)]],
        "yAxis": {"left": {"label": graph.unit_hint}},
    }


def _watched(region: str, signal: Signal) -> dict[str, Any]:
    beyond = "above" if signal.comparison in (Comparison.ABOVE, Comparison.AT_LEAST) else "below"
    limits = [
        {
            "label": f"{signal.severity}: {signal.runbook}",
            "value": signal.threshold,
            "fill": beyond,
            "color": _COLOURS[signal.severity],
        }
    ]
    graph: dict[str, Any] = {
        "title": signal.name,
        "view": "timeSeries",
        "region": signal.region or region,
        "stat": signal.statistic,
        "period": signal.period,
        "metrics": _lines(signal),
        "annotations": {"horizontal": [] if signal.comparison in BANDS else limits},
    }
    if signal.unit_hint:
        graph["yAxis"] = {"left": {"label": signal.unit_hint}}
    return graph


def _lines(signal: Signal) -> list[list[Any]]:
    """What a graph draws: the metric or, of an expression, its result, with its inputs out of sight."""
    if signal.comparison in BANDS:
        band = f"ANOMALY_DETECTION_BAND(value, {signal.threshold:g})"
        return [
            [signal.namespace, signal.metric, *_flat(signal.dimensions), {"id": "value"}],
            [{"id": "usual", "expression": band, "label": f"usual ({signal.severity}: {signal.runbook})"}],
        ]
    if not signal.expression:
        return [[signal.namespace, signal.metric, *_flat(signal.dimensions)]]
    return [
        [{"id": "value", "expression": signal.expression, "label": signal.name}],
        *(
            [
                query.namespace,
                query.metric,
                *_flat(query.dimensions),
                {"id": name, "stat": query.statistic, "visible": False},
            ]
            for name, query in signal.inputs.items()
        ),
    ]


def _flat(dimensions: Mapping[str, Any]) -> list[Any]:
    return [part for item in dimensions.items() for part in item]
