"""What tasks, databases and caches use of this machine, as the metrics that ECS, RDS and ElastiCache would write.

Only what a laptop can say truly: processor and memory of processes, connections, room on the disk, how many tasks run.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from localcloud.dataplane.ecs.service import ServiceRunner
from localcloud.dataplane.ecs.task import Task
from localcloud.dataplane.ingress.targets import Targets
from localcloud.dataplane.watch.metrics import Metric
from localcloud.dataplane.watch.traffic import NAMESPACE as BALANCER
from localcloud.dataplane.watch.traffic import Put, suffix

#: CPU units of one processor in a task definition.
_UNITS = 1024
#: A backend of a client in PostgreSQL's process titles: `postgres: user database address(port) state`.
_BACKEND = re.compile(r"postgres: (?:[^:]*: )?\S+ \S+ (?:\[local\]|[0-9a-f.:]+\()")


@dataclass
class Meter:
    """Looks at processes; what a processor did is the difference to the look before."""

    put: Put
    disk: Path
    _before: dict[int, tuple[float, float]] = field(default_factory=dict)

    def look(
        self,
        runners: Iterable[ServiceRunner],
        stores: Iterable[dict[str, object]],
        targets: Targets,
        balancers: Mapping[str, str],
    ) -> None:
        """Write one value of each metric. `balancers`: by target group's ARN (`traffic.balancers`)."""
        now = time.time()
        seen: dict[int, tuple[float, float]] = {}
        for runner in runners:
            self._service(runner, now, seen)
        for store in stores:
            if isinstance(store["pid"], int):
                self._store(str(store["kind"]), str(store["name"]), store["pid"], now, seen)
        for group, (healthy, unhealthy) in targets.counts().items():
            place = {"LoadBalancer": balancers.get(group, ""), "TargetGroup": suffix(group)}
            self.put(Metric.of(BALANCER, "HealthyHostCount", place), healthy, now)
            self.put(Metric.of(BALANCER, "UnHealthyHostCount", place), unhealthy, now)
        self._before = seen

    def _service(self, runner: ServiceRunner, now: float, seen: dict[int, tuple[float, float]]) -> None:
        place = {"ClusterName": runner.spec.cluster.rpartition("/")[2], "ServiceName": runner.spec.name}
        running = [task for task in runner.tasks if task.pid is not None]
        self.put(Metric.of("ECS/ContainerInsights", "RunningTaskCount", place), len(running), now)
        for task in running:
            self._task(task, place, now, seen)

    def _task(self, task: Task, place: dict[str, str], now: float, seen: dict[int, tuple[float, float]]) -> None:
        definition = task.definition
        family = list(_family(task.pid or 0))
        if definition.cpu and (busy := self._busy(task.pid or 0, family, now, seen)) is not None:
            self.put(Metric.of("AWS/ECS", "CPUUtilization", place), 100 * busy * _UNITS / definition.cpu, now)
        if definition.memory:
            used = sum(_proportional(process) for process in family) / 2**20
            self.put(Metric.of("AWS/ECS", "MemoryUtilization", place), 100 * used / definition.memory, now)

    def _store(self, kind: str, name: str, pid: int, now: float, seen: dict[int, tuple[float, float]]) -> None:
        family = list(_family(pid))
        busy = self._busy(pid, family, now, seen)
        if kind == "rds":
            place = {"DBInstanceIdentifier": name}
            clients = sum(1 for process in family if _BACKEND.match(_title(process)))
            self.put(Metric.of("AWS/RDS", "DatabaseConnections", place), clients, now)
            with suppress(FileNotFoundError):  # the state directory was deleted under us
                self.put(Metric.of("AWS/RDS", "FreeStorageSpace", place), shutil.disk_usage(self.disk).free, now)
            if busy is not None:
                percent = 100 * busy / (psutil.cpu_count() or 1)
                self.put(Metric.of("AWS/RDS", "CPUUtilization", place), percent, now)
        elif busy is not None:  # one thread does the engine's work
            for node in (f"{name}-001", f"{name}-0001-001"):
                metric = Metric.of("AWS/ElastiCache", "EngineCPUUtilization", {"CacheClusterId": node})
                self.put(metric, min(100.0, 100 * busy), now)

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
