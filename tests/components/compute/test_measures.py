"""Figures of the business: each manifest's alarms ring on what the services write, and on nothing less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.compute.log_events import measure_graphs, measure_signals
from components.observability.dashboards import Panel, body
from components.observability.signals import BANDS, Signal
from localcloud.dataplane.watch.alarms import ALARM, DELAY, OK, Alarm
from localcloud.dataplane.watch.log_metrics import embedded
from localcloud.dataplane.watch.metrics import Metrics
from model.catalog import load_catalog
from services.common import metrics
from tests.clones import PROJECT
from tests.tables import every_row

PRODUCTION = load_catalog(PROJECT / "services", "production").services

#: What must be watched in production: deposits, credits, the queue of kyc, scoring's lag.
WATCHED = {
    "kyc": {"reviews-waiting", "reviews-age"},
    "payments": {"deposit-seconds", "deposits-credited"},
    "scoring": {"scoring-lag"},
    "wallet": {"credited-paise"},
}

SIGNALS = {
    f"{name}-{signal.name}": (name, signal)
    for name, service in PRODUCTION.items()
    for signal in measure_signals(name, "prod", service.measures)
}


def test_production_watches_the_figures_of_the_business() -> None:
    found: dict[str, set[str]] = {}
    for service, signal in SIGNALS.values():
        found.setdefault(service, set()).add(signal.name)
    assert found == WATCHED


def test_where_nobody_plays_nothing_is_unusual() -> None:
    """Development has no traffic to learn from; what is a number is watched there, too."""
    development = load_catalog(PROJECT / "services", "development").services
    watched = {
        signal.name: signal
        for name, service in development.items()
        for signal in measure_signals(name, "dev", service.measures)
    }
    assert set(watched) == {"reviews-waiting", "reviews-age", "deposit-seconds", "scoring-lag"}
    assert not any(signal.comparison in BANDS for signal in watched.values())


def written(service: str, metric: str, value: float, at: int) -> str:
    """A line of the service's log."""
    values: dict[str, Any] = {metric: (value, "None")}
    return metrics.line(service, "prod", at, **values)


def state(service: str, signal: Signal, value: float) -> str:
    """The alarm's state after its service wrote `value` in each period, read as CloudWatch Logs reads the lines."""
    kept, end = Metrics(), 1_000_000 * signal.period
    for back in range(signal.periods, 0, -1):
        at = end - signal.period * back
        line = written(service, signal.metric, value, at * 1000)
        for metric, each in embedded(json.loads(line)):
            kept.put(metric, each, float(at))
    row: dict[str, Any] = {
        "AlarmName": signal.name,
        "ComparisonOperator": str(signal.comparison),
        "Threshold": signal.threshold,
        "EvaluationPeriods": signal.periods,
        "TreatMissingData": str(signal.missing),
        "Namespace": signal.namespace,
        "MetricName": signal.metric,
        "Dimensions": [{"Name": name, "Value": each} for name, each in signal.dimensions.items()],
        "Period": signal.period,
        "Statistic" if not signal.statistic.startswith("p") else "ExtendedStatistic": signal.statistic,
    }
    alarm = Alarm.read(row)
    now = end + DELAY
    return alarm.state(alarm.points(kept, 0.0, now), OK)


@every_row("each", {name: pair for name, pair in SIGNALS.items() if pair[1].comparison not in BANDS})
def test_an_alarm_rings_above_its_number_and_not_at_it(each: tuple[str, Signal]) -> None:
    service, signal = each
    assert state(service, signal, signal.threshold) == OK
    assert state(service, signal, signal.threshold + 1) == ALARM


def test_what_is_not_watched_is_drawn_and_nothing_is_drawn_twice() -> None:
    for name, service in PRODUCTION.items():
        signals = measure_signals(name, "prod", service.measures)
        graphs = measure_graphs(name, "prod", service.measures)
        (_, *drawn) = body("ap-south-1", [], [Panel(name, signals, graphs)])["widgets"] or [None]
        shown = [each["properties"]["metrics"][0][1] for each in drawn]
        assert sorted(shown) == sorted(service.measures)
    (_, stuck) = body("ap-south-1", [], [Panel("payments", [], graphs_of("payments")[-1:])])["widgets"]
    assert stuck["properties"] == {
        "title": "payments that do not move",
        "view": "timeSeries",
        "region": "ap-south-1",
        "stat": "Maximum",
        "period": 300,
        "metrics": [["Matchday", "PaymentsStuck", "service", "payments", "environment", "prod"]],
        "yAxis": {"left": {"label": "payments"}},
    }


def graphs_of(name: str) -> Any:
    return measure_graphs(name, "prod", PRODUCTION[name].measures)


@pytest.mark.parametrize("statistic", ["p50", "p90"])
def test_a_percentile_is_not_moved_by_one_slow_one(statistic: str) -> None:
    """What the statistics are for: half, or nine in ten."""
    kept = Metrics()
    found = next(signal for _, signal in SIGNALS.values() if signal.statistic == statistic)
    for value in (*[1.0] * 19, 100_000.0):
        line = written("x", found.metric, value, 0)
        for metric, each in embedded(json.loads(line)):
            kept.put(metric, each, 0.0)
    assert (kept.statistic(metric, statistic, 0.0, 60.0) or 0) < found.threshold
