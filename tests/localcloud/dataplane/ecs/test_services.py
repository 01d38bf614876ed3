"""ECS services as they run here: roll-outs without a failed request, replacement, circuit breaker, names, scaling."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from localcloud.provider.kept import KeptProperties
from localcloud.runtime.errors import SupervisorError

from ..harness import Platform, alive, kill, until

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def listener(shared: Platform) -> str:
    return shared.load_balancer()


@contextmanager
def load(platform: Platform, path: str, clients: int = 4) -> Iterator[list[httpx.Response | Exception]]:
    """Requests without a pause from several keep-alive clients, each answer or error in the list."""
    seen: list[httpx.Response | Exception] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://{platform.config.ingress}", trust_env=False, timeout=10) as http:
            while not over.is_set():
                try:
                    seen.append(http.get(path))
                except httpx.HTTPError as error:
                    seen.append(error)
                time.sleep(0.002)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def failures(seen: list[httpx.Response | Exception]) -> list[object]:
    return [
        item if isinstance(item, Exception) else item.status_code
        for item in seen
        if isinstance(item, Exception) or item.is_error
    ]


def tasks(platform: Platform, name: str) -> list[dict[str, Any]]:
    return platform.service_status(name)["tasks"]


def test_rolling_update_fails_no_request(shared: Platform, listener: str) -> None:
    group = shared.web_service("roll", desired=2, listener=listener, environment={"VERSION": "1"})
    shared.converge()
    before = {task["id"] for task in tasks(shared, "roll")}
    with load(shared, "/roll/slow?0.02") as seen:
        until(lambda: len(seen) > 20, what="answers of the first version")
        shared.deploy("roll", shared.web(environment={"VERSION": "2"}), desired=2)
        shared.converge()
        assert {shared.get("/roll/slow?0").json()["version"] for _ in range(8)} == {"2"}
    assert failures(seen) == []
    versions = [
        answer.json()["version"]
        for answer in seen
        if isinstance(answer, httpx.Response) and answer.json().get("version")
    ]
    assert versions.count("1") > 20
    after = tasks(shared, "roll")
    assert len(after) == 2
    assert not before & {task["id"] for task in after}
    health = shared.aws.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {row["Target"]["Id"] for row in health} == {task["address"] for task in after}


def test_forced_deployment_replaces_tasks_and_unchanged_one_does_not(shared: Platform, listener: str) -> None:
    shared.web_service("forced", listener=listener)
    shared.converge()
    before = tasks(shared, "forced")[0]["id"]
    shared.converge()
    assert tasks(shared, "forced")[0]["id"] == before
    shared.aws.client("ecs").update_service(cluster="test", service="forced", forceNewDeployment=True)
    with load(shared, "/forced/x", clients=2) as seen:
        shared.converge()
    assert failures(seen) == []
    assert tasks(shared, "forced")[0]["id"] != before


def test_open_request_is_finished_before_its_task_ends(shared: Platform, listener: str) -> None:
    group = shared.web_service("slow", listener=listener)
    shared.converge()
    answers: list[httpx.Response] = []
    shared.rule(listener, 900, "/slow", group)
    shared.converge()
    request = threading.Thread(target=lambda: answers.append(shared.get("/slow?2")))
    request.start()
    time.sleep(0.4)
    shared.deploy("slow", shared.web(environment={"VERSION": "2"}))
    shared.converge()
    request.join()
    assert [answer.status_code for answer in answers] == [200]


def test_killed_process_is_replaced_and_the_count_of_restarts_says_so(shared: Platform, listener: str) -> None:
    shared.web_service("killed", desired=2, listener=listener)
    shared.converge()
    victim = tasks(shared, "killed")[0]
    kill(victim["pid"])
    after = until(
        lambda: (
            (found := tasks(shared, "killed"))
            and victim["id"] not in {t["id"] for t in found}
            and all(t["serving"] for t in found)
            and len(found) == 2
            and found
        ),
        what="a new task",
    )
    assert sorted(task["restarts"] for task in after) == [0, 1]
    assert shared.get("/killed/x").status_code == 200


def test_scaling_changes_only_the_count(shared: Platform, listener: str) -> None:
    shared.web_service("scaled", desired=1, listener=listener)
    shared.converge()
    first = tasks(shared, "scaled")[0]["id"]
    ecs = shared.aws.client("ecs")
    ecs.update_service(cluster="test", service="scaled", desiredCount=3)
    shared.converge()
    assert len(tasks(shared, "scaled")) == 3
    assert first in {task["id"] for task in tasks(shared, "scaled")}
    ecs.update_service(cluster="test", service="scaled", desiredCount=0)
    shared.converge()
    assert tasks(shared, "scaled") == []
    assert shared.get("/scaled/x").status_code == 503


def test_deleted_service_is_stopped(shared: Platform, listener: str) -> None:
    shared.web_service("deleted", listener=listener)
    shared.converge()
    pid = tasks(shared, "deleted")[0]["pid"]
    shared.aws.client("ecs").delete_service(cluster="test", service="deleted", force=True)
    until(lambda: not alive(pid))
    until(lambda: "deleted" not in {row["name"] for row in shared.running.status()["services"]})


def test_unhealthy_target_is_replaced(shared: Platform, listener: str) -> None:
    shared.program("moody.py", "import os; os.chdir(os.environ['HOME'])\n" + (shared.root / "web.py").read_text())
    shared.web_service("moody", listener=listener, grace=5, program="moody.py")
    shared.converge()
    sick = tasks(shared, "moody")[0]
    (shared.config.state / "tasks" / sick["id"] / "web" / "unready").touch()
    until(lambda: any(task["id"] != sick["id"] and task["serving"] for task in tasks(shared, "moody")))

    def reasons() -> list[str]:
        """Why that task failed; one that took its place may fail, too, where a machine is slow to start it."""
        return [
            event.detail
            for event in shared.events
            if event.state == "failed" and event.name == f"moody/{sick['id'][:8]}"
        ]

    until(reasons, what="the event, which comes by a stream of its own")
    assert ["Task failed ELB health checks in (target-group" in each and "[503]" in each for each in reasons()] == [
        True
    ]


def test_failing_checks_of_a_target_are_ignored_in_the_grace_period(shared: Platform, listener: str) -> None:
    shared.program("patient.py", "import os; os.chdir(os.environ['HOME'])\n" + (shared.root / "web.py").read_text())
    shared.web_service("patient", listener=listener, grace=0, program="patient.py")
    arn = shared.aws.client("ecs").describe_services(cluster="test", services=["patient"])["services"][0]["serviceArn"]
    # The emulator drops it, so the provider's store has it.
    KeptProperties(shared.config.places.provider).keep(
        "aws:ecs/service:Service", arn, {"healthCheckGracePeriodSeconds": 60}
    )
    shared.converge()
    (only,) = tasks(shared, "patient")
    mark = shared.config.state / "tasks" / only["id"] / "web" / "unready"
    mark.touch()
    until(lambda: not tasks(shared, "patient")[0]["serving"], what="the target is known to be sick")
    time.sleep(2)
    assert [task["id"] for task in tasks(shared, "patient")] == [only["id"]]
    mark.unlink()
    until(lambda: tasks(shared, "patient")[0]["serving"], what="the same task serves again")


def test_broken_deployment_trips_the_breaker_and_the_old_tasks_stay(shared: Platform, listener: str) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    shared.web_service("broken", listener=listener)
    shared.converge()
    good = tasks(shared, "broken")[0]["id"]
    shared.program("crash.py", "import sys; print('cannot go on: bad setting', flush=True); sys.exit(3)")
    with load(shared, "/broken/x", clients=2) as seen:
        shared.deploy("broken", shared.web(program="crash.py"), deploymentConfiguration=breaker)
        with pytest.raises(SupervisorError, match=r"circuit breaker: 3 tasks failed to start.*exit code 3") as error:
            shared.converge()
    assert "cannot go on: bad setting" in error.value.lines
    assert failures(seen) == []
    until(lambda: [task["id"] for task in tasks(shared, "broken")] == [good])
    kill(tasks(shared, "broken")[0]["pid"])
    until(lambda: shared.get("/broken/x").status_code == 200, what="the last good deployment is kept up")
    shared.deploy("broken", shared.web(environment={"VERSION": "3"}))
    shared.converge()
    assert shared.get("/broken/x").json()["version"] == "3"


def test_without_a_breaker_it_keeps_trying_and_comes_right(shared: Platform) -> None:
    shared.program("later.py", "import os, sys; sys.exit(1)")
    shared.deploy("later", shared.container(program="later.py"))
    with pytest.raises(SupervisorError, match="service later: 0 of 1 tasks serve: Essential container in task exited"):
        while True:  # on a busy machine it may be seen while it still runs
            shared.converge()
    shared.program("later.py", "import time; time.sleep(60)")
    until(lambda: shared.service_status("later")["rollout"] == "COMPLETED")
    shared.aws.client("ecs").delete_service(cluster="test", service="later", force=True)


def test_singleton_never_overlaps_itself(shared: Platform) -> None:
    shared.program(
        "single.py",
        """
        import os, signal, sys, time
        lock = os.path.join(os.path.dirname(__file__), "single.lock")
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            print("overlap", flush=True); sys.exit(1)
        def end(*_):
            time.sleep(0.5); os.unlink(lock); sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        while True: time.sleep(0.05)
        """,
    )
    percent = {"deploymentMinimumHealthyPercent": 0, "deploymentMaximumPercent": 100}
    shared.deploy("single", shared.container(program="single.py"), kept=percent)
    shared.converge()
    first = tasks(shared, "single")[0]["id"]
    shared.deploy("single", shared.container(program="single.py", environment={"VERSION": "2"}))
    shared.converge()
    after = tasks(shared, "single")
    assert [task["restarts"] for task in after] == [0], "the new task never met the old one"
    assert after[0]["id"] != first


def test_service_connect_names_reach_healthy_tasks(shared: Platform, listener: str) -> None:
    connect = {
        "serviceConnectConfiguration": {
            "enabled": True,
            "services": [
                {"portName": "http", "discoveryName": "ledger", "clientAlias": [{"port": 8000, "dnsName": "ledger"}]}
            ],
        }
    }
    # Without one a task takes part as soon as its process runs, as in ECS: whether it listens by then is a matter of luck.
    asked = "import urllib.request; urllib.request.urlopen('http://localhost:8080/readyz')"
    check = {"command": ["CMD", "python", "-c", asked], "interval": 5, "timeout": 60, "startPeriod": 300}
    web = shared.web(environment={"VERSION": "a"}, healthCheck=check)
    shared.deploy("ledger", web, desired=2, kept=connect)
    group = shared.web_service("caller", listener=listener)
    shared.rule(listener, 901, "/call", group)
    shared.converge()
    seen = [shared.get("/call?ledger:8000/x").json() for _ in range(8)]
    assert {each.get("pid") or each["error"] for each in seen} == {task["pid"] for task in tasks(shared, "ledger")}
    shared.aws.client("ecs").update_service(cluster="test", service="ledger", desiredCount=0)
    shared.converge()
    answer = shared.get("/call?ledger:8000/x")
    assert answer.status_code == 502
    assert "no healthy task serves ledger:8000" in answer.json()["error"]
