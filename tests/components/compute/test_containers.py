"""Container definitions, against docs/contracts.md."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.compute.collector import Traces
from components.compute.containers import (
    BOOTSTRAP_PROCESS,
    ContainerContext,
    Database,
    Dependencies,
    bootstrapping,
    definitions,
)
from components.data.connections import MasterUser, PostgresConnection, RedisConnection, SecretReference
from model.manifest import Process
from model.vocabulary import ProcessKind
from tests.components.loop import Loop

KEY = "arn:aws:kms:ap-south-1:123456789012:key/k"


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """Outputs belong to an event loop."""
    own = Loop()
    yield
    own.close()


def secret(name: str, json_key: str | None = None) -> SecretReference:
    return SecretReference(
        arn=f"arn:aws:secretsmanager:ap-south-1:123456789012:secret:{name}", key_arn=KEY, json_key=json_key
    )


WEB = Process(kind=ProcessKind.WEB, command=("python", "-m", "services.common.web"), cpu=256, memory=512)
CONTEXT = ContainerContext(
    service="live-wallet",
    environment="dev",
    log_level="INFO",
    log_group="/matchday/dev/live-wallet",
    region="ap-south-1",
    image="registry.example/matchday/services:1",
    drain_seconds=45,
    trusted_proxies=2,
    public_url="https://play.example.com",
)
POSTGRES = PostgresConnection(
    host="db.example",
    read_host="replica.example",
    port=5432,
    tls=True,
)
DATABASE = Database(server=POSTGRES, owner_password=secret("owner"), app_password=secret("app"))
ALL = Dependencies(
    database=DATABASE,
    broker=RedisConnection(host="broker.example", port=6379, tls=True, password=secret("broker"), user="live-wallet"),
    cache=RedisConnection(host="cache.example", port=6379, tls=False, password=secret("cache")),
    calls={"user-auth": "http://user-auth:8080"},
    buckets={"receipts": "matchday-dev-receipts"},
    secrets={"SIGNING_KEK": secret("kek")},
)


def make(dependencies: Dependencies = ALL, port: int | None = 8080) -> list[dict[str, Any]]:
    return definitions(CONTEXT, dependencies, name="web", process=WEB, port=port)


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry["value"] for entry in container["environment"]}


def secrets(container: dict[str, Any]) -> dict[str, str]:
    found = {}
    for entry in container["secrets"]:
        found[entry["name"]] = asyncio.get_event_loop().run_until_complete(entry["valueFrom"].future())
    return {name: value.rsplit("secret:", 1)[1] for name, value in found.items()}


COMMON = {"SERVICE": "live-wallet", "PROCESS": "web", "ENVIRONMENT": "dev", "LOG_LEVEL": "INFO"}
LISTENING = {"PORT": "8080", "TRUSTED_PROXIES": "2", "DRAIN_SECONDS": "45", "PUBLIC_URL": "https://play.example.com"}
SERVER = {
    "DATABASE_HOST": "db.example",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "live-wallet",
    "DATABASE_TLS": "verify-full",
}


def test_migrations_run_before_the_process() -> None:
    migrate, web = make()
    assert [each["name"] for each in (migrate, web)] == ["migrate", "web"]
    assert [each["essential"] for each in (migrate, web)] == [False, True]
    assert "dependsOn" not in migrate
    assert web["dependsOn"] == [{"containerName": "migrate", "condition": "SUCCESS"}]
    assert migrate["command"] == ["python", "-m", "services.common.migrate"]


def test_each_container_is_the_user_that_it_must_be_and_knows_no_other_password() -> None:
    migrate, web = make()
    assert environment(migrate) == {**COMMON, **SERVER, "DATABASE_USER": "live-wallet_owner"}
    assert secrets(migrate) == {"DATABASE_PASSWORD": "owner"}
    assert environment(web) == {
        **COMMON,
        **SERVER,
        "DATABASE_USER": "live-wallet_app",
        "DATABASE_CONNECTIONS": "18",
        **LISTENING,
        "BROKER_HOST": "broker.example",
        "BROKER_PORT": "6379",
        "BROKER_TLS": "true",
        "BROKER_USER": "live-wallet",
        "CACHE_HOST": "cache.example",
        "CACHE_PORT": "6379",
        "CACHE_TLS": "false",
        "USER_AUTH_URL": "http://user-auth:8080",
        "BUCKET_RECEIPTS": "matchday-dev-receipts",
    }
    assert secrets(web) == {
        "DATABASE_PASSWORD": "app",
        "BROKER_PASSWORD": "broker",
        "CACHE_PASSWORD": "cache",
        "SIGNING_KEK": "kek",
    }


MASTER = MasterUser(user="master", password=secret("rds", json_key="password"))
PASSWORDS = {"wallet": (secret("wo"), secret("wa")), "live-score": (secret("lo"), secret("la"))}


def databases() -> dict[str, Any]:
    context = replace(CONTEXT, service="databases")
    given = bootstrapping(POSTGRES, MASTER, PASSWORDS)
    (only,) = definitions(context, given, name="bootstrap", process=BOOTSTRAP_PROCESS, port=None)
    return only


def test_who_makes_databases_is_the_master_and_knows_the_passwords_of_each_service() -> None:
    only = databases()
    assert environment(only) == {
        **COMMON,
        **SERVER,
        "SERVICE": "databases",
        "PROCESS": "bootstrap",
        "SERVICES": "live-score,wallet",
        "DATABASE_NAME": "postgres",
        "DATABASE_USER": "master",
    }
    assert secrets(only) == {
        "DATABASE_PASSWORD": "rds:password::",
        "WALLET_OWNER_PASSWORD": "wo",
        "WALLET_APP_PASSWORD": "wa",
        "LIVE_SCORE_OWNER_PASSWORD": "lo",
        "LIVE_SCORE_APP_PASSWORD": "la",
    }
    assert only["essential"] and "healthCheck" in only, "the services' tasks start once it has done its work"


def test_where_it_is_traced_a_collector_is_beside_the_process_and_decides_nothing() -> None:
    traced = replace(CONTEXT, traces=Traces(image="registry.example/matchday/services@sha256:1", ratio=0.05))
    plain = definitions(CONTEXT, ALL, name="web", process=WEB, port=8080)
    *initial, beside, process = definitions(traced, ALL, name="web", process=WEB, port=8080)
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_SAMPLER_ARG": "0.05"}
    assert environment(process) == {**environment(plain[1]), **told}
    assert [environment(each) for each in initial] == [environment(each) for each in plain[:1]], (
        "migrations are not traced"
    )
    assert (beside["name"], beside["essential"], beside["secrets"]) == ("collector", False, [])
    after = [{"containerName": "migrate", "condition": "SUCCESS"}, {"containerName": "collector", "condition": "START"}]
    assert process["dependsOn"] == after, "it is stopped last, and nothing waits until it is healthy"
    confined = ("user", "readonlyRootFilesystem", "linuxParameters", "logConfiguration")
    assert {name: beside[name] for name in confined} == {name: process[name] for name in confined}
    assert (beside["memory"], beside["cpu"]) == (96, 16)
    assert "portMappings" not in beside
    given = json.loads(environment(beside)["AOT_CONFIG_CONTENT"])
    (pipeline,) = given["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(given[kind])
    assert set(given["service"]["extensions"]) == set(given["extensions"])
    assert given["receivers"]["otlp"]["protocols"] == {"http": {"endpoint": "127.0.0.1:4318"}}, (
        "nothing outside reaches it"
    )
    (exporter,) = given["exporters"].values()
    assert exporter["traces_endpoint"] == "https://xray.ap-south-1.amazonaws.com/v1/traces"
    assert exporter["auth"]["authenticator"] == "sigv4auth"
    assert given["processors"]["memory_limiter"]["limit_mib"] < beside["memory"]


def test_a_service_without_a_database_has_one_container() -> None:
    (only,) = make(Dependencies())
    assert "dependsOn" not in only
    assert environment(only) == {**COMMON, **LISTENING}
    assert only["secrets"] == []


def test_only_a_web_process_has_a_port() -> None:
    assert make()[-1]["portMappings"] == [
        {"name": "http", "containerPort": 8080, "hostPort": 8080, "protocol": "tcp", "appProtocol": "http"}
    ]
    worker = make(port=None)[-1]
    assert "portMappings" not in worker and not LISTENING.keys() & environment(worker).keys()


def test_every_container_is_confined() -> None:
    for each in make():
        assert each["readonlyRootFilesystem"] is True
        assert each["user"] not in ("0", "root", "0:0")
        assert each["mountPoints"] == [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}]
        assert each["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
        assert each["logConfiguration"]["options"]["awslogs-group"] == "/matchday/dev/live-wallet"
        assert each["logConfiguration"]["options"]["awslogs-stream-prefix"] == "web"


def test_the_process_is_asked_how_it_is_and_has_time_to_drain() -> None:
    migrate, web = make()
    assert web["healthCheck"]["command"] == ["CMD", "python", "-m", "services.common.healthcheck"]
    assert web["healthCheck"]["timeout"] <= web["healthCheck"]["interval"]
    assert web["stopTimeout"] == 45
    assert "healthCheck" not in migrate


def test_definitions_do_not_depend_on_the_order_in_which_a_manifest_names_things() -> None:
    shuffled = Dependencies(
        database=DATABASE,
        broker=ALL.broker,
        cache=ALL.cache,
        calls=ALL.calls,
        buckets=ALL.buckets,
        secrets=dict(reversed([*ALL.secrets.items(), ("A", secret("a"))])),
    )
    names = [entry["name"] for entry in make(shuffled)[-1]["secrets"]]
    assert names == sorted(names)


def test_every_secret_that_is_given_is_in_the_list_that_the_role_may_read() -> None:
    listed = {reference.arn for reference in ALL.references()}
    assert len(listed) == 5
    given = set()
    for container in make():
        given |= {value.removesuffix(":password::") for value in secrets(container).values()}
    assert given == {str(arn).rsplit("secret:", 1)[1] for arn in listed}


def test_the_contract_lists_every_variable() -> None:
    """Each variable that containers are given is in the table of docs/contracts.md, and each of the table is given to some."""
    page = (Path(__file__).parents[3] / "docs" / "contracts.md").read_text(encoding="utf-8")
    rows = page.split("## A container's environment")[1].split("\n## ")[0].splitlines()
    cells = [row.split(" | ")[0] for row in rows if row.startswith("| `")]
    listed = {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)} - {
        *("CLIENTS", "MAIL_FROM", "MAIL_CONFIGURATION_SET", "PINS"),  # Dependencies.variables
        "DATABASE_READ_HOST",  # with reads_replica
        "DATA_KEY",  # with data_key
        *("AWS_REGION", "AWS_DEFAULT_REGION"),  # from Fargate's agent
    }
    traced = replace(CONTEXT, traces=Traces(image="registry.example/matchday/services:1-collector", ratio=1))
    made = definitions(traced, ALL, name="web", process=WEB, port=8080)
    given = {name for container in (*made, databases()) for name in (*environment(container), *secrets(container))}
    named_by_manifests = {"USER_AUTH_URL", "BUCKET_RECEIPTS", "SIGNING_KEK"}
    named_by_manifests |= {f"{each}_{kind}_PASSWORD" for each in ("WALLET", "LIVE_SCORE") for kind in ("OWNER", "APP")}
    assert given - named_by_manifests == listed
