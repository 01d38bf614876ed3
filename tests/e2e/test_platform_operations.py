"""An operator's commands on the running platform: a traced request, a query, one task more, a release taken back.

After test_platform, which looks at the first tasks of all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import documents
from scripts.ci import drills
from tests.clones import Clone
from tests.e2e.conftest import aws, tasks_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform"), pytest.mark.timeout(900)]

WEB = "matchday-local-wallet-web"
CLUSTER = "matchday-local-cluster"


def healthy(clone: Clone, definition: str, count: int) -> bool:
    found = tasks_of(clone, "wallet-web")
    return [(task["health"], task["definition"]) for task in found] == [("HEALTHY", definition)] * count


def test_a_request_is_found_in_the_log_by_its_id(up: dict[str, Any], clone: Clone) -> None:
    wanted = "request-of-an-operator"
    httpx.get(f"{up['url']}wallet/balance", headers={"X-Request-Id": wanted}, timeout=60)

    def seen() -> Any:
        done = clone.run("trace", wanted, "--json", check=False)
        return json.loads(done.stdout)["lines"] if done.returncode == 0 else None

    line = until(seen, "the line of the request, shipped")[0]
    assert (line["service"], line["process"], line["message"]) == ("wallet", "web", "GET /wallet/balance 401")


def test_sql_reads_and_does_not_write(up: dict[str, Any], clone: Clone) -> None:
    found = clone.run("sql", "wallet", "-c", "SELECT current_user, count(*) >= 0 FROM accounts")
    assert "wallet_app" in found.stdout  # a member of it, named after its password
    refused = clone.run("sql", "wallet", "-c", "INSERT INTO accounts DEFAULT VALUES", check=False)
    assert refused.returncode != 0
    assert "read-only transaction" in refused.stderr


def test_a_process_is_scaled_and_a_release_taken_back(up: dict[str, Any], clone: Clone) -> None:
    """A second release by hand, which the program knows nothing of, as a bad one would be; both are taken back at the end."""
    ecs = aws(clone, "ecs")
    before = ecs.describe_services(cluster=CLUSTER, services=[WEB])["services"][0]
    first = before["taskDefinition"].rpartition("/")[2]
    count = before["desiredCount"]
    document = clone.json("scale", "wallet", "web", str(count + 1))
    assert (document["before"], document["desired"]) == (count, count + 1)
    until(lambda: healthy(clone, first, count + 1), "one task more")
    clone.run("scale", "wallet", "web", str(count))
    until(lambda: healthy(clone, first, count), "as many as before")

    release = ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]
    known = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes", "cpu", "memory",
             "requiresCompatibilities", "runtimePlatform")  # fmt: skip
    again = {key: release[key] for key in known if key in release}
    second = ecs.register_task_definition(**again)["taskDefinition"]
    ecs.update_service(cluster=CLUSTER, service=WEB, taskDefinition=second["taskDefinitionArn"])
    later = f"{second['family']}:{second['revision']}"
    until(lambda: healthy(clone, later, count), "the second release")
    (step,) = clone.json("rollback", "wallet", "--process", "web")["services"]
    assert (step["before"], step["after"]) == (later, first)
    until(lambda: healthy(clone, first, count), "the first release")
    ecs.deregister_task_definition(taskDefinition=later)


@pytest.mark.parametrize(
    "name", ["restore", pytest.param("promote", marks=pytest.mark.nightly), "failover"]
)  # what `promote` does is in tests/localcloud/dataplane/stores/test_copies.py, too
def test_recovery_is_rehearsed_as_each_night(up: dict[str, Any], clone: Clone, tmp_path: Path, name: str) -> None:
    """By the workflow's script: a copy is looked through and goes, or the server itself is another; nothing is lost."""
    before = {database["name"]: database for database in clone.json("status")["databases"]}
    assert drills.main([str(clone.directory), str(tmp_path), name]) == 0
    document = json.loads((tmp_path / f"{name}.json").read_text())
    documents.check("drill", document)
    assert (document["ok"], document["wrong"], document["drill"]) == (True, [], name)
    after = {database["name"]: database for database in clone.json("status")["databases"]}
    server = document["server"]
    assert (after[server]["pid"] == before[server]["pid"]) == (name != "failover")
    assert after[server]["address"] == before[server]["address"]
    found = clone.run("sql", "wallet", "-c", "SELECT datname FROM pg_database")
    assert "matchday_drill" not in found.stdout
    assert "wallet" in found.stdout
    assert not [place for place in clone.listeners() if place.endswith(":5432") and place != after[server]["address"]]
