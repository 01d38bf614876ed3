"""The stack `local` through the real engine: up, no change, refresh, one change, drift, destroy."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import yaml

from tests.engine.engines import PROJECT, FarEnd
from tests.stacks.conftest import catalog_of, compose, settings_of

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

UP = ["up", "--yes", "--skip-preview", "--parallel", "16"]


def _touched(changes: Any) -> dict[str, int]:
    return {name: count for name, count in changes.items() if count and name != "same"}


def _settings(**overrides: Any) -> dict[str, Any]:
    """The stack's settings with some of them changed."""
    file = yaml.safe_load((PROJECT / "environments" / "Pulumi.local.yaml").read_text())
    settings: dict[str, Any] = file["config"]["matchday:environment"]
    return {"matchday:environment": {**settings, **overrides}}


def _emulator_contents(far_end: FarEnd) -> dict[str, list[str]]:
    """What the emulator holds that a fresh one does not, by kind."""
    ec2, rds, ecs = far_end.client("ec2"), far_end.client("rds"), far_end.client("ecs")
    elb, cache, s3 = far_end.client("elbv2"), far_end.client("elasticache"), far_end.client("s3")
    return {
        "vpc": [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]],
        "nat": [n["NatGatewayId"] for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] != "deleted"],
        "eip": [a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]],
        "endpoint": [
            e["VpcEndpointId"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"] if e["State"] != "deleted"
        ],
        "db": [d["DBInstanceIdentifier"] for d in rds.describe_db_instances()["DBInstances"]],
        "cache": [c["ReplicationGroupId"] for c in cache.describe_replication_groups()["ReplicationGroups"]],
        # AWS, too, goes on listing a deleted cluster for a while, as inactive.
        "cluster": [
            c["clusterArn"]
            for c in ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
            if c["status"] == "ACTIVE"
        ],
        "lb": [b["LoadBalancerArn"] for b in elb.describe_load_balancers()["LoadBalancers"]],
        "target group": [t["TargetGroupArn"] for t in elb.describe_target_groups()["TargetGroups"]],
        "bucket": [b["Name"] for b in s3.list_buckets()["Buckets"]],
        "secret": [s["Name"] for s in far_end.client("secretsmanager").list_secrets()["SecretList"]],
        "role": [r["RoleName"] for r in far_end.client("iam").list_roles()["Roles"] if "matchday" in r["RoleName"]],
        "log group": [g["logGroupName"] for g in far_end.client("logs").describe_log_groups()["logGroups"]],
        "alarm": [a["AlarmName"] for a in far_end.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topic": [t["TopicArn"] for t in far_end.client("sns").list_topics()["Topics"]],
        "web acl": [a["Name"] for a in far_end.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]],
        "distribution": [
            d["Id"] for d in far_end.client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
        ],
    }


@pytest.fixture(scope="module")
def provisioned(far_end: FarEnd) -> FarEnd:
    """The stack `local`, once up for the tests of this module, which then follow each other."""
    before = _emulator_contents(far_end)
    assert not any(before.values()), f"the emulator is not empty before the first run: {before}"
    done = far_end.workspace.run(UP, "local")
    made = {event.urn for event in done.resources if not event.type.startswith("pulumi:")}
    assert made == set(compose(settings_of("local"), catalog_of("local")).urns)
    assert _touched(done.changes) == {"create": done.changes["create"]}
    with sqlite3.connect(far_end.store / "store.sqlite") as kept:
        ((count,),) = kept.execute("SELECT COUNT(*) FROM kept WHERE properties LIKE '%matchday-local%'")
    assert count > 10, "what `destroy` must forget"
    return far_end


def test_after_up_a_preview_shows_no_change(provisioned: FarEnd) -> None:
    assert _touched(provisioned.workspace.run(["preview", "--expect-no-changes"], "local").changes) == {}


def test_after_up_a_refresh_shows_no_change(provisioned: FarEnd) -> None:
    done = provisioned.workspace.run(["refresh", "--preview-only", "--expect-no-changes"], "local")
    assert done.touched == {}  # `changes` counts no refresh; that this one does, the test of drift proves


def test_one_setting_changes_only_what_depends_on_it_and_drift_is_repaired(provisioned: FarEnd) -> None:
    changed = _settings(logs={"retention_days": 30})
    plan = provisioned.workspace.run(["preview"], "local", config=changed)
    done = provisioned.workspace.run(UP, "local", config=changed)
    assert {event.type for event in done.resources} == {"aws:cloudwatch/logGroup:LogGroup"}
    assert {event.operation for event in done.resources} == {"update"}
    assert {event.urn for event in plan.resources} == {event.urn for event in done.resources}
    groups = provisioned.client("logs").describe_log_groups()["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {30}

    ecs = provisioned.client("ecs")
    cluster = ecs.list_clusters()["clusterArns"][0]
    service = next(arn for arn in ecs.list_services(cluster=cluster)["serviceArns"] if "wallet-web" in arn)
    ecs.update_service(cluster=cluster, service=service, desiredCount=5)
    unseen = provisioned.workspace.run(["preview"], "local", config=changed)
    assert _touched(unseen.changes) == {}
    seen = provisioned.workspace.run(["preview", "--refresh"], "local", config=changed)
    assert [event.type for event in seen.resources] == ["aws:ecs/service:Service"]
    assert "desiredCount" in seen.resources[0].changed
    assert provisioned.workspace.run(["refresh", "--preview-only"], "local", config=changed).touched == {"update": 1}

    back = provisioned.workspace.run([*UP, "--refresh"], "local")
    assert {event.urn for event in back.resources} == {event.urn for event in (*done.resources, *seen.resources)}
    assert {event.operation for event in back.resources} == {"update"}
    live = ecs.describe_services(cluster=cluster, services=[service])["services"][0]
    assert live["desiredCount"] == 1
    groups = provisioned.client("logs").describe_log_groups()["logGroups"]
    assert 30 not in {group["retentionInDays"] for group in groups}


def test_destroy_leaves_nothing(provisioned: FarEnd) -> None:
    provisioned.workspace.run(["destroy", "--yes", "--parallel", "16"], "local")
    left = {kind: names for kind, names in _emulator_contents(provisioned).items() if names}
    assert left == {}
    with sqlite3.connect(provisioned.store / "store.sqlite") as kept:
        assert kept.execute("SELECT token, id FROM kept WHERE properties LIKE '%matchday-local%'").fetchall() == []
