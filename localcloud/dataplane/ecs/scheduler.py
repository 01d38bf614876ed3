"""All ECS services of the local cloud: a runner for each, and the Service Connect names that their tasks share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from localcloud.dataplane.ecs.agent import Agent
from localcloud.dataplane.ecs.service import Rollout, ServiceRunner
from localcloud.dataplane.ingress.targets import Targets
from localcloud.dataplane.model import DesiredState
from localcloud.dataplane.network.flows import Flows, dropped, flows, stores


class Scheduler:
    """Runs what ECS describes."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.targets = Targets(agent.aws, agent.config.timing, self._wake_all)
        self._runners: dict[str, ServiceRunner] = {}
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._desired = DesiredState()
        self._stores: dict[str, Sequence[str]] = {}
        self._flows: Mapping[str, Flows] = {}
        self._flows_of: Any = None

    async def apply(self, desired: DesiredState) -> None:
        """Follow what is deployed now."""
        if (desired.databases, desired.caches) != (self._desired.databases, self._desired.caches):
            self._stores = stores(desired, self._agent.book)
        self._desired = desired
        fresh = not self.targets.groups and desired.target_groups
        self.targets.groups, self.targets.dropped = desired.target_groups, dropped(desired)
        if fresh:
            await self.targets.clear_registrations(desired.target_groups.values())
        wanted = {service.arn: service for service in desired.services}
        for arn in [arn for arn, job in self._jobs.items() if job.done()]:
            self._jobs.pop(arn).result()
            self._runners.pop(arn)
        for arn, runner in self._runners.items():
            if arn not in wanted:
                runner.delete()
        for arn, service in wanted.items():
            existing = self._runners.get(arn)
            if existing is None:
                runner = self._runners[arn] = ServiceRunner(self._agent, self.targets, service, self._publish)
                self._jobs[arn] = asyncio.create_task(runner.run(), name=f"service {service.name}")
            elif not existing.deleted:
                existing.want(service)
        self._publish()

    def retry(self) -> None:
        """Give what has failed another chance."""
        for runner in self._runners.values():
            runner.retry()

    def runners(self) -> Iterable[ServiceRunner]:
        """Every service's runner, by name."""
        return sorted(self._runners.values(), key=lambda runner: runner.spec.name)

    def deploying(self, cluster: str, name: str) -> bool:
        """Whether a service of this cluster is being rolled out, or is not known here."""
        found = [runner for runner in self.runners() if (runner.spec.cluster, runner.spec.name) == (cluster, name)]
        return not found or found[0].rollout is Rollout.IN_PROGRESS

    def status(self) -> list[dict[str, Any]]:
        """What `matchday status` says of each."""
        return [runner.status() for runner in self.runners()]

    async def stop(self) -> None:
        """Stop every task."""
        for job in self._jobs.values():
            job.cancel()
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()))
        await self.targets.close()

    def _wake_all(self) -> None:
        for runner in self._runners.values():
            runner.wake()

    def _publish(self) -> None:
        names: dict[str, dict[str, list[tuple[str, int]]]] = {}
        for runner in self._runners.values():
            for alias in runner.spec.aliases:
                places = names.setdefault(alias.name.lower(), {}).setdefault(str(alias.port), [])
                places += sorted((task.address, alias.container_port) for task in runner.reachable())
        tasks = {arn: [task.address for task in runner.tasks] for arn, runner in self._runners.items()}
        # A step of a roll-out calls this, ten a second for each service; who may reach whom changes with few of them.
        if (known := (self._desired, self._stores, tasks)) != self._flows_of:
            self._flows = flows(self._desired, self._stores, tasks, self._agent.outside)
            self._flows_of = known
        self._agent.publish({**names, **self._agent.partners}, self._flows)
