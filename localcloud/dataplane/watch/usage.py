"""What tasks, databases and caches use of this machine, as the metrics that ECS, RDS and ElastiCache would write.

Only what a laptop can say truly: processor and memory of processes, connections, room on the disk, how many tasks run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from localcloud.dataplane.ecs.service import ServiceRunner
from localcloud.dataplane.ingress.targets import Targets
from localcloud.dataplane.model import TaskDefinition
from localcloud.dataplane.watch.metrics import Metric
from localcloud.dataplane.watch.traffic import NAMESPACE as BALANCER
from localcloud.dataplane.watch.traffic import suffix

#: CPU units of one processor in a task definition.
_UNITS = 1024
#: A backend of a client in PostgreSQL's process titles: `postgres: user database address(port) state`.
_BACKEND = re.compile(r"postgres: (?:[^:]*: )?\S+ \S+ (?:\[local\]|[0-9a-f.:]+\()")


@dataclass(frozen=True)
class Running:
    """What a look needs to know, taken down where it changes, so that the look itself may be in a thread."""

    services: tuple[
        tuple[Mapping[str, str], tuple[tuple[TaskDefinition, int], ...]], ...
    ]  #: place, tasks with their pid
    stores: tuple[tuple[str, str, int], ...]  #: kind, name, pid
    targets: tuple[tuple[Mapping[str, str], int, int], ...]  #: place, healthy, unhealthy

    @classmethod
    def of(
        cls,
        runners: Iterable[ServiceRunner],
        stores: Iterable[dict[str, object]],
        targets: Targets,
        balancers: Mapping[str, str],
    ) -> Running:
        """What runs now. `balancers`: by target group's ARN (`traffic.balancers`)."""
        return cls(
            tuple(
                (
                    {"ClusterName": runner.spec.cluster.rpartition("/")[2], "ServiceName": runner.spec.name},
                    tuple((task.definition, task.pid) for task in runner.tasks if task.pid is not None),
                )
                for runner in runners
            ),
            tuple(
                (str(store["kind"]), str(store["name"]), store["pid"])
                for store in stores
                if isinstance(store["pid"], int)
            ),
            tuple(
                ({"LoadBalancer": balancers.get(group, ""), "TargetGroup": suffix(group)}, healthy, unhealthy)
                for group, (healthy, unhealthy) in targets.counts().items()
            ),
        )


@dataclass
class Meter:
    """Looks at processes; what a processor did is the difference to the look before."""

    disk: Path
    _before: dict[int, tuple[float, float]] = field(default_factory=dict)

    def look(self, running: Running, now: float) -> list[tuple[Metric, float]]:
        """One value of each metric; a tenth of a second for the processes of a platform, most of it for their memory."""
        seen: dict[int, tuple[float, float]] = {}
        found: list[tuple[Metric, float]] = []
        for place, tasks in running.services:
            found.append((Metric.of("ECS/ContainerInsights", "RunningTaskCount", place), len(tasks)))
            for definition, pid in tasks:
                found += self._task(definition, pid, place, now, seen)
        for kind, name, pid in running.stores:
            found += self._store(kind, name, pid, now, seen)
        for place, healthy, unhealthy in running.targets:
            found.append((Metric.of(BALANCER, "HealthyHostCount", place), healthy))
            found.append((Metric.of(BALANCER, "UnHealthyHostCount", place), unhealthy))
        self._before = seen
        return found

    def _task(
        self,
        definition: TaskDefinition,
        pid: int,
        place: Mapping[str, str],
        now: float,
        seen: dict[int, tuple[float, float]],
    ) -> Iterator[tuple[Metric, float]]:
        family = list(_family(pid))
        if definition.cpu and (busy := self._busy(pid, family, now, seen)) is not None:
            yield Metric.of("AWS/ECS", "CPUUtilization", place), 100 * busy * _UNITS / definition.cpu
        if definition.memory:
            used = sum(_proportional(process) for process in family) / 2**20
            yield Metric.of("AWS/ECS", "MemoryUtilization", place), 100 * used / definition.memory

    def _store(
        self, kind: str, name: str, pid: int, now: float, seen: dict[int, tuple[float, float]]
    ) -> Iterator[tuple[Metric, float]]:
        family = list(_family(pid))
        busy = self._busy(pid, family, now, seen)
        if kind == "rds":
            place = {"DBInstanceIdentifier": name}
            clients = sum(1 for process in family if _BACKEND.match(_title(process)))
            yield Metric.of("AWS/RDS", "DatabaseConnections", place), clients
            with suppress(FileNotFoundError):  # the state directory was deleted under us
                yield Metric.of("AWS/RDS", "FreeStorageSpace", place), shutil.disk_usage(self.disk).free
            if busy is not None:
                yield Metric.of("AWS/RDS", "CPUUtilization", place), 100 * busy / (psutil.cpu_count() or 1)
        elif busy is not None:  # one thread does the engine's work
            for node in (f"{name}-001", f"{name}-0001-001"):
                metric = Metric.of("AWS/ElastiCache", "EngineCPUUtilization", {"CacheClusterId": node})
                yield metric, min(100.0, 100 * busy)

    def _busy(
        self, pid: int, family: Iterable[psutil.Process], now: float, seen: dict[int, tuple[float, float]]
    ) -> float | None:
        """Processors that a family of processes kept busy since the last look; None at the first one."""
        spent = 0.0
        for process in family:
            with suppress(psutil.Error):
                times = process.cpu_times()
                spent += times.user + times.system + times.children_user + times.children_system
        seen[pid] = now, spent
        if pid not in self._before or now <= self._before[pid][0]:
            return None
        then, before = self._before[pid]
        return max(0.0, spent - before) / (now - then)


def _family(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def _proportional(process: psutil.Process) -> int:
    """Memory in bytes, what is shared by several counted in parts."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
