"""Evaluates the deployed alarms on what runs here; their states go to the emulator, where CloudWatch's callers read them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.dataplane.control.events import Hub
from localcloud.dataplane.ecs.scheduler import Scheduler
from localcloud.dataplane.settings import Config
from localcloud.dataplane.stores.data_stores import DataStores
from localcloud.dataplane.watch import expressions, log_metrics
from localcloud.dataplane.watch.alarms import ALARM, INSUFFICIENT, OK, Alarm, NotEvaluated
from localcloud.dataplane.watch.definitions import Definitions, Position
from localcloud.dataplane.watch.log_metrics import Filter
from localcloud.dataplane.watch.metrics import COARSE, KEPT_SECONDS, Metrics, check_statistic
from localcloud.dataplane.watch.usage import Meter, Running
from localcloud.runtime.aws import Aws
from localcloud.runtime.errors import SupervisorError

#: How Application Auto Scaling describes the alarms that it makes for itself. The emulator's have made-up thresholds; the
#: policies themselves are evaluated (localcloud/dataplane/scaling).
_OF_SCALING = "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy"
_COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"

#: What is kept of all resources of a kind, by id (localcloud.provider.kept.KeptProperties.of_kind).
OfKind = Callable[[str], Mapping[str, Mapping[str, Any]]]


@dataclass
class Watched:
    """One alarm under evaluation: its state, since when (seconds since the epoch), and why."""

    alarm: Alarm
    state: str = INSUFFICIENT
    since: float = 0.0
    reason: str = "not evaluated yet"
    looked: float = 0.0  #: the end of the newest period that was looked at

    @property
    def description(self) -> str:
        """As deployed."""
        return self.alarm.description


@dataclass
class Composite:
    """One composite alarm."""

    name: str
    description: str
    rule: expressions.Rule
    state: str = INSUFFICIENT
    since: float = 0.0
    reason: str = "the alarms that its rule names"


class Watch:
    """The alarms of one local cloud."""

    def __init__(self, config: Config, aws: Aws, hub: Hub, of_kind: OfKind, emulator_position: Position) -> None:
        self._config, self._aws, self._hub, self._of_kind = config, aws, hub, of_kind
        self._definitions = Definitions(emulator_position, config.timing.definitions, self._look)
        self.metrics = Metrics()
        self._alarms: dict[str, Watched] = {}
        self._composites: dict[str, Composite] = {}
        self._filters: dict[str, list[Filter]] = {}
        self._not_evaluated: dict[str, str] = {}
        self._used_at = 0.0
        self._since = time.time()
        self._rang: dict[str, list[float]] = {}
        self.balancers: dict[str, str] = {}

    def heard(self, group: str, text: str) -> None:
        """A container logged a line to a log group."""
        filters = self._filters.get(group, ())
        if (not filters and "_aws" not in text) or (line := log_metrics.parsed(text)) is None:
            return
        now = time.time()
        for metric, value in log_metrics.embedded(line):
            self.metrics.put(metric, value, now)
        for each in filters:
            if each.matches(line):
                self.metrics.put(each.metric, each.value, now)

    async def run(self, scheduler: Scheduler, stores: DataStores) -> None:
        """Look at usage and evaluate what is due, until cancelled."""
        meter = Meter(self._config.places.root)
        timing = self._config.timing
        while True:
            await asyncio.sleep(timing.watch)
            now = time.time()
            if another_period(self._used_at, now, timing.usage):
                self._used_at = now
                self.metrics.forget(now)
                running = Running.of(scheduler.runners(), stores.status(), scheduler.targets, self.balancers)
                for metric, value in await asyncio.to_thread(meter.look, running, now):
                    self.metrics.put(metric, value, now)
            # An emulator that is being started again, a store on a full disk: the next time.
            with suppress(ClientError, BotoCoreError, httpx.HTTPError, sqlite3.Error):
                await self._definitions.look(now)
                await self.evaluate(now)

    def _look(self) -> None:
        not_evaluated: dict[str, str] = {}
        found: dict[str, Watched] = {}
        cloudwatch = self._aws.client("cloudwatch")
        for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"]):
            for row in page["MetricAlarms"]:
                if row.get("AlarmDescription", "").startswith(_OF_SCALING):
                    continue
                try:
                    alarm = Alarm.read(row)
                except NotEvaluated as problem:
                    not_evaluated[row["AlarmName"]] = str(problem)
                    continue
                known = self._alarms.get(alarm.name)
                # A changed alarm begins anew, as CloudWatch's does.
                found[alarm.name] = known if known and known.alarm == alarm else Watched(alarm)
        composites: dict[str, Composite] = {}
        for name, kept in self._of_kind(_COMPOSITE).items():
            try:
                rule = expressions.rule(str(kept.get("alarmRule", "")))
            except expressions.BadExpression as problem:
                not_evaluated[name] = str(problem)
                continue
            described = str(kept.get("alarmDescription", ""))
            before = self._composites.get(name)
            composites[name] = Composite(name, described, rule, *((before.state, before.since) if before else ()))
        filters: dict[str, list[Filter]] = {}
        for page in self._aws.client("logs").get_paginator("describe_metric_filters").paginate():
            for row in page["metricFilters"]:
                try:
                    each = Filter.read(row)
                except log_metrics.BadPattern as problem:
                    not_evaluated[row["filterName"]] = str(problem)
                    continue
                filters.setdefault(each.group, []).append(each)
        self._alarms, self._composites, self._filters = found, composites, filters
        self._not_evaluated = not_evaluated

    async def evaluate(self, now: float) -> None:
        """Evaluate the alarms of which a period has ended, then the composite ones."""
        for watched in list(self._alarms.values()):
            alarm = watched.alarm
            if alarm.last(now) <= watched.looked:
                continue
            watched.looked = alarm.last(now)
            points = alarm.points(self.metrics, self._since, now)
            state = alarm.state(points, watched.state)
            if state != watched.state:
                reason = alarm.reason(points, state)
                # Told first: an emulator that does not answer now is asked again with the next period.
                await asyncio.to_thread(self._tell, alarm.name, state, reason)
                watched.state, watched.since, watched.reason = state, now, reason
                self._note(alarm.name, state, now)
                self._hub.emit("alarm", alarm.name, state, reason)
        for composite in self._composites.values():
            state = ALARM if composite.rule(self._state_of) else OK
            if state != composite.state:
                composite.state, composite.since = state, now
                self._note(composite.name, state, now)
                self._hub.emit("alarm", composite.name, state, composite.reason)

    def _note(self, name: str, state: str, now: float) -> None:
        """Keep when it began to ring, for as long as metrics are kept."""
        if state == ALARM:
            self._rang[name] = [*(each for each in self._rang.get(name, ()) if each > now - KEPT_SECONDS), now]

    def _tell(self, name: str, state: str, reason: str) -> None:
        self._aws.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)

    def _state_of(self, name: str) -> str:
        if name in self._alarms:
            return self._alarms[name].state
        return self._composites[name].state if name in self._composites else INSUFFICIENT

    def status(self) -> dict[str, Any]:
        """What `matchday status` says: how many alarms are evaluated, which ring, and which are not evaluated, with why."""
        evaluated: list[tuple[str, Watched | Composite]] = [*self._alarms.items(), *self._composites.items()]
        return {
            "evaluated": len(evaluated),
            "ringing": [
                {"name": name, "since": _utc(each.since), "description": each.description, "reason": each.reason}
                for name, each in sorted(evaluated, key=lambda pair: pair[0])
                if each.state == ALARM
            ],
            "not_evaluated": dict(sorted(self._not_evaluated.items())),
        }

    def alarms(self) -> list[dict[str, Any]]:
        """Every alarm that is evaluated, with its state, since when, why, and when it began to ring in the last hours."""
        evaluated: dict[str, Watched | Composite] = {**self._alarms, **self._composites}
        return [
            {
                "name": name,
                "state": each.state,
                "since": _utc(each.since) if each.since else None,
                "description": each.description,
                "reason": each.reason,
                "rang": [_utc(moment) for moment in self._rang.get(name, ())],
            }
            for name, each in sorted(evaluated.items())
        ]

    def history(self, *, namespace: str, statistic: str, minutes: str) -> list[dict[str, Any]]:
        """The series of a namespace, minute by minute. A statistic that is not computed here: SupervisorError."""
        try:
            check_statistic(statistic)
            back = min(max(1, int(minutes)), KEPT_SECONDS // COARSE)
        except ValueError as error:
            raise SupervisorError("metrics", str(error)) from error
        now = time.time()
        return [
            {
                "name": metric.name,
                "dimensions": dict(sorted(metric.dimensions)),
                "points": self.metrics.by_minute(metric, statistic, back, now),
            }
            for metric in self.metrics
            if metric.namespace == namespace
        ]


def another_period(before: float, now: float, seconds: float) -> bool:
    """Whether a period of the clock (of so many seconds) has begun since `before`: each gets a value, and no more than one.

    A period that is only waited for is a little longer each time, until one of the clock's has no value; and an alarm on five
    in a row, to which such a one is good, would never ring.
    """
    return now // seconds != before // seconds


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
