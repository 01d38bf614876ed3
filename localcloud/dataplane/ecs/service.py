"""The ECS service scheduler for one service: keeps the wanted tasks running, and replaces them without a failed request."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any

from localcloud.dataplane.ecs.agent import Agent
from localcloud.dataplane.ecs.container import Health
from localcloud.dataplane.ecs.deployment import Count, backoff, failure_threshold, plan
from localcloud.dataplane.ecs.task import Status, Task
from localcloud.dataplane.ingress.targets import Target, Targets, open_requests
from localcloud.dataplane.model import Service
from localcloud.runtime.addresses import INGRESS_ADMIN_HOST

#: A task that served this long was sound: its end counts as an accident, not as a failure to start.
_SOUND_SECONDS = 60
_TICK = 0.25


class Rollout(Enum):
    """A deployment's rolloutState in ECS."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class ServiceRunner:
    """Runs one service until it is deleted. `changed` is called when what other tasks may know of it changes."""

    def __init__(self, agent: Agent, targets: Targets, spec: Service, changed: Callable[[], None]) -> None:
        self.spec = spec
        self.rollout = Rollout.IN_PROGRESS
        self.reason = ""
        self.failures = 0
        self.failed_log: Path | None = None  #: of the task that failed last
        self.deleted = False
        self.tasks: list[Task] = []
        self._agent, self._targets, self._changed = agent, targets, changed
        self._previous: Service | None = None
        self._in_a_row = 0
        self._next_start = 0.0
        self._lineage: list[int] = []
        self._started_as: dict[Task, Service] = {}
        self._accounted: set[Task] = set()
        self._retiring: dict[Task, asyncio.Task[None]] = {}
        self._stuck_reported = False
        self._wake = asyncio.Event()

    # What it is told

    def want(self, spec: Service) -> None:
        """Follow the service as it is described now."""
        if spec == self.spec:
            return
        if spec.deployment != self.spec.deployment:
            self._begin(spec)
        elif self.rollout is Rollout.COMPLETED:
            self.rollout = Rollout.IN_PROGRESS
        self.spec = spec
        self._wake.set()

    def retry(self) -> None:
        """Give a failed deployment another chance, and do not wait longer before the next start."""
        if self.rollout is Rollout.FAILED:
            self._begin(self.spec)
        if self.failures:
            self.failures, self._in_a_row, self._next_start = 0, 0, 0.0
        self._wake.set()

    def delete(self) -> None:
        """Stop every task, then end `run`."""
        self.deleted = True
        self._wake.set()

    def wake(self) -> None:
        """Something that it depends on has changed."""
        self._wake.set()

    # What it tells

    @property
    def steady(self) -> bool:
        """Whether exactly the wanted tasks run and serve."""
        return self.rollout is Rollout.COMPLETED

    @property
    def failed(self) -> bool:
        """Whether it cannot be expected to come right by waiting."""
        return self.rollout is Rollout.FAILED or self.failures >= failure_threshold(self.spec.desired)

    def serves(self, task: Task) -> bool:
        """Whether a task takes part: it is ready, and healthy in each of its target groups."""
        if not task.ready or task in self._retiring or task.became_ready is None:
            return False
        entries = self._entries(task)
        if not entries and not task.checked:
            return time.monotonic() - task.became_ready >= self._agent.config.timing.settle
        return all(entry and entry.healthy for entry in entries)

    def reachable(self) -> Iterable[Task]:
        """Tasks that Service Connect may send requests to."""
        return (task for task in self.tasks if task.ready and task not in self._retiring)

    def status(self) -> dict[str, Any]:
        """What `matchday status` says of the service."""
        return {
            "name": self.spec.name,
            "cluster": self.spec.cluster,
            "desired": self.spec.desired,
            "running": sum(self.serves(task) for task in self.tasks),
            "rollout": self.rollout.value,
            "reason": self.reason,
            "definition": self.spec.definition.revision,
            "log": str(self.failed_log) if self.failed_log else "",
            "tasks": [
                {
                    "id": task.id,
                    "pid": task.pid,
                    "address": task.address,
                    "status": task.status.value,
                    "health": task.health.value,
                    "serving": self.serves(task),
                    "restarts": task.restarts,
                    "definition": task.definition.revision,
                    "reason": task.reason,
                    "log": str(task.log),
                }
                for task in self.tasks
            ],
        }

    # What it does

    async def run(self) -> None:
        """Take steps whenever something changes, until the service is deleted and its tasks are gone."""
        try:
            while not (self.deleted and not self.tasks):
                self._wake.clear()
                self._step()
                try:
                    await asyncio.wait_for(self._wake.wait(), None if self.steady and not self.deleted else _TICK)
                except TimeoutError:
                    continue
        finally:
            self._changed()

    async def stop(self) -> None:
        """Stop all tasks now: the platform goes down."""
        for task in self.tasks:
            task.stop("The platform is stopped")
        await asyncio.gather(
            *(task.stopped() for task in self.tasks), *(self._targets.leave(t.address) for t in self.tasks)
        )

    def _begin(self, spec: Service) -> None:
        if self.rollout is Rollout.COMPLETED:
            self._previous = self.spec
        self.rollout, self.reason = Rollout.IN_PROGRESS, ""
        self.failures, self._in_a_row, self._next_start, self._stuck_reported = 0, 0, 0.0, False
        self._emit_deployment(spec, "started")

    def _step(self) -> None:
        self._reap()
        self._judge()
        if self.deleted:
            for task in self._staying():
                self._retire(task, "The service was deleted")
            return
        goal = self._goal()
        if goal is None:
            return
        new = [task for task in self.tasks if task.deployment == goal.deployment]
        old = [task for task in self.tasks if task.deployment != goal.deployment]
        step = plan(
            desired=goal.desired,
            minimum_percent=goal.minimum_percent,
            maximum_percent=goal.maximum_percent,
            new=self._count(new),
            old=self._count(old),
        )
        if time.monotonic() >= self._next_start:
            for _ in range(step.start):
                self._start(goal)
        self._retire_some(new, step.stop_new, "Scaling activity initiated by the service")
        for task in old:
            if not self.serves(task) and task in self._staying():
                self._retire(task, "Replaced by a new deployment")
        self._retire_some([t for t in old if self.serves(t)], step.stop_old_ready, "Replaced by a new deployment")
        if step.stuck and not self._stuck_reported:
            self._stuck_reported = True
            self._agent.hub.emit(
                "problem",
                self.spec.name,
                "stuck",
                f"was unable to replace tasks: minimum {goal.minimum_percent} % and maximum {goal.maximum_percent} % of "
                f"{goal.desired} leave no room",
            )
        self._conclude(goal, new, old)

    def _goal(self) -> Service | None:
        """What to run: the service as described; after a failed deployment, the last one that was completed."""
        if self.rollout is not Rollout.FAILED:
            return self.spec
        if self._previous is None:
            return None
        return dataclasses.replace(self._previous, desired=self.spec.desired)

    def _conclude(self, goal: Service, new: list[Task], old: list[Task]) -> None:
        settled = not old and len(new) == goal.desired and all(self.serves(task) for task in new)
        if settled and self.rollout is Rollout.IN_PROGRESS:
            self.rollout = Rollout.COMPLETED
            self.failures = self._in_a_row = 0
            self._emit_deployment(goal, "completed")
            self._agent.hub.emit("service", self.spec.name, "steady", f"{len(new)} of {goal.desired} tasks")
        elif not settled and self.rollout is Rollout.COMPLETED:
            self.rollout = Rollout.IN_PROGRESS
        self._changed()

    def _start(self, goal: Service) -> None:
        task = Task(self._agent, goal.name, goal.definition, goal.deployment, self._wake.set, owner=goal.arn)
        task.restarts = self._lineage.pop() if self._lineage else 0
        self._started_as[task] = goal
        self.tasks.append(task)
        task.start()
        self._emit_task(task, "starting", task.definition.revision)

    def _judge(self) -> None:
        """Stop tasks that are unhealthy, and let those that are ready take requests."""
        for task in self._staying():
            if task.health is Health.UNHEALTHY:
                task.stop("Task failed container health checks")
                continue
            if not task.ready:
                continue
            for entry in self._entries(task):
                if entry and not self._in_grace(task) and (entry.failed or self._too_late(task, entry)):
                    task.stop(f"Task failed ELB health checks in (target-group {entry.group.arn}): {entry.reason}")
            if self.serves(task) and not task.announced:
                task.announced = time.monotonic()
                self._emit_task(task, "healthy", task.address)

    def _in_grace(self, task: Task) -> bool:
        """Whether failing health checks of its target groups are still ignored."""
        return task.became_ready is not None and time.monotonic() - task.became_ready < self.spec.grace

    def _too_late(self, task: Task, entry: Target) -> bool:
        if entry.healthy or task.became_ready is None:
            return False
        interval = min(entry.group.interval, self._agent.config.timing.check_most)
        patience = self.spec.grace + interval * entry.group.unhealthy_threshold
        return time.monotonic() - task.became_ready > patience

    def _reap(self) -> None:
        """Account for tasks that are ending without having been asked to, and drop those that have ended."""
        for task in [task for task in self.tasks if task.over]:
            if task not in self._retiring and task not in self._accounted:
                self._accounted.add(task)
                self._retiring[task] = asyncio.create_task(self._withdraw(task))
                self._account(task)
            if task.status is Status.STOPPED and self._retiring[task].done():
                self.tasks.remove(task)
                self._retiring.pop(task)
                self._started_as.pop(task)
                if task not in self._accounted:
                    self._emit_task(task, "stopped", task.reason)
                self._accounted.discard(task)

    def _account(self, task: Task) -> None:
        self._emit_task(task, "failed", task.reason)
        self._lineage.append(task.restarts + 1)
        self.failed_log = task.log
        served = task.announced is not None
        if task.announced is not None and time.monotonic() - task.announced > _SOUND_SECONDS:
            self._in_a_row = 0
        self._in_a_row += 1
        timing = self._agent.config.timing
        # A task that served is replaced at once, the first time.
        delay = backoff(self._in_a_row - served, timing.backoff_first, timing.backoff_last)
        self._next_start = time.monotonic() + delay
        if task.deployment != self.spec.deployment or self.rollout is not Rollout.IN_PROGRESS:
            return
        if not served:
            self.failures += 1
            self.reason = task.reason
        if self.spec.breaker.enable and self.failures >= failure_threshold(self.spec.desired):
            self.rollout = Rollout.FAILED
            back = f"; {self._previous.definition.revision} stays" if self._previous else ""
            self.reason = (
                f"ECS deployment circuit breaker: {self.failures} tasks failed to start{back}. Last: {task.reason}"
            )
            self._emit_deployment(self.spec, "failed", self.reason)

    def _retire_some(self, tasks: list[Task], count: int, reason: str) -> None:
        """Retire `count` of `tasks`: those that do not serve first, then the oldest."""
        candidates = [task for task in tasks if task in self._staying()]
        for task in sorted(candidates, key=lambda task: (self.serves(task), task.started))[:count]:
            self._retire(task, reason)

    def _retire(self, task: Task, reason: str) -> None:
        self._retiring[task] = asyncio.create_task(self._drain(task, reason))

    async def _drain(self, task: Task, reason: str) -> None:
        """Give a task no new request, wait for those it has, then stop it."""
        self._changed()
        delay = await self._targets.leave(task.address)
        timing = self._agent.config.timing
        if task.ready and (delay or self.spec.aliases):
            self._emit_task(task, "draining")
            # The ingress and Service Connect clients may use an old answer for so long.
            await asyncio.sleep(2 * timing.pool_refresh)
            source = self._agent.book.host(INGRESS_ADMIN_HOST)
            deadline = time.monotonic() + min(delay, timing.drain_most)
            while time.monotonic() < deadline and open_requests(task.address, source):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
        task.stop(reason)
        await task.stopped()
        self._wake.set()

    async def _withdraw(self, task: Task) -> None:
        self._changed()
        await self._targets.leave(task.address)
        await task.stopped()
        self._wake.set()

    def _staying(self) -> list[Task]:
        return [task for task in self.tasks if task not in self._retiring and not task.over]

    def _count(self, tasks: list[Task]) -> Count:
        staying = [task for task in tasks if task in self._staying()]
        ready = sum(self.serves(task) for task in staying)
        return Count(ready=ready, starting=len(staying) - ready, leaving=len(tasks) - len(staying))

    def _entries(self, task: Task) -> list[Target | None]:
        """A ready task's places in its service's target groups, as its own deployment names them."""
        if not task.ready or task in self._retiring:
            return []
        places = self._started_as[task].targets
        return [self._targets.enter(item.target_group, task.address, item.container_port) for item in places]

    def _emit_task(self, task: Task, state: str, detail: str = "") -> None:
        self._agent.hub.emit("task", f"{self.spec.name}/{task.id[:8]}", state, detail)

    def _emit_deployment(self, spec: Service, state: str, detail: str = "") -> None:
        self._agent.hub.emit("deployment", spec.name, state, detail or spec.definition.revision)
