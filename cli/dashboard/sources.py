"""Where the page's facts come from: the functions behind `status`, `cost` and `audit`, and the data plane's control API."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cli import journeys, local, status
from cli.dashboard import deployments
from cli.dashboard.board import Source
from cli.dashboard.measured import MINUTES, Business, Traffic, Waiting, business, ledger, traffic, waiting
from localcloud.engine import history

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client

#: Violations that the page names; `matchday audit` has all.
SHOWN = 20

_RUNBOOK = re.compile(r"\.*\s*Runbook: docs/runbooks/([a-z0-9-]+)\.md")
_ORDER = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}


class NotRunning(RuntimeError):
    """The platform of this clone does not run."""

    def __init__(self) -> None:
        super().__init__(f"the platform is not running. {local.how_to_start()}")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A deployed alarm: its state as evaluated here, since when, why, and the runbook that it names (empty: none)."""

    name: str
    state: str
    since: str
    summary: str
    reason: str
    runbook: str

    @property
    def rings(self) -> bool:
        """Whether it is in the state ALARM."""
        return self.state == "ALARM"


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """What a month of the deployed resources would cost in AWS, by service, and how much the sum does not hold."""

    monthly: float
    services: dict[str, float]
    unpriced: int
    billed_by_use: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policies say of the deployed resources. violations: control, level, resource, message."""

    results: dict[str, int]
    mandatory: int
    violations: Sequence[tuple[str, str, str, str]]
    more: int


def sources() -> list[Source]:
    """Everything that the page shows."""
    return [
        Source("platform", platform, 3),
        Source("alarms", alarms, 5),
        Source("traffic", lambda: _measured(traffic), 10),
        Source("waiting", lambda: _measured(waiting), 10),
        Source("business", figures, 10),
        Source("ledger", lambda: _measured(ledger), 10),
        Source("resources", resources, 10, _state_mark),
        Source("deployments", lambda: deployments.recent(_history()), 10, lambda: deployments.mark(_history())),
        Source("cost", cost, 30, _state_mark),
        Source("policies", policies, 30, _state_mark),
    ]


def client() -> Client:
    """The running platform, or NotRunning."""
    found = local.running()
    if found is None:
        raise NotRunning
    return found


def platform() -> dict[str, Any]:
    """What `status --json` says, and in sentences what is wrong."""
    document = status.report(client())
    return {**document, "wrong": status.wrong(document)}


def alarms() -> list[Alarm]:
    """Every alarm that is evaluated; those that ring first."""
    return sorted(map(alarm, client().alarms()), key=lambda each: (_ORDER.get(each.state, 1), each.name))


def alarm(row: dict[str, Any]) -> Alarm:
    """An alarm of the control API, its description taken apart."""
    found = _RUNBOOK.search(row["description"])
    return Alarm(
        name=row["name"],
        state=row["state"],
        since=row["since"] or "",
        summary=_RUNBOOK.sub(".", row["description"]),
        reason=row["reason"],
        runbook=found[1] if found else "",
    )


def _measured(of: Any) -> Traffic | Waiting | dict[str, Any]:
    asked = client()
    found: Traffic | Waiting | dict[str, Any] = of(
        lambda namespace, statistic: asked.history(namespace, statistic, MINUTES)
    )
    return found


def figures() -> list[Business]:
    """What the services' manifests name of the business."""
    asked = client()
    wanted = {name: service.measures for name, service in journeys.catalog().services.items()}
    return business(lambda namespace, statistic: asked.history(namespace, statistic, MINUTES), wanted)


def resources() -> dict[str, int]:
    """How many resources of each kind the engine's state holds, the most frequent first."""
    return dict(Counter(resource["type"] for resource in _resources()).most_common())


def cost() -> MonthlyCost:
    """What the deployed resources would cost in AWS: `matchday cost`, of the state instead of a plan."""
    from cli.cost import assumptions
    from model.cost import estimate

    region, usage = assumptions(local.STACK)
    found = estimate.estimate(estimate.resources(_resources()), region, usage)
    services = sorted(found.services().items(), key=lambda pair: -pair[1])
    return MonthlyCost(
        monthly=float(found.monthly),
        services={name: float(monthly) for name, monthly in services},
        unpriced=len(found.unpriced),
        billed_by_use=len(found.usage),
    )


def policies() -> Judged:
    """What `matchday audit local` would say, without its evidence."""
    from cli import judging
    from policies.audit import report
    from policies.audit.state import parse

    now = datetime.now(UTC).replace(microsecond=0)
    found = report.audit(
        parse(json.dumps({"version": 3, "deployment": {"resources": _resources()}}).encode(), local.STACK),
        source=local.STACK,
        levels=judging.levels(),
        register=judging.register(now.date()),
        now=now,
        environment=local.STACK,
    )
    violations = sorted(found.violations, key=lambda answer: (answer.level.value != "mandatory", answer.control.id))
    return Judged(
        results=dict(Counter(answer.result.value for answer in found.answers).most_common()),
        mandatory=len(found.mandatory),
        violations=[(each.control.id, each.level.value, each.name, each.message) for each in violations[:SHOWN]],
        more=max(0, len(violations) - SHOWN),
    )


def _state_file() -> Any:
    return deployments.state_file(local.places().backend, local.STACK)


def _history() -> Any:
    return history.records(local.places().backend, local.STACK)


def _state_mark() -> object:
    file = _state_file()
    return (info.st_mtime_ns, info.st_size) if file and (info := file.stat()) else "none"


def _resources() -> list[dict[str, Any]]:
    """The engine's state: each resource that is deployed."""
    file = _state_file()
    if file is None:
        raise LookupError(f"nothing was ever deployed here. {local.how_to_start()}")
    latest = json.loads(file.read_bytes())["checkpoint"].get("latest") or {}
    return list(latest.get("resources") or [])
