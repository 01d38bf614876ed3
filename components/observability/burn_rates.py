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


def signals(route: str, where: Mapping[str, Any], slos: Sequence[Slo]) -> list[Signal]:
    """Signals of a target group, whose dimensions are `where`, for each of its SLOs and of BURNS."""
    return [
        (_availability if slo.name == "availability" else _latency)(route, where, slo, burn)
        for slo in slos
        for burn in BURNS
    ]


def least(slo: Slo, burn: Burn) -> float:
    """The percentage of good requests below which `burn` is under way."""
    return round(100 - burn.rate * (100 - slo.objective), 6)


def _availability(route: str, where: Mapping[str, Any], slo: Slo, burn: Burn) -> Signal:
    return Signal(
        **_common(f"{route}-availability", burn),
        summary=f"{route} fails so many requests that its objective of {slo.objective:g} % breaks ({burn.name})",
        expression=f"IF(requests < {burn.requests}, 100, 100 - 100 * FILL(errors, 0) / requests)",
        inputs={
            "requests": Query(_NAMESPACE, "RequestCount", where, "Sum"),
            "errors": Query(_NAMESPACE, "HTTPCode_Target_5XX_Count", where, "Sum"),
        },
        threshold=least(slo, burn),
        runbook="service-errors",
    )


def _latency(route: str, where: Mapping[str, Any], slo: Slo, burn: Burn) -> Signal:
    assert slo.milliseconds is not None  # an Slo of latency has them
    seconds = slo.milliseconds / 1000
    return Signal(
        **_common(f"{route}-latency", burn),
        summary=f"{route} answers so few requests within {seconds:g} s that its objective of "
        f"{slo.objective:g} % breaks ({burn.name})",
        expression=f"IF(requests < {burn.requests}, 100, quick)",
        inputs={
            "requests": Query(_NAMESPACE, "RequestCount", where, "Sum"),
            # The percentile rank: what share of the requests took no longer.
            "quick": Query(_NAMESPACE, "TargetResponseTime", where, f"PR(:{seconds:g})"),
        },
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
