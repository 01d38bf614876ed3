"""A load balancer reaches the targets that its security groups and theirs admit, and no other."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from localcloud.dataplane.ingress.targets import Targets
from localcloud.dataplane.model import (
    DesiredState,
    Listener,
    ListenerRule,
    LoadBalancerTarget,
    Permission,
    SecurityGroup,
    Service,
    TargetGroup,
    TaskDefinition,
)
from localcloud.dataplane.network.flows import dropped
from localcloud.dataplane.settings import Timing
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.aws import Aws

GROUP = "arn:aws:elasticloadbalancing:ap-south-1:123456789012:targetgroup/web/1"


def tcp(port: int, group: str) -> Permission:
    return Permission(protocol="tcp", first=port, last=port, groups=[group])


def listener(*groups: str, weighted: bool = False) -> Listener:
    action: dict[str, Any] = {"Type": "forward", "TargetGroupArn": GROUP}
    if weighted:
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": GROUP, "Weight": 1}]}}
    rules = [ListenerRule(priority="1", conditions=[], actions=[action])]
    return Listener(arn="a", load_balancer="main", port=80, protocol="HTTP", rules=rules, groups=groups)


def state(
    listeners: Sequence[Listener], egress: Sequence[Permission], ingress: Sequence[Permission], *, held: bool = True
) -> DesiredState:
    web = Service(
        arn="web",
        name="web",
        cluster="c",
        desired=1,
        definition=TaskDefinition(arn="task/web:1", family="web", containers=[]),
        deployment="1",
        targets=[LoadBalancerTarget(target_group=GROUP, container_port=8080)],
        groups=["tasks"] if held else [],
    )
    groups = {"balancer": SecurityGroup(egress=egress), "tasks": SecurityGroup(ingress=ingress)}
    return DesiredState(services=[web], listeners=listeners, groups=groups)


OUT, IN = [tcp(8080, "tasks")], [tcp(8080, "balancer")]


@pytest.mark.parametrize("weighted", [False, True])
def test_both_sides_have_to_admit_the_target_s_port(weighted: bool) -> None:
    one = [listener("balancer", weighted=weighted)]
    assert dropped(state(one, OUT, IN)) == set()
    for egress, ingress in (([], IN), (OUT, []), ([tcp(80, "tasks")], IN), (OUT, [tcp(8080, "others")])):
        assert dropped(state(one, egress, ingress)) == {(GROUP, 8080)}


def test_who_is_in_no_group_or_behind_no_listener_is_held_to_none() -> None:
    assert dropped(state([listener()], [], IN)) == set(), "a load balancer without groups"
    assert dropped(state([listener("balancer")], [], [], held=False)) == set(), "tasks without groups"
    assert dropped(state([], [], [])) == set(), "nobody forwards to it"
    assert dropped(state([listener("balancer"), listener()], [], [])) == set(), "another load balancer reaches it"


class _Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


async def test_a_target_that_packets_do_not_reach_is_unhealthy_and_takes_no_request(
    tmp_path: Path, endpoint: str
) -> None:
    host = AddressBook(tmp_path / "state").host(77)
    server = http.server.ThreadingHTTPServer((host, 8080), _Healthy)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    aws = Aws(endpoint, "ap-south-1")
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    made = elb.create_target_group(Name="dropped", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    changes = asyncio.Event()
    targets = Targets(aws, Timing(probe_first=0.05), changes.set)
    targets.groups = {arn: TargetGroup(arn=arn, name="dropped", port=8080, interval=0.05, timeout=1)}

    async def until(healthy: bool) -> None:
        """Not the next change: on a busy machine a probe may be late, and the target ill for a moment."""
        while target is None or target.healthy is not healthy:
            await changes.wait()
            changes.clear()

    try:
        target = targets.enter(arn, host, 8080)
        assert target is not None
        async with asyncio.timeout(120):
            await until(True)
            assert targets.serving("dropped") == [host]
            targets.dropped = {(arn, 8080)}
            assert targets.serving("dropped") == [], "at once"
            await until(False)
            assert target.reason == "Request timed out"
            assert targets.serving("dropped") == [], "not even when all are unhealthy"
            targets.dropped = ()
            await until(True)
            assert targets.serving("dropped") == [host]
    finally:
        await targets.close()
        server.shutdown()
        server.server_close()
