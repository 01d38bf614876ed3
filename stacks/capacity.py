"""What a planned event needs: tasks for each service from its measured throughput, and whether the rest carries them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from components.compute.containers import BOOTSTRAP_PROCESS
from components.compute.scaling import Scheduled, once, weekly
from environments.compute import WorkingHours
from environments.settings import EnvironmentSettings, Event
from model.catalog import Catalog
from model.cost.prices import Prices
from model.limits import CACHE_MEMORY
from model.manifest import Process, ServiceManifest
from model.names import BOOTSTRAP, DATABASES
from model.vocabulary import Datastore

#: Percent of a task's throughput that is planned with: the rest is for what was not foreseen, and for a zone that fails.
PLANNED_PERCENT = 70

#: Percent of the planned tasks that scaling may go to by itself.
ROOM_PERCENT = 150

#: Percent of its memory at which a node of the cache rings (components/data/redis_plan.py; a test holds the two together).
CACHE_ALARM_PERCENT = 80

_CENT = Decimal("0.01")

#: Tasks are asked for so long before the start, and stay so long after the end: a crowd comes early and leaves slowly.
LEAD, TAIL = timedelta(minutes=20), timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What one service needs. peak: requests per second. usual, planned: tasks at least; most: at most, during the event."""

    service: str
    process: str
    peak: int
    throughput: int
    usual: int
    planned: int
    most: int
    vcpu: float
    memory_gb: float
    connections: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPlan:
    """Everything that an event needs, and when the tasks come and go."""

    event: str
    ready: datetime
    restored: datetime
    needs: tuple[Need, ...]

    @property
    def vcpu(self) -> float:
        """vCPUs on Fargate of the planned tasks."""
        return sum(need.vcpu for need in self.needs)

    @property
    def connections(self) -> int:
        """Connections to PostgreSQL that the planned tasks may hold."""
        return sum(need.connections for need in self.needs)


def cache_mebibytes(settings: EnvironmentSettings) -> int | None:
    """What the cache holds before its alarm on memory rings; None for a type of node whose memory is not known here."""
    memory = CACHE_MEMORY.get(settings.cache.node_type)
    return None if memory is None else memory * settings.cache.shards * CACHE_ALARM_PERCENT // 100 // 1024**2


def cost(planned: EventPlan, region: str, prices: Prices) -> tuple[Decimal, Decimal]:
    """US dollars that the event costs more than usual, by list prices on demand: at the planned tasks, and at the most.

    Tasks alone are reckoned: data stores and gateways are as they are, and what is billed by request is billed by request.
    """
    hours = Decimal((planned.restored - planned.ready).total_seconds()) / 3600
    found = {name: prices.find(f"fargate-arm-{name}", region) for name in ("vcpu", "memory")}
    sums = [Decimal(0), Decimal(0)]
    for need in planned.needs:
        for index, tasks in enumerate((need.planned, need.most)):
            for name, whole in (("vcpu", need.vcpu), ("memory", need.memory_gb)):
                price = found[name]
                assert price is not None, "the table has what every environment runs on"
                each = Decimal(whole) / need.planned
                sums[index] += (tasks - need.usual) * each * price.usd * hours
    return sums[0].quantize(_CENT), sums[1].quantize(_CENT)


class CapacityError(ValueError):
    """An event cannot be planned: what is missing, and where to say it."""


def plan(name: str, event: Event, catalog: Catalog) -> EventPlan:
    """The plan of the event `name`. Raises CapacityError."""
    return EventPlan(
        event=name,
        ready=event.start - LEAD,
        restored=event.end + TAIL,
        needs=tuple(_need(catalog, service, peak) for service, peak in sorted(event.peak.items())),
    )


def _need(catalog: Catalog, name: str, peak: int) -> Need:
    service = catalog.services.get(name)
    if service is None:
        raise CapacityError(f"peak.{name}: there is no such service; accepted: {', '.join(sorted(catalog.services))}")
    process_name, process = _web(service)
    if process.throughput is None or process.scaling is None:
        raise CapacityError(
            f"peak.{name}: services/{name}/service.yaml says no throughput and scaling of its web process; accepted: "
            "what `make bench` measured, and bounds"
        )
    # At least what always runs: an event never takes tasks away.
    planned = max(_quotient(peak * 100, process.throughput * PLANNED_PERCENT), process.minimum)
    most = max(_quotient(planned * ROOM_PERCENT, 100), process.maximum)
    return Need(
        service=name,
        process=process_name,
        peak=peak,
        throughput=process.throughput,
        usual=process.minimum,
        planned=planned,
        most=most,
        vcpu=planned * process.cpu / 1024,
        memory_gb=planned * process.memory / 1024,
        connections=planned * process.pool if Datastore.POSTGRES in service.datastores else 0,
    )


def _quotient(number: int, by: int) -> int:
    """`number` divided by `by`, rounded up, exactly: a float would plan a task too many."""
    return -(-number // by)


def _web(service: ServiceManifest) -> tuple[str, Process]:
    for name, process in service.processes.items():
        if process is service.web:
            return name, process
    raise CapacityError(f"peak.{service.name}: it has no web process, so no requests; accepted: services with one")


def during(plan_: EventPlan, catalog: Catalog) -> Catalog:
    """`catalog` as it is in the middle of the event, for the budgets: each service at the most that it may grow to."""
    services = dict(catalog.services)
    for need in plan_.needs:
        service = services[need.service]
        process = service.processes[need.process]
        assert process.scaling is not None
        grown = process.model_copy(
            update={"scaling": process.scaling.model_copy(update={"minimum": need.planned, "maximum": need.most})}
        )
        services[need.service] = service.model_copy(update={"processes": {**service.processes, need.process: grown}})
    return catalog.model_copy(update={"services": services})


def schedules(settings: EnvironmentSettings, catalog: Catalog) -> Mapping[tuple[str, str], list[Scheduled]]:
    """(service, process) → the changes of its bounds: events, or working hours (settings have one of the two)."""
    found: dict[tuple[str, str], list[Scheduled]] = {}
    if not settings.compute.scaling:
        return found
    for name, event in settings.events.items():
        planned = plan(name, event, catalog)
        for need in planned.needs:
            process = catalog.services[need.service].processes[need.process]
            found.setdefault((need.service, need.process), []).extend(
                [
                    Scheduled(f"{name}-begins", once(planned.ready), need.planned, need.most),
                    Scheduled(f"{name}-ends", once(planned.restored), process.minimum, process.maximum),
                ]
            )
    if settings.compute.hours is not None:
        for service in catalog.services.values():
            for name, process in service.processes.items():
                found[service.name, name] = _of_hours(settings.compute.hours, process)
        found[DATABASES, BOOTSTRAP] = _of_hours(settings.compute.hours, BOOTSTRAP_PROCESS)
    return found


def _of_hours(hours: WorkingHours, process: Process) -> list[Scheduled]:
    """No task out of hours, the usual ones within. Only the days that are worked on begin, so only they have an end."""
    return [
        Scheduled("hours-begin", weekly(hours.days, hours.begin), process.minimum, process.maximum, hours.timezone),
        Scheduled("hours-end", weekly(hours.days, hours.end), 0, 0, hours.timezone),
    ]


def problems(settings: EnvironmentSettings, catalog: Catalog, now: datetime) -> Iterator[str]:
    """Why an event of `settings` cannot be, each with its key path."""
    for name, event in settings.events.items():
        if event.end <= now:
            yield f"events.{name}.end: {event.end.isoformat()} is over; accepted: a time to come, or no such event any more"
        try:
            plan(name, event, catalog)
        except CapacityError as error:
            yield f"events.{name}.{error}"
