"""The whole platform on this machine: up, a person's journey, a killed task, broken code, a rolling change, drift.

The journey is walked once, here, and at night after the recovery, too (test_recovery); the rest asks for what it is about.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
import yaml
from botocore.exceptions import ClientError
from valkey import Valkey
from valkey.exceptions import AuthenticationError, NoPermissionError

from localcloud.runtime.aws import Aws, acting_as
from model.catalog import load_catalog
from model.names import BOOTSTRAP, DATABASES
from tests.clones import PROJECT, Clone, make_clone
from tests.e2e.conftest import (
    aws,
    last_up,
    log_groups,
    looked_at,
    pids,
    places,
    refreshed,
    supervisor,
    tasks,
    tasks_of,
    touched,
    until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform"), pytest.mark.timeout(900)]

GOLDEN = PROJECT / "tests" / "stacks" / "golden" / "local.txt"
CLUSTER = "matchday-local-cluster"
AUTH, WALLET = "matchday-local-auth-web", "matchday-local-wallet-web"
BY_HAND = "matchday-local-payments-web"  #: whose desired count is changed behind the engine's back
MORE = "matchday-local-scoring-web"  #: of which the program wants one task more
LOG_GROUP, SERVICE = "aws:cloudwatch/logGroup:LogGroup", "aws:ecs/service:Service"


def test_up_reports_what_it_brought_up(up: dict[str, Any], clone: Clone) -> None:
    assert up["url"] == f"http://127.0.0.1:{clone.port}/"
    assert up["changes"]["create"] > 100
    assert up["resources"] >= up["changes"]["create"]
    assert set(up["seconds"]) == {"engine", "servers", "provision", "converge", "total"}
    names = {service["name"] for service in up["services"]}
    expected = load_catalog(clone.directory / "services", "laptop").services.values()
    processes = [(service.name, process) for service in expected for process in service.processes]
    assert names == {f"matchday-local-{name}-{process}" for name, process in (*processes, (DATABASES, BOOTSTRAP))}
    for service in up["services"]:
        assert len(service["tasks"]) == service["desired"] >= 1
        for task in service["tasks"]:
            assert task["health"] == "HEALTHY"
            assert task["restarts"] == 0
            parent = psutil.Process(task["pid"]).parent()
            assert parent and any("fork_server.py" in word for word in parent.cmdline()), "it shares its libraries"


def test_up_made_what_the_program_registers(up: dict[str, Any], clone: Clone) -> None:
    """The golden file's resources among them (all of them, by URN: tests/stacks/test_engine.py), and each once."""
    made = [event.urn for event in last_up(clone) if not event.type.startswith("pulumi:")]
    assert set(made) >= set(GOLDEN.read_text().splitlines())
    assert len(made) == len(set(made))
    assert touched(up) == {"create": up["changes"]["create"]}
    with sqlite3.connect(places(clone).provider / "store.sqlite") as kept:
        ((count,),) = kept.execute("SELECT COUNT(*) FROM kept WHERE properties LIKE '%matchday-local%'")
    assert count > 10, "what `destroy` must forget"


def test_an_occupied_port_is_named_and_nothing_is_left(up: dict[str, Any], clone: Clone, tmp_path: Path) -> None:
    """Neither of the other clone's nor, as the next test walks through it, of this one's platform."""
    other = make_clone(tmp_path, clone.port)
    failed = other.run("up", "--port", str(clone.port), check=False)
    assert failed.returncode == 1
    assert f"127.0.0.1:{clone.port}" in failed.stderr
    assert "--port" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert other.processes() == []


def test_a_person_can_use_it(up: dict[str, Any], clone: Clone) -> None:
    journey = clone.json("smoke")
    assert journey["ok"]
    assert [step["name"] for step in journey["steps"] if not step["ok"]] == []
    assert len(journey["steps"]) >= 8


def _chain(found: list[dict[str, Any]], last: dict[str, Any]) -> list[str]:
    """What caused a span, the first cause first: service, process and name of each."""
    by_id, chain = {span["span"]: span for span in found}, []
    while last:
        chain.append(f"{last['service']}/{last['process']} {last['name']}")
        last = by_id.get(last["parent"], {})
    return chain[::-1]


def test_a_payments_trace_goes_from_the_ingress_through_two_services_to_the_ledger(
    up: dict[str, Any], clone: Clone
) -> None:
    """The journey's deposits were credited by webhooks: what one caused over HTTP, SQL, outboxes and Celery is one tree."""
    name = "POST /payments/webhooks/razorpay"

    def credited() -> Any:
        """The trace, by its own id and by the request's. Workers send their spans some seconds after their work."""
        pages = aws(clone, "logs").get_paginator("filter_log_events")
        rows = [
            each
            for page in pages.paginate(logGroupName="aws/spans", filterPattern=f'"{name}"')
            for each in page["events"]
        ]
        for trace in dict.fromkeys(json.loads(row["message"])["traceId"] for row in rows):
            document = clone.json("trace", trace)
            requests = [line["fields"] for line in document["lines"] if line["message"] == f"{name} 200"]
            if requests and any(span["name"] == "INSERT notifications" for span in document["spans"]):
                again = clone.json("trace", requests[0]["request_id"])
                return (document, again) if document["spans"] == again["spans"] else None
        return None

    document, by_request = until(credited, "the spans of a credited deposit, the same by both ids", every=2)
    found = document["spans"]
    told = next(span for span in found if span["name"] == "INSERT notifications")
    assert _chain(found, told) == [
        f"payments/web {name}",
        "payments/web send payments.work_off_webhook",
        "payments/worker process payments.work_off_webhook",
        "payments/worker send payments.look_at_attempt",
        "payments/worker process payments.look_at_attempt",
        "payments/worker send payments.credit_deposit",
        "payments/worker process payments.credit_deposit",
        "payments/worker POST",
        "wallet/web POST /wallet/internal/movements",
        "wallet/worker process wallet.notify",
        "wallet/worker INSERT notifications",
    ]
    assert len({span["trace"] for span in found}) == 1 and not [span for span in found if span["error"]]
    lines = {(line["service"], line["message"]): line["fields"] for line in document["lines"]}
    asked, moved = lines["payments", f"{name} 200"], lines["wallet", "POST /wallet/internal/movements 201"]
    assert asked["trace_id"] == moved["trace_id"] == document["id"]
    assert by_request["id"] == asked["request_id"]


def test_the_firewall_lets_in_large_bodies_where_a_service_takes_them(up: dict[str, Any], clone: Clone) -> None:
    body = {"file": "A" * 10_000, "share_code": "1234"}
    asked, refused, decoded = [
        httpx.put(f"http://127.0.0.1:{clone.port}{path}", json=body)
        for path in ("/kyc/aadhaar", "/wallet/transfers", "/kyc%2Faadhaar")
    ]
    assert {(answer.status_code, answer.content) for answer in (refused, decoded)} == {(413, b"")}
    assert (asked.status_code, asked.headers["content-type"]) == (401, "application/problem+json")
    assert httpx.get(f"http://127.0.0.1:{clone.port}/auth/x", headers={"User-Agent": "nmap"}).status_code == 403
    judged = clone.json("status")["firewall"]["not_evaluated"]
    assert len(judged) == 2, "the distribution's firewall and the load balancer's"
    for groups in judged.values():
        assert set(groups) == {"common", "known-bad-inputs", "linux", "ip-reputation", "sql-injection"}


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


def test_each_tasks_role_opens_what_is_its_services_own(up: dict[str, Any], clone: Clone) -> None:
    """The credentials that a process finds are its role's, and the emulator refuses what the role may not do."""
    ecs, endpoint = aws(clone, "ecs"), supervisor(clone).info.emulator

    def of(service: str) -> tuple[str, str]:
        """The role of a service's web process, and the key that its environment names."""
        row = ecs.describe_task_definition(taskDefinition=f"matchday-local-{service}-web")["taskDefinition"]
        named = [item["value"] for item in row["containerDefinitions"][-1]["environment"] if ":kms:" in item["value"]]
        return row["taskRoleArn"], next(iter(named), "")

    role, key = of("kyc")
    other, _ = of("scoring")
    kms = Aws(endpoint, "ap-south-1").client("kms")
    own = {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": {"service": "kyc", "player": "1"}}
    with acting_as(role):
        assert kms.generate_data_key(**own)["Plaintext"]
    for who, wanted in ((other, own), (role, own | {"EncryptionContext": {"service": "auth"}})):
        with acting_as(who), pytest.raises(ClientError, match="AccessDeniedException"):
            kms.generate_data_key(**wanted)


def test_a_killed_task_comes_back(up: dict[str, Any], clone: Clone) -> None:
    (victim, *_) = tasks_of(clone, "wallet-web")
    os.kill(victim["pid"], signal.SIGKILL)

    def replaced() -> bool:
        found = tasks_of(clone, "wallet-web")
        return bool(found) and all(t["health"] == "HEALTHY" and t["pid"] != victim["pid"] for t in found)

    until(replaced, "a healthy task in place of the killed one")
    until(lambda: httpx.get(f"{up['url']}wallet/balance").status_code == 401, "an answer through the ingress")


@contextmanager
def asking(url: str) -> Iterator[list[str]]:
    """Somebody asks all the while; yields what came of each request."""
    outcomes: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.is_set():
                try:
                    outcomes.append(str(client.get("/auth/.well-known/jwks.json").status_code))
                except httpx.HTTPError as error:
                    outcomes.append(type(error).__name__)
                time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        thread.join()


@contextmanager
def _changing(file: Path) -> Iterator[dict[str, Any]]:
    """The content of a YAML file, written back as it was changed; it stays: to take it back would be one more `up`."""
    content = yaml.safe_load(file.read_text())
    yield content
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def _set(clone: Clone, **settings: Any) -> None:
    """Lay settings over the stack's file."""
    with _changing(clone.directory / "environments" / "Pulumi.local.yaml") as content:
        content["config"]["matchday:environment"].update(settings)


def _processes(clone: Clone, service: str) -> Any:
    """A service's processes, as its manifest declares them, to be changed."""
    return _changing(clone.directory / "services" / service / "service.yaml")


def wallets(services: Iterable[str]) -> list[str]:
    """Of services those that run the wallet's code."""
    return [name for name in services if name.startswith("matchday-local-wallet-")]


def _retention(clone: Clone) -> dict[str, int]:
    return {group["logGroupName"]: group["retentionInDays"] for group in log_groups(clone)}


def test_a_task_that_cannot_start_is_named_and_nothing_else_is_touched(up: dict[str, Any], clone: Clone) -> None:
    """An `up` of a program that is the same changes nothing either: not what was changed by hand, of which it knows nothing."""
    ecs, module = aws(clone, "ecs"), clone.directory / "services" / "wallet" / "app.py"
    original = module.read_text()
    ecs.update_service(cluster=CLUSTER, service=BY_HAND, desiredCount=2)
    before = {name: pids(found) for name, found in tasks(clone).items()}
    module.write_text(original + "\nraise RuntimeError('broken on purpose')\n")
    try:
        failed = clone.run("up", check=False)
        assert failed.returncode == 1
        assert WALLET in failed.stderr
        assert "RuntimeError: broken on purpose" in failed.stderr, "the log's last lines"
        assert httpx.get(f"{up['url']}wallet/balance").status_code == 401, "the old task still answers"
        assert last_up(clone) == []
        until(lambda: len(tasks(clone)[BY_HAND]) == 2, "the task that was asked for by hand")
        after = {name: pids(found) for name, found in tasks(clone).items()}
        assert {name for name, found in before.items() if found != after[name]} <= {BY_HAND, *wallets(before)}
        assert all(before[name] <= after[name] for name in (BY_HAND, WALLET))
    finally:
        module.write_text(original)


def test_drift_settings_and_code_are_planned_and_done_without_a_failed_request(
    up: dict[str, Any], clone: Clone
) -> None:
    """One preview shows what was changed by hand and what the program changes, and `up` does just what it says.

    The wallet's code runs again, which was broken a moment ago: to the platform that is new code, too.
    """
    before, retained = {name: pids(found) for name, found in tasks(clone).items()}, _retention(clone)
    assert 30 not in retained.values()
    _set(clone, logs={"retention_days": 30})
    with _processes(clone, "auth") as manifest:
        manifest["processes"]["web"]["memory"] *= 2
    with _processes(clone, "scoring") as manifest:
        manifest["processes"]["web"]["scaling"]["minimum"] = 2
    plan = clone.json("preview", "local", "--refresh")["resources"]
    groups = {urn for urn, kind in looked_at(clone, "preview").items() if kind == LOG_GROUP}
    by_name = {each["urn"].rpartition("::")[2]: each for each in plan if each["urn"] not in groups}
    assert set(by_name) == {"auth-web", "auth-web-task", "payments-web", "scoring-web"}
    seen = by_name["payments-web"]
    assert (seen["type"], seen["operation"]) == (SERVICE, "update")
    assert "desiredCount" in seen["changed"]
    # Of all resources the one that drifted: what nobody touched reads back as it was made, but for the key that the stand-in
    # of an eSign provider put in place, as an operator does: the program's own version is no longer the current one.
    drifted = refreshed(clone)
    agreed = {urn for urn in drifted if urn.endswith("::kyc-esign-key-version")}
    assert len(agreed) == 1
    assert drifted - agreed == {seen["urn"]}
    untouched = before.keys() - wallets(before)  # whose broken tasks may be tried still
    assert {name: pids(tasks(clone)[name]) for name in untouched} == {name: before[name] for name in untouched}

    with asking(up["url"]) as outcomes:
        changed = clone.json("up", "--refresh")
    assert set(touched(changed)) <= {"update", "replace"}
    done = last_up(clone)
    assert {event.urn for event in done} == {each["urn"] for each in plan}
    assert {event.type for event in done} == {LOG_GROUP, "aws:ecs/taskDefinition:TaskDefinition", SERVICE}
    assert {event.urn for event in done if event.type == LOG_GROUP} == groups
    assert {event.operation for event in done if event.type == LOG_GROUP} == {"update"}
    assert _retention(clone) == dict.fromkeys(retained, 30)
    live = aws(clone, "ecs").describe_services(cluster=CLUSTER, services=[BY_HAND])["services"][0]
    assert live["desiredCount"] == 1
    assert all(task["health"] == "HEALTHY" for service in changed["services"] for task in service["tasks"])
    after = {service["name"]: pids(service["tasks"]) for service in changed["services"]}
    assert set(after) == set(before)
    for name in (AUTH, *wallets(before)):
        assert before.pop(name).isdisjoint(after.pop(name)), name
    assert len(after[BY_HAND]) == 1 and after.pop(BY_HAND) < before.pop(BY_HAND)
    assert len(after[MORE]) == 2 and before.pop(MORE) < after.pop(MORE)
    assert before == after, "of all processes those of changed code, and the one whose memory was changed"
    assert httpx.get(f"{up['url']}wallet/balance").status_code == 401
    assert set(outcomes) == {"200"}, {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
    assert len(outcomes) > 50
