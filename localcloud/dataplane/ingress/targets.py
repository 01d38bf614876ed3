"""Target groups: which tasks take requests, by the health checks that the groups ask for; registered in the emulator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.dataplane.model import TargetGroup
from localcloud.dataplane.settings import Timing
from localcloud.runtime import loopback
from localcloud.runtime.aws import Aws

_ESTABLISHED = "01"


@dataclass(eq=False)
class Target:
    """A task's port in a target group. `failed` once it was unhealthy as often as the group tolerates."""

    group: TargetGroup
    address: str
    port: int
    healthy: bool = False
    failed: bool = False
    reason: str = "Target registration is in progress"
    job: asyncio.Task[None] | None = field(default=None, repr=False)


def matches(status: int, matcher: str) -> bool:
    """Whether a status is one that a matcher such as `200`, `200,302` or `200-299` accepts."""
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def open_requests(address: str, source: str) -> int:
    """TCP connections that are open from the ingress (`source`) to a task: it has one for each request."""
    wanted = (_hexadecimal(address), _hexadecimal(source))
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(
        1 for row in rows if row[3] == _ESTABLISHED and (row[1].partition(":")[0], row[2].partition(":")[0]) == wanted
    )


def _hexadecimal(address: str) -> str:
    """An address as /proc/net/tcp writes it."""
    return "".join(f"{int(part):02X}" for part in reversed(address.split(".")))


class Targets:
    """All targets of all groups. `changed` is called whenever one's health changes.

    `dropped`: groups (by ARN) and ports to which the load balancer's security groups, or the task's, let nothing through.
    """

    def __init__(self, aws: Aws, timing: Timing, changed: Callable[[], None]) -> None:
        self._aws, self._timing, self._changed = aws, timing, changed
        self._targets: dict[tuple[str, str], Target] = {}
        self._http = loopback.async_client(follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0))
        self.groups: Mapping[str, TargetGroup] = {}
        self.dropped: Collection[tuple[str, int]] = ()

    def serving(self, group_name: str) -> list[str]:
        """The addresses that take a group's requests: its healthy ones; if none is, all of them, as an ALB does."""
        here = [target for target in self._targets.values() if target.group.name == group_name]
        targets = [target for target in here if (target.group.arn, target.port) not in self.dropped]
        healthy = [target.address for target in targets if target.healthy]
        return healthy or [target.address for target in targets if target.failed]

    def group_at(self, address: str) -> str | None:
        """The ARN of a group that has a task's address."""
        return next((arn for arn, target in self._targets if target == address), None)

    def counts(self) -> dict[str, tuple[int, int]]:
        """By group's ARN, its targets that are healthy and those that were and are no longer."""
        found = dict.fromkeys(self.groups, (0, 0))
        for (arn, _), target in self._targets.items():
            healthy, unhealthy = found.get(arn, (0, 0))
            found[arn] = healthy + target.healthy, unhealthy + target.failed
        return found

    def enter(self, group_arn: str, address: str, port: int) -> Target | None:
        """Begin to check a task; it takes requests from its first success. None while the group is not known."""
        group = self.groups.get(group_arn)
        if group is None:
            return None
        key = (group_arn, address)
        if key not in self._targets:
            target = self._targets[key] = Target(group, address, port)
            target.job = asyncio.create_task(self._check(target))
        return self._targets[key]

    async def leave(self, address: str) -> float:
        """Give a task no new request. Returns the longest deregistration delay of its groups, 0 if it was in none."""
        gone = [self._targets.pop(key) for key in [key for key in self._targets if key[1] == address]]
        for target in gone:
            if target.job:
                target.job.cancel()
        for target in gone:
            with contextlib.suppress(ClientError, BotoCoreError):  # its group may be gone
                await asyncio.to_thread(
                    self._aws.client("elbv2").deregister_targets,
                    TargetGroupArn=target.group.arn,
                    Targets=[{"Id": address, "Port": target.port}],
                )
        return max((target.group.deregistration_delay for target in gone), default=0.0)

    async def clear_registrations(self, groups: Iterable[TargetGroup]) -> None:
        """Deregister what an earlier run has left in the emulator."""
        elb = self._aws.client("elbv2")
        for group in groups:
            listed = await asyncio.to_thread(elb.describe_target_health, TargetGroupArn=group.arn)
            stale = [row["Target"] for row in listed["TargetHealthDescriptions"]]
            if stale:
                await asyncio.to_thread(elb.deregister_targets, TargetGroupArn=group.arn, Targets=stale)

    async def close(self) -> None:
        """Check no more."""
        for target in self._targets.values():
            if target.job:
                target.job.cancel()
        await self._http.aclose()

    async def _check(self, target: Target) -> None:
        """Ask often until the first success, which alone makes a new target healthy; then as the group says."""
        group, failures, successes = target.group, 0, 0
        interval = min(group.interval, self._timing.check_most)
        pause = min(self._timing.probe_first, interval)
        while True:
            reason = await self._probe(target) if group.enabled else ""
            first = not target.healthy and not target.failed
            if not reason:
                failures, successes = 0, successes + 1
                pause = interval
                if first or successes >= group.healthy_threshold:
                    await self._become(target, healthy=True)
            else:
                failures, successes = failures + 1, 0
                target.reason = reason
                pause = min(pause * 1.5, interval) if first else interval
                if target.healthy and failures >= group.unhealthy_threshold:
                    await self._become(target, healthy=False)
            await asyncio.sleep(pause)

    async def _become(self, target: Target, *, healthy: bool) -> None:
        if target.healthy is healthy:
            return
        if healthy and not target.failed:
            await asyncio.to_thread(
                self._aws.client("elbv2").register_targets,
                TargetGroupArn=target.group.arn,
                Targets=[{"Id": target.address, "Port": target.port}],
            )
        target.healthy, target.failed = healthy, not healthy
        self._changed()

    async def _probe(self, target: Target) -> str:
        """Why a target is not healthy; empty if it is."""
        if (target.group.arn, target.port) in self.dropped:  # packets that no rule admits have no answer
            await asyncio.sleep(target.group.timeout)
            return "Request timed out"
        url = f"http://{target.address}:{target.port}{target.group.path}"
        headers = {"User-Agent": "ELB-HealthChecker/2.0"}
        try:
            answer = await self._http.get(url, timeout=target.group.timeout, headers=headers)
        except httpx.TimeoutException:
            return "Request timed out"
        except httpx.HTTPError as error:
            return f"Health checks failed: {type(error).__name__}"
        if matches(answer.status_code, target.group.matcher):
            return ""
        return f"Health checks failed with these codes: [{answer.status_code}]"
