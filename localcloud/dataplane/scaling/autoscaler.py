"""Scales the ECS services that run here: scheduled actions when they are due, policies on what is measured.

The number of tasks is written to the emulator, as Application Auto Scaling writes it to ECS; the scheduler follows.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.dataplane.control.events import Hub
from localcloud.dataplane.scaling.schedules import DueTimes, NoSchedule
from localcloud.dataplane.scaling.steps import StepScaling, StepSignal
from localcloud.dataplane.scaling.tracking import Activity, Signal, TargetTracking, wanted
from localcloud.dataplane.settings import Timing
from localcloud.dataplane.watch.alarms import Alarm, NotEvaluated
from localcloud.dataplane.watch.definitions import Definitions, Position
from localcloud.dataplane.watch.metrics import Metrics
from localcloud.runtime.aws import Aws

_NAMESPACE, _DIMENSION = "ecs", "ecs:service:DesiredCount"

#: Whether a service, by cluster and name, is being deployed: it is not scaled in meanwhile.
Deploying = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Action:
    """A scheduled action: new bounds (None: as they are), and until when it acts."""

    name: str
    schedule: DueTimes
    minimum: int | None
    maximum: int | None
    start: datetime | None
    end: datetime | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Action:
        """An action of `describe_scheduled_actions`; NoSchedule if it is not known when it is due."""
        bounds = row.get("ScalableTargetAction") or {}
        return cls(
            name=row["ScheduledActionName"],
            schedule=DueTimes.read(row["Schedule"], row.get("Timezone") or "UTC", row["CreationTime"]),
            minimum=bounds.get("MinCapacity"),
            maximum=bounds.get("MaxCapacity"),
            start=row.get("StartTime"),
            end=row.get("EndTime"),
        )

    def due(self, after: datetime, until: datetime) -> datetime | None:
        """The last moment after `after` up to `until` at which it was due."""
        first = max(after, self.start) if self.start else after
        return self.schedule.last(first, min(until, self.end) if self.end else until)


@dataclass(slots=True)
class Scaled:
    """One scalable target: an ECS service with its bounds, policies and actions."""

    resource: str
    minimum: int
    maximum: int
    suspended: Mapping[str, bool] = field(default_factory=dict)
    policies: list[TargetTracking] = field(default_factory=list)
    steps: list[StepScaling] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str]:
        """Cluster and service."""
        _, cluster, service = self.resource.split("/")
        return cluster, service


class Autoscaler:
    """Application Auto Scaling of one local cloud."""

    def __init__(
        self,
        aws: Aws,
        metrics: Metrics,
        timing: Timing,
        hub: Hub,
        emulator_position: Position,
        deploying: Deploying,
        *,
        since: float | None = None,
    ) -> None:
        self._aws, self._metrics, self._timing, self._hub = aws, metrics, timing, hub
        self._deploying = deploying
        self._definitions = Definitions(emulator_position, timing.definitions, self._read)
        self._targets: dict[str, Scaled] = {}
        self._not_evaluated: dict[str, str] = {}
        self._activities: dict[str, Activity] = {}
        self._since = time.time() if since is None else since
        #: Until when each action was looked at; a new or changed one from the time at which it was not there yet.
        self._acted: dict[tuple[str, Action], float] = {}
        self._tracked = self._since

    async def run(self) -> None:
        """Scale what is due, until cancelled."""
        while True:
            await asyncio.sleep(self._timing.watch)
            # An emulator that is being started again, a store on a full disk: the next time.
            with suppress(ClientError, BotoCoreError, httpx.HTTPError, sqlite3.Error):
                await self.look(time.time())

    async def look(self, now: float) -> None:
        """Read what is deployed, if something was written since, and do what is due at `now`."""
        await self._definitions.look(now)
        signals: dict[str, tuple[list[Signal], list[StepSignal]]] = {}
        if now - self._tracked >= self._timing.scaling:
            self._tracked = now
            # Here and not in the thread: metrics are written to in this one.
            signals = {target.resource: self._signals(target, now) for target in self._targets.values()}
        await asyncio.to_thread(self._act, now, signals)

    def _signals(self, target: Scaled, now: float) -> tuple[list[Signal], list[StepSignal]]:
        steps = [policy.signal(self._metrics, self._since, now) for policy in target.steps]
        tracked = [policy.signal(self._metrics, self._since, now) for policy in target.policies]
        return tracked, [step for step in steps if step is not None]

    def _read(self) -> None:
        client = self._aws.client("application-autoscaling")
        problems: dict[str, str] = {}
        found: dict[str, Scaled] = {}

        def rows(operation: str, key: str) -> list[Any]:
            pages = client.get_paginator(operation).paginate(ServiceNamespace=_NAMESPACE)
            return [row for page in pages for row in page[key] if row["ScalableDimension"] == _DIMENSION]

        for row in rows("describe_scalable_targets", "ScalableTargets"):
            found[row["ResourceId"]] = Scaled(
                row["ResourceId"], row["MinCapacity"], row["MaxCapacity"], row.get("SuspendedState") or {}
            )
        for row in rows("describe_scaling_policies", "ScalingPolicies"):
            if (target := found.get(row["ResourceId"])) is None:
                continue
            try:
                if row["PolicyType"] == "StepScaling":
                    target.steps.append(StepScaling.read(row, self._alarms(row["PolicyARN"])))
                else:
                    target.policies.append(TargetTracking.read(row, int(self._timing.scaling)))
            except NotEvaluated as problem:
                problems[row["PolicyName"]] = str(problem)
        for row in rows("describe_scheduled_actions", "ScheduledActions"):
            try:
                action = Action.read(row)
                if row["ResourceId"] in found:
                    found[row["ResourceId"]].actions.append(action)
            except NoSchedule as problem:
                problems[row["ScheduledActionName"]] = str(problem)
        self._targets, self._not_evaluated = found, problems

    def _alarms(self, policy: str) -> list[Alarm]:
        """The alarms that are evaluated here and have a policy among their actions."""
        pages = self._aws.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        found = []
        for row in (row for page in pages for row in page["MetricAlarms"] if policy in row.get("AlarmActions", ())):
            with suppress(NotEvaluated):
                found.append(Alarm.read(row))
        return found

    def _act(self, now: float, signals: Mapping[str, tuple[Sequence[Signal], Sequence[StepSignal]]]) -> None:
        """Change the bounds that are due, then the numbers of tasks."""
        for target in list(self._targets.values()):
            due = [(moment, action) for action in target.actions if (moment := self._due(target, action, now))]
            if not target.suspended.get("ScheduledScalingSuspended"):
                for _, action in sorted(due, key=lambda pair: pair[0]):
                    self._new_bounds(target, action)
            self._track(target, *signals.get(target.resource, ((), ())), now)
        self._acted = {(target.resource, action): now for target in self._targets.values() for action in target.actions}

    def _due(self, target: Scaled, action: Action, now: float) -> datetime | None:
        new_from = max(self._definitions.new_since, self._since)
        after = self._acted.get((target.resource, action), new_from)
        return action.due(datetime.fromtimestamp(after, UTC), datetime.fromtimestamp(now, UTC))

    def _new_bounds(self, target: Scaled, action: Action) -> None:
        """As the action says; the number of tasks is brought within them at once."""
        given = {"MinCapacity": action.minimum, "MaxCapacity": action.maximum}
        self._aws.client("application-autoscaling").register_scalable_target(
            ServiceNamespace=_NAMESPACE,
            ResourceId=target.resource,
            ScalableDimension=_DIMENSION,
            **{key: value for key, value in given.items() if value is not None},
        )
        target.minimum = target.minimum if action.minimum is None else action.minimum
        target.maximum = target.maximum if action.maximum is None else action.maximum
        current = self._current(target)
        if current is not None:
            self._scale(target, current, current, f"the scheduled action {action.name}")

    def _track(self, target: Scaled, signals: Sequence[Signal], steps: Sequence[StepSignal], now: float) -> None:
        asked = bool(steps) or any(signal.out or signal.low for signal in signals)
        if not asked or (current := self._current(target)) is None:
            return
        activity = self._activities.setdefault(target.resource, Activity())
        tasks, name = wanted(current, signals, steps, activity, now)
        outward = tasks > current
        state = "DynamicScalingOutSuspended" if outward else "DynamicScalingInSuspended"
        if target.suspended.get(state) or (not outward and self._deploying(*target.place)):
            return
        if not self._scale(target, current, tasks, f"the policy {name}"):
            return
        if outward:
            activity.scaled_out[name], activity.base = now, current
            activity.scaled_in = -math.inf  # a scale-out ends the cooldown of a scale-in
        else:
            activity.scaled_in = now

    def _current(self, target: Scaled) -> int | None:
        cluster, service = target.place
        found = self._aws.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
        return next((int(row["desiredCount"]) for row in found if row["status"] == "ACTIVE"), None)

    def _scale(self, target: Scaled, current: int, tasks: int, why: str) -> bool:
        """Have so many tasks, within the bounds; whether that changes anything."""
        tasks = min(max(tasks, target.minimum), target.maximum)
        if tasks == current:
            return False
        cluster, service = target.place
        self._aws.client("ecs").update_service(cluster=cluster, service=service, desiredCount=tasks)
        self._hub.emit("scaling", service, str(tasks), f"from {current} tasks to {tasks}: {why}")
        return True

    def status(self) -> dict[str, Any]:
        """What `status` says: each scaled service with its bounds, and what is not evaluated, with why."""
        return {
            "services": [
                {
                    "name": target.place[1],
                    "cluster": target.place[0],
                    "minimum": target.minimum,
                    "maximum": target.maximum,
                }
                for target in sorted(self._targets.values(), key=lambda target: target.resource)
            ],
            "not_evaluated": dict(sorted(self._not_evaluated.items())),
        }
