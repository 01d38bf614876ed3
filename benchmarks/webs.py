"""What a request costs the web process of each service on the running platform (`matchday up`), by CPU time.

A journey is walked first (`matchday smoke`), so the players have wallets, cases, deposits, teams and boards; then each request
of a service's main mix is asked again and again at the task's own address, one at a time. CPU time is the process's own: other
work on the machine hardly changes it, and load does not. A service's `throughput` (service.yaml) follows from these figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from benchmarks.figures import Figure
from benchmarks.services.servers import cpu
from cli import journeys, local
from localcloud.runtime import processes
from services.common.journey import FIRST, Journey, walk
from services.scoring.journey import SmokeContest

#: So many of each; a first tenth is not counted.
MANY = 150


@dataclass(frozen=True)
class Request:
    """What is asked, and its share of its service's requests in an event."""

    name: str
    path: str
    share: float


def mixes(contest: str) -> dict[str, tuple[Request, ...]]:
    """What players ask of each service while a match goes on."""
    return {
        "scoring": (
            Request("board", f"/scoring/contests/{contest}/board", 0.6),
            Request("contest", f"/scoring/contests/{contest}", 0.3),
            Request("notifications", "/scoring/notifications", 0.1),
        ),
        "payments": (
            Request("deposits", "/payments/deposits", 0.4),
            Request("payouts", "/payments/payouts", 0.3),
            Request("instruments", "/payments/instruments", 0.3),
        ),
        "kyc": (Request("case", "/kyc/case", 1.0),),
    }


def main() -> None:
    """Emit the figures."""
    with journeys.journey(local.require_running()) as journey:
        outcomes = walk(journey, journeys.steps("journey"), lambda _: None)
        last = outcomes[-1]
        if not last.ok:
            raise SystemExit(f"the journey ended at {last.service}'s {last.name!r}: {last.detail}")
        for service, mix in mixes(journey.kept(SmokeContest).id).items():
            whole = sum(share * spent for share, spent in _measured(journey, service, mix))
            Figure(name=f"webs.{service}.mix", value=round(whole, 2), unit="ms").emit()


def _measured(journey: Journey, service: str, mix: tuple[Request, ...]) -> Iterator[tuple[float, float]]:
    """(share, milliseconds of CPU) of each request of a mix."""
    client = journey.inside(service)
    host, port = client.base_url.host, client.base_url.port or 80
    process = processes.listener(host, port)
    if process is None:
        raise SystemExit(f"nothing listens on {host}:{port}")
    for each in mix:
        _ask(journey, client, each, MANY // 10)
        before = cpu(process)
        _ask(journey, client, each, MANY)
        spent = (cpu(process) - before) * 1000 / MANY
        Figure(name=f"webs.{service}.{each.name}", value=round(spent, 2), unit="ms").emit()
        yield each.share, spent


def _ask(journey: Journey, client: httpx.Client, request: Request, many: int) -> None:
    headers = {"Authorization": f"Bearer {journey.tokens[FIRST]}"}
    for _ in range(many):
        client.get(request.path, headers=headers).raise_for_status()


if __name__ == "__main__":
    main()
