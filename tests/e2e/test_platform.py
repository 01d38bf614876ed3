"""The whole platform on this machine: up, a person's journey, a killed task, a rolling change, new code."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
import yaml
from valkey import Valkey
from valkey.exceptions import AuthenticationError, NoPermissionError

from model.catalog import load_catalog
from tests.clones import Clone, make_clone
from tests.e2e.conftest import tasks_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform"), pytest.mark.timeout(900)]


def test_up_reports_what_it_brought_up(up: dict[str, Any], clone: Clone) -> None:
    assert up["url"] == f"http://127.0.0.1:{clone.port}/"
    assert up["changes"]["create"] > 100
    assert up["resources"] >= up["changes"]["create"]
    assert set(up["seconds"]) == {"engine", "servers", "provision", "converge", "total"}
    names = {service["name"] for service in up["services"]}
    expected = load_catalog(clone.directory / "services", "laptop").services.values()
    assert names == {
        f"matchday-local-{service.name}-{process}" for service in expected for process in service.processes
    }
    for service in up["services"]:
        assert len(service["tasks"]) == service["desired"] >= 1
        for task in service["tasks"]:
            assert task["health"] == "HEALTHY"
            assert task["restarts"] == 0
            parent = psutil.Process(task["pid"]).parent()
            assert parent and any("fork_server.py" in word for word in parent.cmdline()), "it shares its libraries"


def test_a_person_can_use_it(up: dict[str, Any], clone: Clone) -> None:
    journey = clone.json("smoke")
    assert journey["ok"]
    assert [step["name"] for step in journey["steps"] if not step["ok"]] == []
    assert len(journey["steps"]) >= 8


def test_each_service_is_a_user_of_its_own_at_the_broker(up: dict[str, Any], clone: Clone) -> None:
    """What the stack deployed is what the running Valkey asks for: wallet reaches its own keys, and nobody is `default`."""
    exported = (line.removeprefix("export ").partition("=") for line in clone.run("env").stdout.splitlines())
    variables = {name: value for name, _, value in exported}

    connect: Any = boto3.client  # its types know only names that are written out

    def aws(service: str) -> Any:
        return connect(
            service, endpoint_url=variables["AWS_ENDPOINT_URL"], region_name=variables["AWS_REGION"],
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    task = aws("ecs").describe_task_definition(taskDefinition="matchday-local-wallet-worker")["taskDefinition"]
    container = task["containerDefinitions"][-1]
    values = {entry["name"]: entry["value"] for entry in container["environment"]}
    secrets = {entry["name"]: entry["valueFrom"] for entry in container["secrets"]}
    password = aws("secretsmanager").get_secret_value(SecretId=secrets["BROKER_PASSWORD"])["SecretString"]

    def client(user: str | None, password: str | None) -> Valkey:
        return Valkey(host=values["BROKER_HOST"], port=int(values["BROKER_PORT"]), username=user, password=password)

    wallet = client(values["BROKER_USER"], password)
    assert wallet.llen("wallet:of-a-test") == 0
    for words in ("LLEN auth:auth", "LPUSH auth:auth x", "KEYS *", "FLUSHALL"):
        with pytest.raises(NoPermissionError):
            wallet.execute_command(*words.split())
    for user, secret in ((None, None), ("default", password), ("auth", password)):
        with pytest.raises(AuthenticationError):
            client(user, secret).ping()


def test_a_second_up_changes_nothing(up: dict[str, Any], clone: Clone) -> None:
    before = {task["pid"] for service in up["services"] for task in service["tasks"]}
    again = clone.json("up")
    assert {name for name, count in again["changes"].items() if count} == {"same"}
    assert {task["pid"] for service in again["services"] for task in service["tasks"]} == before


def test_a_killed_task_comes_back(up: dict[str, Any], clone: Clone) -> None:
    victim = tasks_of(clone, "wallet-web")[0]
    os.kill(victim["pid"], signal.SIGKILL)

    def replaced() -> bool:
        tasks = tasks_of(clone, "wallet-web")
        return bool(tasks) and all(t["health"] == "HEALTHY" and t["pid"] != victim["pid"] for t in tasks)

    until(replaced, 90, "a healthy task in place of the killed one")
    assert clone.json("smoke")["ok"]


def test_a_changed_setting_rolls_without_a_failed_request(up: dict[str, Any], clone: Clone) -> None:
    file = clone.directory / "environments" / "Pulumi.local.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["config"]["matchday:environment"]["compute"] = {"log_level": "DEBUG"}
    before = tasks_of(clone, "auth-web")
    outcomes: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=up["url"], timeout=20) as client:
            while not stop.is_set():
                try:
                    outcomes.append(str(client.get("/auth/.well-known/jwks.json").status_code))
                except httpx.HTTPError as error:
                    outcomes.append(type(error).__name__)
                time.sleep(0.02)

    file.write_text(yaml.safe_dump(settings))  # and so it stays: to take it back would be one more `up`
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        changed = clone.json("up")
    finally:
        stop.set()
        asking.join()
    assert {name for name, count in changed["changes"].items() if count} <= {"same", "update", "replace"}
    after = tasks_of(clone, "auth-web")
    assert {task["pid"] for task in before}.isdisjoint(task["pid"] for task in after)
    assert set(outcomes) == {"200"}, {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
    assert len(outcomes) > 50


def test_new_code_and_a_desired_count_reach_what_runs(up: dict[str, Any], clone: Clone) -> None:
    manifest = clone.directory / "services" / "wallet" / "service.yaml"
    before = {service["name"]: service["tasks"] for service in clone.json("status")["services"]}
    text = manifest.read_text()
    manifest.write_text(text.replace("scaling: {minimum: 1, maximum: 4", "scaling: {minimum: 2, maximum: 4", 1))
    scaled = clone.json("up")
    assert {name: count for name, count in scaled["changes"].items() if count and name != "same"} == {"update": 1}
    after = {service["name"]: service["tasks"] for service in scaled["services"]}
    assert len(after["matchday-local-wallet-web"]) == 2
    for name, tasks in before.items():
        assert {task["pid"] for task in tasks} <= {task["pid"] for task in after[name]}, name
    with (clone.directory / "services" / "common" / "clock.py").open("a") as module:
        module.write("\n# changed by a test\n")
    redeployed = clone.json("up")
    assert {name for name, count in redeployed["changes"].items() if count} == {"same"}
    for service in redeployed["services"]:
        assert {task["pid"] for task in service["tasks"]}.isdisjoint(task["pid"] for task in after[service["name"]])
        assert all(task["health"] == "HEALTHY" for task in service["tasks"])


def test_an_occupied_port_is_named_and_nothing_is_left(up: dict[str, Any], clone: Clone, tmp_path: Path) -> None:
    other = make_clone(tmp_path, clone.port)
    failed = other.run("up", "--port", str(clone.port), check=False)
    assert failed.returncode == 1
    assert f"127.0.0.1:{clone.port}" in failed.stderr
    assert "--port" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert other.processes() == []
    assert clone.json("smoke")["ok"]
