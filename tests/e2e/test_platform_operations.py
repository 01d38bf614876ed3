"""An operator's commands on the running platform: a traced request, a query, one task more, a release taken back.

After test_platform, which looks at the first tasks of all. What the first test breaks rings when the last but one looks: alarms
take minutes, and little here waits for them idly.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from cli import documents
from scripts.ci import drills
from tests.clones import Clone
from tests.e2e.conftest import aws, supervisor, tasks_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform"), pytest.mark.timeout(900)]

WEB = "matchday-local-wallet-web"
CLUSTER = "matchday-local-cluster"


def healthy(clone: Clone, definition: str, count: int) -> bool:
    found = tasks_of(clone, "wallet-web")
    return [(task["health"], task["definition"]) for task in found] == [("HEALTHY", definition)] * count


@pytest.fixture(scope="module")
def unbalanced(up: dict[str, Any], clone: Clone) -> Iterator[ExitStack]:
    """One paisa in a balance that no entry explains, in the account that moved last; what is yielded takes it back."""
    (user,) = (row["MasterUsername"] for row in aws(clone, "rds").describe_db_instances()["DBInstances"])
    stores = supervisor(clone).status()["databases"]
    host, _, port = next(store["address"] for store in stores if store["kind"] == "rds").partition(":")
    listed = aws(clone, "secretsmanager").get_paginator("list_secrets").paginate()
    names = [row["Name"] for page in listed for row in page["SecretList"]]
    (name,) = (name for name in names if name.startswith("rds!db-"))
    password = json.loads(aws(clone, "secretsmanager").get_secret_value(SecretId=name)["SecretString"])["password"]

    async def add(paise: int, account: Any) -> Any:
        connection = await asyncpg.connect(host=host, port=int(port), user=user, password=password, database="wallet")
        try:
            account = account or await connection.fetchval(
                "SELECT account_id FROM entries ORDER BY created_at DESC LIMIT 1"
            )
            change = "UPDATE balances SET amount = amount + $1 WHERE account_id = $2"
            assert await connection.execute(change, paise, account) == "UPDATE 1", (
                "the journey before this has moved money"
            )
        finally:
            await connection.close()
        return account

    account = asyncio.run(add(1, None))
    with ExitStack() as back:
        back.callback(lambda: asyncio.run(add(-1, account)))
        yield back


@pytest.mark.usefixtures("unbalanced")
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


def test_a_small_world_is_made_once(up: dict[str, Any], clone: Clone) -> None:
    """Of 500 players by default; as many as have a document in each state here."""
    first, again = (clone.json("seed", "--players", "8") for _ in range(2))
    assert first["ok"] and again["ok"]
    made = {step["name"]: step["detail"] for step in again["steps"]}
    assert made["a crowd"] == "8 players who log in by the provider"
    assert made["cases in every state"].startswith("0 made"), "nothing is handed in twice"
    found = clone.run("sql", "kyc", "-c", "SELECT DISTINCT state FROM cases").stdout
    assert {"collecting", "checking", "approved", "rejected", "resubmit"} <= set(found.split())


RINGS = "matchday-local-monitoring-wallet-log-critical"


def test_what_is_broken_rings_on_the_console_as_it_would_in_prod(clone: Clone, unbalanced: ExitStack) -> None:
    """A ledger that does not add up: the wallet's job finds it, its line becomes a metric, the deployed alarm rings."""

    def state() -> str:
        return next(alarm["state"] for alarm in supervisor(clone).alarms() if alarm["name"] == RINGS)

    until(lambda: state() == "ALARM", "the alarm of the wallet's critical lines", every=2)
    command = clone.start("dashboard", "--port", "0", stdout=subprocess.PIPE)
    try:
        assert command.stdout is not None
        with httpx.Client(timeout=60, follow_redirects=True) as browser:
            link = command.stdout.readline().decode().strip()
            assert browser.get(link).status_code == 200
            address = link.partition("?")[0]

            def rings() -> Any:
                page = browser.get(address).text
                ringing = page.partition('id="alarms"')[2].partition('id="alarms-quiet"')[0]
                return page if RINGS in ringing else None

            page = until(rings, "the alarm on the console", every=1)
            assert "/docs/runbooks/service-log.md" in page
            assert "Alarms that ring" in page and "All well" not in page
            for shown in ("The ledger does not reconcile", "wallet <code>GET /wallet/balance</code>"):
                until(lambda: shown in browser.get(address).text, shown, every=1)  # noqa: B023 - called at once

            def section(name: str) -> str:
                return browser.get(address).text.partition(f'<section id="{name}"')[2].partition("</section>")[0]

            for name in ("policies", "cost", "deployments"):
                until(lambda: "not read yet" not in section(name), f"the section {name}", every=1)  # noqa: B023 - called at once
                read = section(name)
                assert "as of" in read and "Cannot be read" not in read, read
        alarms = aws(clone, "cloudwatch").describe_alarms(AlarmNames=[RINGS])
        assert alarms["MetricAlarms"][0]["StateValue"] == "ALARM", "where an operator's other tools look, too"
    finally:
        unbalanced.close()
        command.terminate()
        command.wait(60)


@pytest.mark.parametrize(
    "name",
    [
        # What these two do is in tests/localcloud/dataplane/stores/test_copies.py, too.
        pytest.param("restore", marks=pytest.mark.nightly),
        pytest.param("promote", marks=pytest.mark.nightly),
        "failover",
    ],
)
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


def test_what_an_event_was_is_read_from_the_laptop(up: dict[str, Any], clone: Clone) -> None:
    """The drills before this ended a minute in which somebody asked."""
    now = datetime.now(UTC)

    def report() -> Any:
        window = ("--start", (now - timedelta(hours=2)).isoformat(), "--end", (now + timedelta(hours=1)).isoformat())
        done = clone.run("event-report", "rehearsal", "--stack", "local", *window, "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    document = until(report, "a minute with requests")
    documents.check("event-report", document)
    found = {(each["of"], each["metric"]): each for each in document["measured"]}
    assert found["wallet", "requests"]["total"] >= 1
    assert found["postgres", "connections"]["worst"] >= 1 and found["wallet", "tasks"]["worst"] >= 1


@pytest.mark.nightly
def test_the_consoles_button_rehearses_a_promotion(up: dict[str, Any], clone: Clone) -> None:
    command = clone.start("dashboard", "--port", "0", stdout=subprocess.PIPE)
    try:
        assert command.stdout is not None
        with httpx.Client(timeout=60, follow_redirects=True) as browser:
            link = command.stdout.readline().decode().strip()
            page = browser.get(link).text
            form = page.partition('action="/drills"')[2]
            (token,) = re.findall(r'name="token" value="([^"]+)"', form.partition("</form>")[0])
            address = link.partition("?")[0]
            headers = {"Origin": address.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
            pressed = browser.post(f"{address}drills", data={"token": token, "what": "promote"}, headers=headers)
            assert pressed.status_code == 200 and "<b>promote</b> runs since" in pressed.text
            ended = until(lambda: "promote of" in (text := browser.get(address).text) and text, "the drill's end")
            assert "went well" in ended.partition('id="drills"')[2].partition("</section>")[0]
    finally:
        command.terminate()
        command.wait(60)


@pytest.mark.nightly
def test_what_breaks_on_purpose_costs_nobody_a_paisa(up: dict[str, Any], clone: Clone, tmp_path: Path) -> None:
    """Five minutes, by the workflow's script; last, as its alarms ring on."""
    assert drills.main([str(clone.directory), str(tmp_path), "chaos"]) == 0
    document = json.loads((tmp_path / "chaos.json").read_text())
    documents.check("chaos", document)
    assert (document["wrong"], document["missing"], document["unexpected"]) == ([], [], [])
    assert document["acknowledged"] > 60
