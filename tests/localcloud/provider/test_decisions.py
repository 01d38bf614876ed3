"""Update in place, replace or no difference: as the official provider decides (decisions.yaml; aws-replace.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.provider.core import Core
from tests.tables import every_row

_TABLE: dict[str, dict[str, list[str]]] = yaml.safe_load(Path(__file__).with_name("decisions.yaml").read_text())
DECISIONS = {
    f"{token} {name}": (token, name, outcome == "replaces")
    for token, lists in _TABLE.items()
    for outcome, names in lists.items()
    for name in names
}


def _two(core: Core, typ: Any) -> tuple[Any, Any]:
    """Two values of a type that differ."""
    if isinstance(typ, dict):
        if "list" in typ:
            return [_two(core, typ["list"])[0]], [_two(core, typ["list"])[1]]
        if "map" in typ:
            return {"a": "1"}, {"a": "2"}
        fields = core.schema.fields(typ)
        for name, inner in fields.items():
            one, other = _two(core, inner)
            if one != other:
                return {name: one}, {name: other}
        return {}, {}
    return {"boolean": (False, True), "integer": (11, 12), "number": (11, 12)}.get(typ, ("one", "two"))


def test_the_list_is_long_enough() -> None:
    assert len(DECISIONS) >= 200


@every_row("token, name, replaced", DECISIONS)
def test_decided_as_officially(core: Core, token: str, name: str, replaced: bool) -> None:
    old, new = _two(core, core.translator(token).kind.inputs[name])
    found = core.diff(token, {name: old}, {name: new})
    assert found.changed == [name]
    assert (found.replaces == [name]) is replaced


GROUP, SERVICE = "aws:elasticache/replicationGroup:ReplicationGroup", "aws:ecs/service:Service"
TASK, DB, PARAMETER = (
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:rds/instance:Instance",
    "aws:ssm/parameter:Parameter",
)


@pytest.mark.parametrize(
    ("token", "old", "new", "replaced"),
    [
        (GROUP, {"engineVersion": "7.1"}, {"engineVersion": "6.2"}, True),
        (GROUP, {"engineVersion": "6.2"}, {"engineVersion": "7.1"}, False),
        (GROUP, {"engine": "valkey"}, {"engine": "redis"}, True),
        (GROUP, {"engine": "redis"}, {"engine": "valkey"}, False),
        (GROUP, {"engineVersion": "6.2"}, {"engineVersion": "6.2", "transitEncryptionEnabled": True}, True),
        (
            SERVICE,
            {},
            {"capacityProviderStrategies": [{"capacityProvider": "FARGATE"}], "forceNewDeployment": True},
            False,
        ),
        (PARAMETER, {"tier": "Advanced"}, {"tier": "Standard"}, True),
        (PARAMETER, {"tier": "Standard"}, {"tier": "Advanced"}, False),
    ],
)
def test_decided_by_what_changes(core: Core, token: str, old: Any, new: Any, replaced: bool) -> None:
    assert bool(core.diff(token, old, new).replaces) is replaced


def _containers(**more: Any) -> str:
    base: dict[str, Any] = {
        "name": "c",
        "image": "nginx",
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "portMappings": [{"containerPort": 80}],
    }
    return json.dumps([{**base, **more}])


@pytest.mark.parametrize(
    ("token", "old", "new"),
    [
        (TASK, _containers(), _containers(environment=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}])),
        (TASK, _containers(), _containers(essential=True, cpu=0, mountPoints=[], volumesFrom=[])),
        (TASK, _containers(), _containers(portMappings=[{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}])),
    ],
)
def test_equivalent_containers_are_no_difference(core: Core, token: str, old: str, new: str) -> None:
    before, after = ({"containerDefinitions": text, "networkMode": "awsvpc"} for text in (old, new))
    assert core.diff(token, before, after).changed == []
    changed = {"containerDefinitions": _containers(image="other"), "networkMode": "awsvpc"}
    assert core.diff(token, before, changed).replaces == ["containerDefinitions"]


@pytest.mark.parametrize(
    ("token", "old", "new"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", {"subnets": ["a", "b"]}, {"subnets": ["b", "a"]}),
        (DB, {"vpcSecurityGroupIds": ["a", "b"]}, {"vpcSecurityGroupIds": ["b", "a"]}),
        (
            "aws:wafv2/ipSet:IpSet",
            {"addresses": ["1.2.3.0/24", "5.6.7.0/24"]},
            {"addresses": ["5.6.7.0/24", "1.2.3.0/24"]},
        ),
        (DB, {"multiAz": True}, {}),  # computed: what is there stays
        (DB, {"engineVersion": "16.9"}, {"engineVersion": "16"}),
        ("aws:sqs/queue:Queue", {"delaySeconds": 0}, {}),  # the default
        ("aws:sqs/queue:Queue", {"delaySeconds": 5}, {"delaySeconds": "5"}),
        ("aws:kms/key:Key", {"policy": '{"a": ["x"]}'}, {"policy": '{ "a" : "x" }'}),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {
                "ingress": [
                    {"protocol": "tcp", "fromPort": 80, "cidrBlocks": ["a", "b"]},
                    {"protocol": "tcp", "fromPort": 443},
                ]
            },
            {
                "ingress": [
                    {"protocol": "tcp", "fromPort": 443},
                    {"protocol": "tcp", "fromPort": 80, "cidrBlocks": ["b", "a"]},
                ]
            },
        ),
    ],
)
def test_no_difference(core: Core, token: str, old: Any, new: Any) -> None:
    assert core.diff(token, old, new).changed == []


def test_ignored_paths_keep_their_old_value_and_nothing_else(core: Core) -> None:
    old, new = {"tags": {"owner": "a", "team": "a"}}, {"tags": {"owner": "b", "team": "b"}}
    found = core.diff("aws:ec2/vpc:Vpc", old, new, frozenset({"tags.owner"}))
    assert list(found.paths) == ["tags.team"]
    before, after = ({"healthCheck": {"path": path, "interval": each}} for path, each in (("/a", 10), ("/b", 20)))
    found = core.diff("aws:lb/targetGroup:TargetGroup", before, after, frozenset({"healthCheck.interval"}))
    assert list(found.paths) == ["healthCheck.path"]


@pytest.mark.parametrize(("ours", "first"), [(True, False), (False, True)])
def test_deleted_first_only_where_the_program_gave_the_name(core: Core, ours: bool, first: bool) -> None:
    token = "aws:lb/targetGroup:TargetGroup"
    made = {"__defaults": ["name"]} if ours else {}
    found = core.diff(token, {"name": "x", "port": 80, **made}, {"name": "x", "port": 81, **made})
    assert (found.replaces, found.delete_before_replace) == (["port"], first)
