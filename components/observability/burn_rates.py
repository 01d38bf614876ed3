"""Service-level objectives as signals: how fast a service spends what its objectives allow to go wrong; pure.

An objective of 99.9 % allows 0.1 % of requests to fail. A service that fails 1.44 % spends that 14.4 times as fast as it may:
in an hour 2 % of what 30 days allow, which is worth waking somebody (Google, *The Site Reliability Workbook*, chapter 5).
That page asks two windows, the hour and its last five minutes, so that it ends soon after the trouble. Six hours at six
times the rate spend 5 %: work for the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.observability.signals import Comparison, Query, Severity, Signal
from model.vocabulary import Slo

_NAMESPACE = "AWS/ApplicationELB"


@dataclass(frozen=True, kw_only=True, slots=True)
class Burn:
    """A window of `seconds` in which the allowance is spent `rate` times too fast; with fewer `requests` it says nothing.

    Burns with one `together` page only when all of them hold.
    """

    name: str
    seconds: int
    rate: float
    requests: int
    severity: Severity
    together: str = ""


BURNS: Sequence[Burn] = (
    Burn(name="hour", seconds=3600, rate=14.4, requests=100, severity=Severity.PAGE, together="fast"),
    Burn(name="minutes", seconds=300, rate=14.4, requests=10, severity=Severity.PAGE, together="fast"),
    Burn(name="hours", seconds=21_600, rate=6, requests=100, severity=Severity.TICKET),
)


def signals(route: str, where: Sequence[Mapping[str, Any]], slos: Sequence[Slo]) -> list[Signal]:
    """Signals of a route, whose target groups' dimensions are `where`, for each of its SLOs and of BURNS."""
    return [
        (_availability if slo.name == "availability" else _latency)(route, where, slo, burn)
        for slo in slos
        for burn in BURNS
    ]


def total(
    name: str, metric: str, where: Sequence[Mapping[str, Any]], missing: int | None = None
) -> tuple[str, dict[str, Query]]:
    """The sum of `metric` over all of `where`, as an expression over the inputs beside it.

    missing: what a period without data counts as; None: of one place it has no value then, of several it counts as nothing.
    """
    if len(where) == 1:
        only = {name: Query(_NAMESPACE, metric, where[0], "Sum")}
        return (name if missing is None else f"FILL({name}, {missing})"), only
    inputs = {f"{name}{number}": Query(_NAMESPACE, metric, each, "Sum") for number, each in enumerate(where, start=1)}
    return "(" + " + ".join(f"FILL({each}, {missing or 0})" for each in inputs) + ")", inputs


def least(slo: Slo, burn: Burn) -> float:
    """The percentage of good requests below which `burn` is under way."""
    return round(100 - burn.rate * (100 - slo.objective), 6)


def _availability(route: str, where: Sequence[Mapping[str, Any]], slo: Slo, burn: Burn) -> Signal:
    requests, of_requests = total("requests", "RequestCount", where)
    errors, of_errors = total("errors", "HTTPCode_Target_5XX_Count", where, missing=0)
    return Signal(
        **_common(f"{route}-availability", burn),
        summary=f"{route} fails so many requests that its objective of {slo.objective:g} % breaks ({burn.name})",
        expression=f"IF({requests} < {burn.requests}, 100, 100 - 100 * {errors} / {requests})",
        inputs={**of_requests, **of_errors},
        threshold=least(slo, burn),
        runbook="service-errors",
    )


def _latency(route: str, where: Sequence[Mapping[str, Any]], slo: Slo, burn: Burn) -> Signal:
    """The percentile rank: what share of the requests took no longer; of several groups the share of them all."""
    assert slo.milliseconds is not None  # an Slo of latency has them
    seconds = slo.milliseconds / 1000
    requests, of_requests = total("requests", "RequestCount", where)
    quick = {
        f"quick{number if len(where) > 1 else ''}": Query(_NAMESPACE, "TargetResponseTime", each, f"PR(:{seconds:g})")
        for number, each in enumerate(where, start=1)
    }
    share = "quick"
    if len(where) > 1:
        parts = zip(quick, of_requests, strict=True)
        share = "(" + " + ".join(f"FILL({rank}, 0) * FILL({of}, 0)" for rank, of in parts) + f") / {requests}"
    return Signal(
        **_common(f"{route}-latency", burn),
        summary=f"{route} answers so few requests within {seconds:g} s that its objective of "
        f"{slo.objective:g} % breaks ({burn.name})",
        expression=f"IF({requests} < {burn.requests}, 100, {share})",
        inputs={**of_requests, **quick},
        threshold=least(slo, burn),
        runbook="service-latency",
    )


def _common(name: str, burn: Burn) -> dict[str, Any]:
    return {
        "name": f"{name}-{burn.name}",
        "comparison": Comparison.BELOW,
        "period": burn.seconds,
        "periods": 1,
        "severity": burn.severity,
        "together": f"{name}-{burn.together}" if burn.together else "",
        "unit_hint": "% good",
    }
