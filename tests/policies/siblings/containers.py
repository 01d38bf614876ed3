"""Task definitions: siblings of the shared sets of group c, secrets by name and by value above all."""

from __future__ import annotations

import json
from typing import Any

from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, OK, TELL, Sibling, case


def _task(name: str, right: dict[str, str], *, text: bool = True, **container: Any) -> Sibling:
    given = {"name": "c", "image": "r/x:1", "user": "10001"} | container
    listed = [given]
    return case(
        f"task-{name}",
        right,
        res("aws:ecs/taskDefinition:TaskDefinition", containerDefinitions=json.dumps(listed) if text else listed),
    )


def _env(name: str, answer: str, variable: str, value: Any, *, text: bool = True) -> Sibling:
    return _task(f"env-{name}", {"MD.ECS.4": answer}, text=text, environment=[{"name": variable, "value": value}])


TASKS: list[Sibling] = [
    _env("pass", BAD, "DB_PASS", "hunter2hunter2"),
    _env("lower", BAD, "db_password", "hunter2hunter2"),
    _env("camel", BAD, "apiToken", "abcdefabcdef"),
    _env("dotted", BAD, "spring.datasource.password", "hunter2hunter2"),
    _env("encryption-key", BAD, "ENCRYPTION_KEY", "0123456789abcdef"),
    _env("private-key", BAD, "TLS", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
    _env("url", BAD, "REDIS_URL", "rediss://:S3cr3tS3cr3t@cache:6379/0"),
    _env("url-without-password", OK, "DATABASE_URL", "postgres://app@db:5432/app"),
    _env("access-key-by-value", BAD, "X", "AKIAABCDEFGHIJKLMNOP"),
    _env("token-by-value", BAD, "X", "ghp_0123456789abcdef0123456789abcdef0123"),
    _env(
        "jwt-by-value",
        BAD,
        "X",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ),
    _env("arn-of-a-secret", OK, "DB_SECRET", "arn:aws:secretsmanager:ap-south-1:1:secret:db-AbCdEf"),
    _env("arn-in-a-password", OK, "DB_PASSWORD_ARN", "arn:aws:secretsmanager:ap-south-1:1:secret:db-AbCdEf"),
    _env("path-of-a-secret", OK, "TOKEN_FILE", "/run/secrets/token"),
    _env("url-of-a-token", OK, "TOKEN_URL", "https://auth.example.com/token"),
    _env("time-of-a-token", OK, "TOKEN_TTL_SECONDS", "900"),
    _env("public-key", OK, "PUBLIC_KEY", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"),
    _env("partition-key", OK, "PARTITION_KEY", "user"),
    _env("switch", OK, "REQUIRE_PASSWORD", "true"),
    _env("empty", OK, "DB_PASSWORD", ""),
    _env("number-value", BAD, "DB_PASSWORD", "12345678901234567890"),
    _env("as-list", BAD, "DB_PASSWORD", "hunter2hunter2", text=False),
    _env("unknown", TELL, "DB_HOST", UNKNOWN, text=False),
    _task(
        "secrets",
        {"MD.ECS.4": OK},
        secrets=[{"name": "DB_PASSWORD", "valueFrom": "arn:aws:secretsmanager:x:1:secret:y"}],
    ),
    _task("command-two-words", {"MD.ECS.4": BAD}, command=["app", "--db-password", "hunter2hunter2"]),
    _task("command-shell", {"MD.ECS.4": BAD}, command=["sh", "-c", "DB_PASSWORD=hunter2hunter2 exec app"]),
    _task("entry-point", {"MD.ECS.4": BAD}, entryPoint=["app", "--api-token=abcdefabcdef"]),
    _task("command-plain", {"MD.ECS.4": OK}, command=["uvicorn", "--host", "0.0.0.0", "--port", "8080"]),
    _task(
        "log-options",
        {"MD.ECS.4": BAD},
        logConfiguration={"logDriver": "splunk", "options": {"splunk-token": "11112222-3333-4444-5555-666677778888"}},
    ),
    _task("label", {"MD.ECS.4": BAD}, dockerLabels={"com.example.password": "hunter2hunter2"}),
    _task("aws-keys", {"ECS.8": BAD}, environment=[{"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}]),
    _task("root-number", {"ECS.20": BAD}, user="0"),
    _task("root-zeros", {"ECS.20": BAD}, user="00:00"),
    _task("root-group-alone", {"ECS.20": OK}, user="1000:0"),
    _task("root-with-group", {"ECS.20": BAD}, user="root:app"),
    _task("root-spaces", {"ECS.20": BAD}, user=" 0 "),
    _task("user-number", {"ECS.20": OK}, user=10001),
    _task("user-left-out", {"ECS.20": BAD}, user=""),
    _task("latest", {"MD.ECS.5": BAD}, image="r/x:latest"),
    _task("no-tag", {"MD.ECS.5": BAD}, image="registry.example.com:5000/x"),
    _task("digest", {"MD.ECS.5": OK}, image="r/x@sha256:" + "0" * 64),
    _task("latest-with-digest", {"MD.ECS.5": OK}, image="r/x:latest@sha256:" + "0" * 64),
    _task("read-only-as-text", {"ECS.5": OK}, readonlyRootFilesystem="true"),
    _task("read-only-left-out", {"ECS.5": BAD}),
    _task("privileged", {"ECS.4": BAD}, privileged=True),
    _task("no-log-driver", {"ECS.9": BAD}),
    case(
        "task-second-container-is-wrong",
        {"ECS.4": BAD, "ECS.20": BAD, "ECS.9": BAD},
        res(
            "aws:ecs/taskDefinition:TaskDefinition",
            containerDefinitions=[UNKNOWN, {"name": "b", "privileged": True, "user": "0"}],
        ),
    ),
    case(
        "task-unknown",
        {"ECS.4": TELL, "ECS.20": TELL, "MD.ECS.4": TELL},
        res("aws:ecs/taskDefinition:TaskDefinition", containerDefinitions=UNKNOWN),
    ),
    case(
        "task-host-network",
        {"ECS.17": BAD, "ECS.1": BAD},
        res(
            "aws:ecs/taskDefinition:TaskDefinition",
            networkMode="host",
            containerDefinitions=json.dumps([{"name": "c", "user": "root"}]),
        ),
    ),
]

CASES: list[Sibling] = [*TASKS]
