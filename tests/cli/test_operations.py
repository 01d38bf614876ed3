"""What an operator's commands do in AWS: asked of a stand-in. On the local cloud: tests/e2e/test_platform_operations.py."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli import documents, span_tree
from cli.main import build
from cli.span_tree import bars
from services.common.settings import login

pytestmark = pytest.mark.slow  # moto's first import

REGION = "ap-south-1"
CLUSTER, WEB = "matchday-dev-cluster", "matchday-dev-wallet-web"
PROCESSES = ("web", "worker", "scheduler")


def call(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(build([words[0]]), [*words, "--stack", "dev"], input=answer)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An account with the services of wallet, each on the second revision of its task definition."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():

        def client(service: Any) -> Any:
            return boto3.client(service, region_name=REGION)

        ecs = client("ecs")
        ecs.create_cluster(clusterName=CLUSTER)
        password = client("secretsmanager").create_secret(Name="of-wallet", SecretString="current previous")["ARN"]
        for process in PROCESSES:
            name = f"matchday-dev-wallet-{process}"
            define(ecs, name, "old", password)
            define(ecs, name, "new", password)
            # A family whose name begins like another's is not that one.
            define(ecs, f"{name}-other", "other", password)
            ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=f"{name}:2", desiredCount=2)
        yield client


def define(ecs: Any, family: str, tag: str, password: str) -> None:
    environment = {
        "DATABASE_HOST": "db.example", "DATABASE_PORT": "5432", "DATABASE_NAME": "wallet",
        "DATABASE_USER": "wallet_app", "DATABASE_TLS": "verify-full",
    }  # fmt: skip
    container = {
        "name": "web",
        "image": f"registry.example/matchday/services:{tag}",
        "memory": 512,
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "secrets": [{"name": "DATABASE_PASSWORD", "valueFrom": password}],
    }
    ecs.register_task_definition(family=family, containerDefinitions=[container])


def deployed(aws: Any, process: str = "web") -> dict[str, Any]:
    name = f"matchday-dev-wallet-{process}"
    found: dict[str, Any] = aws("ecs").describe_services(cluster=CLUSTER, services=[name])["services"][0]
    return found


def bounds(aws: Any) -> list[tuple[int, int]]:
    found = aws("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    return [(target["MinCapacity"], target["MaxCapacity"]) for target in found]


@pytest.mark.slow
def test_a_process_that_nothing_scales_gets_its_tasks(aws: Any) -> None:
    done = call("scale", "wallet", "web", "5", "--yes", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    documents.check("scale", document)
    assert document == {"service": WEB, "before": 2, "desired": 5, "minimum": None, "maximum": None}
    assert deployed(aws)["desiredCount"] == 5
    assert bounds(aws) == []


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "expected"), [(3, (3, 8)), (8, (8, 8)), (12, (12, 12))])
def test_what_scales_it_may_not_take_the_tasks_away_again(aws: Any, tasks: int, expected: tuple[int, int]) -> None:
    aws("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ResourceId=f"service/{CLUSTER}/{WEB}",
        ScalableDimension="ecs:service:DesiredCount", MinCapacity=4, MaxCapacity=8,
    )  # fmt: skip
    assert call("scale", "wallet", "web", str(tasks), "--yes").exit_code == 0
    assert bounds(aws) == [expected]
    assert deployed(aws)["desiredCount"] == tasks


@pytest.mark.slow
def test_a_scheduler_runs_once_and_what_there_is_not_is_named(aws: Any) -> None:
    for words, sentence in (
        (("scale", "wallet", "scheduler", "2"), "runs once"),
        (("scale", "wallet", "wbe", "2"), "Its processes: web"),
        (("scale", "walet", "web", "2"), "Known services: auth"),
        (("scale", "auth", "web", "2", "--yes"), "matchday-dev-cluster has no service matchday-dev-auth-web"),
    ):
        done = call(*words)
        assert done.exit_code == 2, words
        assert sentence in done.stderr
    assert {deployed(aws, process)["desiredCount"] for process in PROCESSES} == {2}


@pytest.mark.slow
def test_the_account_is_named_and_no_changes_nothing(aws: Any) -> None:
    done = call("scale", "wallet", "web", "5", answer="n\n")
    assert done.exit_code == 1
    assert "in account 123456789012 as arn:aws:" in done.stderr
    assert deployed(aws)["desiredCount"] == 2
    assert call("scale", "wallet", "web", "5", answer="y\n").exit_code == 0
    assert deployed(aws)["desiredCount"] == 5


@pytest.mark.slow
def test_a_roll_back_takes_every_process_to_the_revision_before(aws: Any) -> None:
    done = call("rollback", "wallet", "--yes", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    documents.check("rollback", document)
    assert [(step["before"], step["after"]) for step in document["services"]] == [
        (f"matchday-dev-wallet-{process}:2", f"matchday-dev-wallet-{process}:1") for process in PROCESSES
    ]
    assert {step["image"] for step in document["services"]} == {"registry.example/matchday/services:old"}
    assert all(deployed(aws, process)["taskDefinition"].endswith(":1") for process in PROCESSES)


@pytest.mark.slow
def test_a_roll_back_is_of_all_processes_or_of_none(aws: Any) -> None:
    aws("ecs").deregister_task_definition(taskDefinition="matchday-dev-wallet-scheduler:1")
    done = call("rollback", "wallet", "--yes")
    assert done.exit_code == 1
    assert "matchday-dev-wallet-scheduler: no task definition before" in done.stderr
    assert all(deployed(aws, process)["taskDefinition"].endswith(":2") for process in PROCESSES)
    assert call("rollback", "wallet", "--process", "web", "--yes").exit_code == 0
    assert deployed(aws)["taskDefinition"].endswith(":1")
    assert deployed(aws, "worker")["taskDefinition"].endswith(":2")


TRACE = "01a21c9737bd7cc683fba5a2e7812411"


def stored(
    span: str, parent: str, name: str, after: int, took: int, *, error: str = "", trace: str = TRACE, stack: str = "dev"
) -> dict[str, Any]:
    """A span as Transaction Search stores it; times in milliseconds."""
    began = 1_795_776_003_000_000_000 + after * 1_000_000
    return {
        "resource": {
            "attributes": {
                "service.name": "wallet", "matchday.process": "web", "deployment.environment.name": stack,
            }
        },
        "traceId": trace, "spanId": span, "parentSpanId": parent, "name": name, "kind": "SERVER",
        "startTimeUnixNano": began, "endTimeUnixNano": began + took * 1_000_000,
        "attributes": {"error.type": error} if error else {}, "status": {"code": "ERROR" if error else "UNSET"},
    }  # fmt: skip


@pytest.mark.slow
def test_a_trace_gathers_the_lines_of_all_services_by_time(aws: Any) -> None:
    logs, now = aws("logs"), int(time.time() * 1000)
    wanted = "0123456789abcdef"
    written: dict[str, list[dict[str, Any]]] = {
        "/matchday/dev/wallet": [
            {
                "time": "2026-11-27T04:00:02",
                "level": "INFO",
                "message": "",
                "method": "POST",
                "path": "/wallet/transfers",
                "status": 201,
                "request_id": wanted,
            },
            {"time": "2026-11-27T04:00:00", "level": "INFO", "message": "another", "request_id": "f" * 16},
        ],
        "/matchday/dev/auth": [
            {
                "time": "2026-11-27T04:00:01",
                "level": "WARNING",
                "message": "said",
                "request_id": wanted,
                "trace_id": TRACE,
            }
        ],
        "/matchday/prod/auth": [
            {"time": "2026-11-27T04:00:01", "level": "INFO", "message": "of prod", "request_id": wanted}
        ],
    }
    for group, lines in written.items():
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="web/web/1")
        events = [{"timestamp": now, "message": json.dumps(line)} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName="web/web/1", logEvents=events)
    done = call("trace", wanted, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    documents.check("trace", document)
    assert [(line["service"], line["process"], line["message"]) for line in document["lines"]] == [
        ("auth", "web", "said"),
        ("wallet", "web", "POST /wallet/transfers 201"),
    ]
    assert document["spans"] == [], "nobody has sent one yet"
    assert call("trace", "e" * 16).exit_code == 1
    logs.create_log_group(logGroupName="aws/spans")
    logs.create_log_stream(logGroupName="aws/spans", logStreamName="default")
    events = [
        {"timestamp": now, "message": json.dumps(each)}
        for each in (
            stored("c" * 16, "b" * 16, "UPDATE balances", 11, 3),
            stored("b" * 16, "a" * 16, "POST /wallet/transfers", 10, 30, error="500"),
            stored("d" * 16, "0" * 16, "process wallet.notify", 60, 5),
            stored("e" * 16, "", "GET /other", 0, 1, trace="f" * 32),
            stored("f" * 16, "b" * 16, "of prod", 12, 1, stack="prod"),
        )
    ]
    logs.put_log_events(logGroupName="aws/spans", logStreamName="default", logEvents=events)
    for identifier in (wanted, TRACE):
        document = json.loads(call("trace", identifier, "--json").stdout)
        documents.check("trace", document)
        names = [(span["name"], span["milliseconds"], span["error"]) for span in document["spans"]]
        assert names == [
            ("POST /wallet/transfers", 30, "500"), ("UPDATE balances", 3, ""), ("process wallet.notify", 5, ""),
        ]  # fmt: skip
    shown = call("trace", wanted).stdout.splitlines()
    assert shown[:4] == [
        f"trace {TRACE}: 3 spans of wallet",
        "      30.0 ms  wallet/web          POST /wallet/transfers  FAILED 500",
        "       3.0 ms  wallet/web            UPDATE balances",
        "       5.0 ms  wallet/web          process wallet.notify",
    ]
    assert shown[4].endswith("WARNING  said")
    rows = [(bar.depth, round(bar.after), round(bar.left), round(bar.width)) for bar in bars(document["spans"])]
    assert rows == [(0, 0, 0, 55), (1, 1, 2, 5), (0, 50, 91, 9)]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=12))
def test_every_span_is_drawn_once_whatever_its_parents_are(edges: list[tuple[int, int]]) -> None:
    """Also where clocks differ, causes are missing or two name each other."""
    spans = {
        f"{own:016x}": span_tree._span(stored(f"{own:016x}", f"{parent:016x}", "x", own, 1)) for own, parent in edges
    }
    walked = [span["span"] for span, _ in span_tree.walk(list(spans.values()))]
    assert sorted(walked) == sorted(spans)


@pytest.mark.slow
def test_sql_in_aws_is_the_way_over_the_bastion_and_runs_nothing(aws: Any) -> None:
    none = call("sql", "wallet")
    assert none.exit_code == 2 and "no bastion runs" in none.stderr
    image = aws("ec2").describe_images()["Images"][0]["ImageId"]
    tags = [{"Key": "Component", "Value": "bastion"}, {"Key": "Environment", "Value": "dev"}]
    specification = [{"ResourceType": "instance", "Tags": tags}]
    made = aws("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=specification)
    done = call("sql", "wallet")
    assert done.exit_code == 0, done.output
    secret, session, psql = done.stdout.splitlines()
    assert ":secret:of-wallet-" in secret
    assert f"--target {made['Instances'][0]['InstanceId']} --document-name matchday-dev-bastion-session" in session
    assert "default_transaction_read_only=on" in psql
    assert f"host=db.example port=5432 dbname=wallet user={login('wallet_app', 'current')} sslmode=require" in psql
    assert "current" not in done.stdout


def test_what_aws_refuses_is_a_sentence_and_no_credentials_are_looked_for_beyond_the_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = call("trace", "0123456789abcdef")
    assert done.exit_code == 2
    assert "dev: Unable to locate credentials" in done.stderr
