"""One change of each kind to an environment that stands: what the real engine would do, and that nothing with data is replaced.

The long form of tests/stacks/test_environment_changes.py: development deployed once at full size, each change a preview.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.engine.find import ensure
from localcloud.engine.run import WITHOUT_CHECKPOINTS, Workspace
from localcloud.runtime.ephemeral import cloud
from tests.engine.engines import PROJECT, REGION, FarEnd
from tests.stacks.test_golden import STATEFUL

pytestmark = [pytest.mark.nightly, pytest.mark.engine, pytest.mark.xdist_group("engine")]

Edit = Callable[[Path], None]
_BOUNDS = {"aws:appautoscaling/target:Target", "aws:appautoscaling/scheduledAction:ScheduledAction"}
_TASKS = {"aws:ecs/taskDefinition:TaskDefinition", "aws:ecs/service:Service"}
#: What lists all services, or all zones.
_LISTS = {
    "aws:cloudfront/distribution:Distribution",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/queryDefinition:QueryDefinition",
    "aws:elasticache/userGroup:UserGroup",
    "aws:wafv2/webAcl:WebAcl",
}


def setting(*path: str, value: Any) -> Edit:
    """Another value in Pulumi.dev.yaml."""

    def edit(project: Path) -> None:
        file = project / "environments" / "Pulumi.dev.yaml"
        content = yaml.safe_load(file.read_text())
        place = content["config"]["matchday:environment"]
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
        file.write_text(yaml.safe_dump(content))

    return edit


def together(*edits: Edit) -> Edit:
    """Several changes at once."""

    def edit(project: Path) -> None:
        for each in edits:
            each(project)

    return edit


def upgraded(store: str, version: str, how: object) -> Edit:
    """A store that is asked to move to another version of its engine."""
    return together(setting(store, "engine_version", value=version), setting(store, "upgrade", value=how))


def manifest(change: Callable[[dict[str, Any]], None]) -> Edit:
    """Another wallet."""

    def edit(project: Path) -> None:
        file = project / "services" / "wallet" / "service.yaml"
        content = yaml.safe_load(file.read_text())
        change(content)
        file.write_text(yaml.safe_dump(content))

    return edit


def newcomer(project: Path) -> None:
    """One service more."""
    (project / "services" / "newcomer").mkdir()
    (project / "services" / "newcomer" / "service.yaml").write_text(
        "name: newcomer\nsummary: One more\ndatastores: [postgres, broker]\npaths: [/newcomer/*]\nbuckets: [receipts]\n"
        "processes:\n  web: {kind: web, command: [python, -m, services.common.web], cpu: 256, memory: 512}\n"
        "slos:\n  - {name: availability, objective: 99.9}\n"
    )


def fewer_tasks(content: dict[str, Any]) -> None:
    content["processes"]["web"]["scaling"]["maximum"] -= 1  # one more would want more connections than dev has


def stricter(content: dict[str, Any]) -> None:
    content["slos"][0]["objective"] = 99.95


#: A parameter group belongs to one family of versions and holds no data: another version has another group.
_DATABASE = {"aws:rds/instance:Instance", "aws:rds/parameterGroup:ParameterGroup"}
_REDIS = {"aws:elasticache/replicationGroup:ReplicationGroup", "aws:elasticache/parameterGroup:ParameterGroup"}

#: Kind of change → how it is made, and the types that it may update or replace.
CHANGES: dict[str, tuple[Edit, set[str]]] = {
    "image digest": (setting("image", "digest", value="sha256:" + "ab" * 32), _TASKS),
    "size": (setting("postgres", "instance_class", value="db.t4g.large"), {"aws:rds/instance:Instance"}),
    "scaling bound": (manifest(fewer_tasks), {*_BOUNDS, "aws:cloudwatch/dashboard:Dashboard"}),  # which draws the bound
    "alarm threshold": (manifest(stricter), {"aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/dashboard:Dashboard"}),
    "WAF limit": (setting("edge", "requests_per_five_minutes", value=1500), {"aws:wafv2/webAcl:WebAcl"}),
    "added zone": (
        setting("network", "zones", value=["a", "b", "c"]),
        {
            "aws:rds/subnetGroup:SubnetGroup",
            "aws:elasticache/subnetGroup:SubnetGroup",
            "aws:lb/loadBalancer:LoadBalancer",
            "aws:ecs/service:Service",
            "aws:autoscaling/group:Group",
            "aws:ec2/vpcEndpoint:VpcEndpoint",
        },
    ),
    "added IPv6": (setting("network", "dual_stack", value=True), {"aws:ec2/subnet:Subnet"}),
    "PostgreSQL in place": (upgraded("postgres", "18", "in-place"), _DATABASE),
    "PostgreSQL blue/green": (upgraded("postgres", "18", "blue-green"), _DATABASE),
    "Valkey of the broker": (upgraded("broker", "8.2", True), _REDIS),
    "Valkey of the cache": (upgraded("cache", "8.2", True), _REDIS),
    "added service": (newcomer, _LISTS | _TASKS | {"aws:iam/rolePolicy:RolePolicy"}),  # of the task that makes databases
}  # fmt: skip


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarEnd]:
    """Development as it stands, in a cloud and a project of its own."""
    directory = tmp_path_factory.mktemp("changes")
    project = directory / "project"
    for room in ("stacks", "environments"):
        shutil.copytree(PROJECT / room, project / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "Pulumi.yaml", project)
    for file in (PROJECT / "services").glob("*/service.yaml"):
        (project / "services" / file.parent.name).mkdir(parents=True)
        shutil.copy(file, project / "services" / file.parent.name)
    setting("compute", "vcpu_quota", value=64)(project)  # one service more exceeds a new account's
    with cloud(directory, region=REGION) as started:
        workspace = Workspace(
            engine=ensure(print),
            project=project,
            state=directory / "pulumi",
            provider_port=started.provider_port,
            python=Path(sys.executable),
            extra=WITHOUT_CHECKPOINTS,
        )
        workspace.run(["up", "--yes", "--skip-preview", "--parallel", "16"], "dev")
        yield FarEnd(workspace, started, directory / "provider")


@pytest.fixture(scope="module")
def deployed(far: FarEnd) -> Workspace:
    """The workspace that deployed it."""
    return far.workspace


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_touches_what_it_must_and_replaces_nothing_that_holds_data(deployed: Workspace, kind: str) -> None:
    edit, touched = CHANGES[kind]
    kept = {file: file.read_text() for file in deployed.project.rglob("*.yaml")}
    try:
        edit(deployed.project)
        planned = deployed.run(["preview", "--parallel", "16"], "dev").resources
    finally:
        for file in set(deployed.project.rglob("*.yaml")) - set(kept):
            file.unlink()
        for file, text in kept.items():
            file.write_text(text)
    assert planned, "the change is none"
    changed = [each for each in planned if each.operation != "create"]
    assert {each.type for each in changed} <= touched
    lost = [each.urn for each in changed if each.type in STATEFUL and each.operation != "update"]
    assert not lost
    assert any(each.operation == "create" for each in planned) == kind.startswith("added")


def test_minor_versions_that_aws_brings_by_itself_lead_to_nothing(deployed: Workspace, far: FarEnd) -> None:
    """RDS and ElastiCache upgrade in their windows; what the program names must not take that back, which would replace."""
    rds, elasticache = far.client("rds"), far.client("elasticache")
    (server,) = rds.describe_db_instances()["DBInstances"]
    rds.modify_db_instance(
        DBInstanceIdentifier=server["DBInstanceIdentifier"], EngineVersion="17.9", ApplyImmediately=True
    )
    for group in elasticache.describe_replication_groups()["ReplicationGroups"]:
        elasticache.modify_replication_group(
            ReplicationGroupId=group["ReplicationGroupId"], EngineVersion="8.1.4", ApplyImmediately=True
        )
    planned = deployed.run(["preview", "--refresh", "--parallel", "16"], "dev").resources
    held = [each for each in planned if each.type in STATEFUL]
    assert [(each.type, each.operation) for each in held] == []


#: Where the two passwords of each service's database were until ADR 0190, and where they are.
_BEFORE, _NOW = "matchday:compute:Application", "matchday:security:DatabasePasswords"


def _as_before(deployment: dict[str, Any]) -> list[str]:
    """Bring a state to what the program before ADR 0190 had left: the passwords below their services. Their new URNs."""
    resources = deployment["resources"]
    gone = [each["urn"] for each in resources if each["urn"].split("::")[2] == _NOW]
    moved = [each["urn"] for each in resources if f"{_NOW}$" in each["urn"]]
    renamed = {urn: urn.replace(f"{_NOW}$", f"{_BEFORE}$") for urn in moved}
    # `wallet-database` was no component: its children were the service's.
    renamed |= {urn: urn.replace(f"::{_NOW}::", f"::{_BEFORE}::").removesuffix("-database") for urn in gone}
    kept = [each for each in resources if each["urn"] not in gone]
    text = json.dumps(kept)
    for now, before in sorted(renamed.items(), key=lambda item: -len(item[0])):
        text = text.replace(json.dumps(now), json.dumps(before))
    # A state has parents first.
    rest, ordered, known = json.loads(text), [], {""}
    while rest:
        ready = [each for each in rest if {each.get("parent", ""), *each.get("dependencies", ())} <= known]
        assert ready, "a state whose resources wait for each other"
        ordered += ready
        known |= {each["urn"] for each in ready}
        rest = [each for each in rest if each["urn"] not in known]
    deployment["resources"] = ordered
    return moved


def test_a_state_from_before_the_databases_had_a_task_keeps_every_password(deployed: Workspace, far: FarEnd) -> None:
    """ADR 0190: the aliases, by the engine. By hand, on 27 November 2026, the program of the commit before made the state."""
    secrets = far.client("secretsmanager")
    names = [
        f"matchday/dev/{service}/DATABASE_{role}_PASSWORD"
        for service in ("auth", "wallet")
        for role in ("APP", "OWNER")
    ]
    values = [secrets.get_secret_value(SecretId=name)["SecretString"] for name in names]
    exported = deployed.call(["stack", "export", "--stack", "dev"])
    older = json.loads(exported)
    moved = _as_before(older["deployment"])
    assert len([urn for urn in moved if "randomPassword" in urn]) >= 8
    file = deployed.project / "state.json"
    try:
        file.write_text(json.dumps(older))
        deployed.call(["stack", "import", "--stack", "dev", "--file", str(file)])
        done = deployed.run(["up", "--yes", "--skip-preview", "--parallel", "16"], "dev")
    finally:
        file.unlink(missing_ok=True)
    # Only the components that were not there, which are no resources of AWS's.
    assert {(each.type, each.operation) for each in done.resources} == {(_NOW, "create")}
    after = json.loads(deployed.call(["stack", "export", "--stack", "dev"]))["deployment"]["resources"]
    assert set(moved) <= {each["urn"] for each in after}
    assert [secrets.get_secret_value(SecretId=name)["SecretString"] for name in names] == values


def test_without_a_change_nothing_is_planned(deployed: Workspace) -> None:
    assert not deployed.run(["preview", "--parallel", "16"], "dev").resources


def test_ipv6_comes_and_goes_in_place(deployed: Workspace) -> None:
    """ADR 0203: subnets are changed where they are, the rest is made and taken away; each time nothing is left to do."""
    file = deployed.project / "environments" / "Pulumi.dev.yaml"
    before, up = file.read_text(), ["up", "--yes", "--skip-preview", "--parallel", "16"]
    look = ["preview", "--refresh", "--parallel", "16"]
    try:
        setting("network", "dual_stack", value=True)(deployed.project)
        made = deployed.run(up, "dev").resources
        assert {each.operation for each in made} == {"create", "update"}
        assert {each.type for each in made if each.operation == "update"} == {"aws:ec2/subnet:Subnet"}
        assert deployed.run(look, "dev").resources == []
    finally:
        file.write_text(before)
    gone = deployed.run(up, "dev").resources
    assert {each.operation for each in gone} == {"update", "delete"}
    assert {each.urn for each in gone if each.operation == "delete"} == {
        each.urn for each in made if each.operation == "create"
    }
    assert deployed.run(look, "dev").resources == []
