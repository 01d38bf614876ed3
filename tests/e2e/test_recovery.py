"""What ends the platform, and what comes after: a run that is cut off and a supervisor that is killed, destroy, down."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cli import journeys
from services.auth.journey import finish_registration
from tests.clones import Clone
from tests.e2e.conftest import aws, event_log, log_groups, places, supervisor, until, workspace

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform"), pytest.mark.timeout(900)]


def written(log: Path) -> str:
    """What the log holds; nothing while a run puts its own in the place of the last one's."""
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""


def registered(clone: Clone, name: str) -> dict[str, str]:
    """A person with an account: what the web process, the database, the broker, the worker and the gateway do together."""
    person = {"email": f"{name}@example.com", "password": "correct horse battery staple"}
    with journeys.journey(supervisor(clone)) as journey:
        journey.ask("POST", "/auth/register", 202, json=person)
        finish_registration(journey, name, person)
    return person


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_killed_up_and_a_killed_supervisor_leave_nothing_running_and_the_next_up_converges(
    up: dict[str, Any], clone: Clone, whole: bool
) -> None:
    """Who was there is there, and another one comes; at night the whole journey is walked again afterwards (`smoke`)."""
    who = "whole" if whole else "short"
    person = registered(clone, f"kept-{who}")
    resources = clone.json("status")["resources"]
    settings = clone.directory / "environments" / "Pulumi.local.yaml"
    original = settings.read_text()
    content = yaml.safe_load(original)
    content["config"]["matchday:environment"]["logs"] = {"retention_days": 14}
    settings.write_text(yaml.safe_dump(content))
    phase, log = places(clone).phase, event_log(clone)
    cut = clone.start("up")
    try:
        until(
            lambda: '"op":"update"' in written(log) and phase.read_text() == "applying", "the first change", every=0.02
        )
    finally:
        cut.kill()
        cut.wait()
        settings.write_text(original)
    assert phase.read_text() == "applying"

    os.kill(supervisor(clone).info.pid, signal.SIGKILL)
    until(lambda: clone.processes() == [] and clone.listeners() == [], "the end of every process")

    done = clone.run("up", "--json")
    assert "going back to the last consistent state" in done.stderr
    again = json.loads(done.stdout)
    assert {name for name, count in again["changes"].items() if count} == {"same"}
    assert again["resources"] == resources
    answer = httpx.post(f"{up['url']}auth/login", json=person)
    assert answer.status_code == 200, answer.text
    assert httpx.get(f"{up['url']}wallet/balance").status_code == 401
    registered(clone, f"after-{who}")
    if whole:
        assert clone.json("smoke")["ok"]


def _emulator_contents(clone: Clone) -> dict[str, list[str]]:
    """What the emulator holds that a fresh one does not, by kind."""
    ec2, rds, ecs = aws(clone, "ec2"), aws(clone, "rds"), aws(clone, "ecs")
    elb, cache, s3 = aws(clone, "elbv2"), aws(clone, "elasticache"), aws(clone, "s3")
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
        "secret": [s["Name"] for s in aws(clone, "secretsmanager").list_secrets()["SecretList"]],
        "role": [r["RoleName"] for r in aws(clone, "iam").list_roles()["Roles"] if "matchday" in r["RoleName"]],
        "log group": [group["logGroupName"] for group in log_groups(clone)],
        "alarm": [a["AlarmName"] for a in aws(clone, "cloudwatch").describe_alarms()["MetricAlarms"]],
        "topic": [t["TopicArn"] for t in aws(clone, "sns").list_topics()["Topics"]],
        "web acl": [a["Name"] for a in aws(clone, "wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]],
        "distribution": [
            d["Id"] for d in aws(clone, "cloudfront").list_distributions()["DistributionList"].get("Items", [])
        ],
    }


def test_destroy_leaves_nothing_and_down_ends_the_rest(up: dict[str, Any], clone: Clone) -> None:
    workspace(clone).run(["destroy", "--yes", "--parallel", "16"], "local")
    left = {kind: names for kind, names in _emulator_contents(clone).items() if names}
    assert left == {}
    with sqlite3.connect(places(clone).provider / "store.sqlite") as kept:
        assert kept.execute("SELECT token, id FROM kept WHERE properties LIKE '%matchday-local%'").fetchall() == []

    def nothing() -> bool:
        now = supervisor(clone).status()
        return now["services"] == [] and now["databases"] == []

    until(nothing, "the end of all tasks and data stores")
    clone.run("down")
    assert clone.processes() == []
    assert clone.listeners() == []
