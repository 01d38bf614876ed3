"""One task of an ECS service: its containers in the order of their dependencies, from start to stop."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from enum import Enum
from graphlib import CycleError, TopologicalSorter

from localcloud.dataplane.ecs import images, valuefrom
from localcloud.dataplane.ecs.agent import Agent
from localcloud.dataplane.ecs.collector import GROUP, Collector, is_collector
from localcloud.dataplane.ecs.container import Container, Health
from localcloud.dataplane.ecs.images import TaskFailed
from localcloud.dataplane.ecs.logs import LogFile, Stream, place_of, writer
from localcloud.dataplane.model import Json, TaskDefinition


class Status(Enum):
    """ECS's lastStatus."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"


class Task:
    """A task from its start to its end. `changed` is called whenever its status or health changes.

    `owner`: the ARN of its service, whose security groups it is in.
    """

    def __init__(
        self,
        agent: Agent,
        service: str,
        definition: TaskDefinition,
        deployment: str,
        changed: Callable[[], None],
        *,
        owner: str,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.service, self.definition, self.deployment = service, definition, deployment
        self.address = agent.book.lease_task(self.id)
        self.status = Status.PENDING
        self.reason = ""
        self.restarts = 0
        self.started = time.monotonic()
        self.became_ready: float | None = None
        self.announced: float | None = None  #: when its service first said that it serves
        self._agent, self._changed, self._owner = agent, changed, owner
        self._directory = agent.tasks_directory / self.id
        main = next((item for item in definition.containers if item.get("essential", True)), definition.containers[0])
        self.main: str = main["name"]
        folder, process = place_of(main, service)
        self.log = agent.config.places.logs / folder / process / f"{self.id}.log"
        self._containers: dict[str, Container | Collector] = {}
        self._file: LogFile | None = None
        self._streams: list[Stream] = []
        self._life: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process of the main container: the first essential one."""
        container = self._containers.get(self.main)
        return container.pid if container and container.running else None

    @property
    def health(self) -> Health:
        """Of the essential containers that have a health check; UNKNOWN if none has."""
        states = [item.health for item in self._containers.values() if item.checked and item.essential]
        for health in (Health.UNHEALTHY, Health.UNKNOWN):
            if health in states:
                return health
        return Health.HEALTHY if states else Health.UNKNOWN

    @property
    def checked(self) -> bool:
        """Whether an essential container has a health check."""
        return any(item.checked and item.essential for item in self._containers.values())

    @property
    def ready(self) -> bool:
        """Whether it runs and, if it has health checks, is healthy."""
        return self.status is Status.RUNNING and self.health is (Health.HEALTHY if self.checked else Health.UNKNOWN)

    @property
    def over(self) -> bool:
        """Whether it will never serve again."""
        return self.status in (Status.STOPPING, Status.STOPPED)

    def start(self) -> None:
        """Begin its life in the background."""
        self._life = asyncio.create_task(self._live(), name=f"task {self.id}")

    def stop(self, reason: str) -> None:
        """Begin its end in the background; the first reason stays."""
        if self._stopping is None:
            self.reason = self.reason or reason
            self._become(Status.STOPPING)
            self._stopping = asyncio.create_task(self._stop(), name=f"stop {self.id}")

    async def stopped(self) -> None:
        """Wait until it has ended. Something else must have called `stop`, or it ends itself."""
        while self.status is not Status.STOPPED:
            self._moved.clear()
            await self._moved.wait()

    async def _live(self) -> None:
        try:
            await self._prepare()
            async with asyncio.TaskGroup() as group:
                for container in self._containers.values():
                    group.create_task(self._launch(container))
            self._become(Status.RUNNING)
        except* TaskFailed as failures:
            self.stop(str(failures.exceptions[0]))
        except* Exception as failures:
            first = failures.exceptions[0]
            self.stop(f"TaskFailedToStart: {type(first).__name__}: {first}")

    async def _prepare(self) -> None:
        """Everything that ECS does before the first container: images, secrets, log streams."""
        definitions = self.definition.containers
        _refuse_circle(definitions)
        found = {item["name"]: images.find(item["image"], self._agent.config.images) for item in definitions}
        values = {
            item["name"]: await asyncio.to_thread(
                valuefrom.resolve, self._agent.aws, item, self.definition.execution_role_arn
            )
            for item in definitions
        }
        sandbox = self._agent.open_sandbox(self._directory, self.address, self._owner)
        self._file = LogFile(self.log)
        given = images.of_the_agent(self._agent.aws.endpoint, self._agent.aws.region, self.definition.role_arn)
        for item in definitions:
            name = item["name"]
            stream = await self._agent.shipper.open(item, self.id)
            if stream:
                self._streams.append(stream)
            if is_collector(item):
                spans = await self._agent.shipper.open_spans(GROUP, self.service, self.id)
                self._streams.append(spans)
                self._containers[name] = Collector(item, self.address, spans.add)
                continue
            home = self._directory / name
            home.mkdir(mode=0o700)
            self._containers[name] = Container(
                item,
                found[name],
                images.environment(item, values[name], found[name], home, sandbox, given),
                sandbox,
                self._agent.launcher,
                write=writer(self._file, "" if name == self.main else f"{name} | ", stream),
                changed=self._on_change,
                timing=self._agent.config.timing,
            )

    async def _launch(self, container: Container | Collector) -> None:
        for needed in container.definition.get("dependsOn") or ():
            await self._await_condition(container, self._containers[needed["containerName"]], needed["condition"])
        if self.over:
            return
        await container.start()
        if container.pid is not None:
            self._agent.guardian.watch(container.pid)
        self._on_change()

    async def _await_condition(
        self, container: Container | Collector, needed: Container | Collector, condition: str
    ) -> None:
        while not _met(needed, condition):
            if self.over:
                return
            if why := _hopeless(needed, condition):
                raise TaskFailed(
                    f"TaskFailedToStart: container {container.name} needs {needed.name} to be {condition}, but {why}"
                )
            self._moved.clear()
            await self._moved.wait()

    def _on_change(self) -> None:
        for container in self._containers.values():
            if container.exit_code is not None and container.pid is not None:
                self._agent.guardian.release(container.pid)
            if container.exit_code is not None and container.essential and not self.over:
                self.stop(
                    f"Essential container in task exited: container {container.name}, exit code {container.exit_code}"
                )
        if self.ready and self.became_ready is None:
            self.became_ready = time.monotonic()
        self._moved.set()
        self._changed()

    def _become(self, status: Status) -> None:
        self.status = status
        self._on_change()

    async def _stop(self) -> None:
        assert self._life is not None
        self._life.cancel()
        await asyncio.wait([self._life])
        # Those on which others depend go last.
        while running := [item for item in self._containers.values() if item.running]:
            needed = {entry["containerName"] for item in running for entry in item.definition.get("dependsOn") or ()}
            wave = [item for item in running if item.name not in needed] or running
            await asyncio.gather(*(item.stop() for item in wave))
        for stream in self._streams:
            await self._agent.shipper.close(stream)
        if self._file:
            self._file.close()
        self._agent.close_sandbox(self._directory)
        self._agent.book.release_task(self.id)
        self._become(Status.STOPPED)


def _refuse_circle(definitions: Sequence[Json]) -> None:
    """TaskFailed if containers wait for each other: ECS refuses such a task definition, moto does not."""
    needs = {item["name"]: [entry["containerName"] for entry in item.get("dependsOn") or ()] for item in definitions}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise TaskFailed(f"ClientException: the task definition's containers depend on each other: {circle}") from error


def _met(needed: Container | Collector, condition: str) -> bool:
    if condition == "START":
        return needed.running or needed.exit_code is not None
    if condition == "COMPLETE":
        return needed.exit_code is not None
    if condition == "SUCCESS":
        return needed.exit_code == 0
    return needed.health is Health.HEALTHY and needed.running


def _hopeless(needed: Container | Collector, condition: str) -> str:
    """Why `condition` will never be met; empty while it may."""
    if needed.exit_code is not None and condition in ("SUCCESS", "HEALTHY"):
        return f"it exited with code {needed.exit_code}"
    if condition == "HEALTHY" and needed.health is Health.UNHEALTHY:
        return "it is UNHEALTHY"
    return ""
