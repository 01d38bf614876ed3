"""`matchday sql SERVICE`: psql on a service's database, read-only; in AWS the way there, which is the bastion."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Any

import typer

from cli import console, local
from cli.cloud import Cloud, Stack, cloud, service_and_processes
from model.names import PROJECT
from services.common.settings import login

#: Of each session: it only reads, and no statement works on for ever.
_SESSION = "-c default_transaction_read_only=on -c statement_timeout=60s"


def sql(
    service: Annotated[str, typer.Argument(help="A service with a database, such as wallet.")],
    command: Annotated[
        str | None, typer.Option("--command", "-c", help="Run this statement and end, instead of a session.")
    ] = None,
    stack: Stack = "local",
) -> None:
    """Open psql on a service's database as the service's own role, in transactions that only read.

    That keeps from mistakes, not from intent: the session could turn it off, within what the role may do. Of another stack it
    prints how the bastion is reached, through which every session is recorded (docs/runbooks/bastion.md), and runs nothing.
    Exit code: psql's; 2 when the service has no database, or nothing runs.
    """
    processes = service_and_processes(service)
    with cloud(stack) as target:
        environment, secret = _environment(target, service, next(iter(processes)))
        password = _password(target, secret)
        environment["PGUSER"] = login(environment["PGUSER"], password)
        if target.stack != local.STACK:
            typer.echo("\n".join(_way(target, environment, secret)))
            return
    from localcloud.dataplane.stores.postgres import choose_binaries

    psql = choose_binaries(local.places().postgres).path("psql")
    words = [psql, "--no-psqlrc"] + ([] if command is None else ["--set=ON_ERROR_STOP=1", "--command", command])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    given = {**environment, "PGPASSWORD": password, "PGOPTIONS": _SESSION, "PGAPPNAME": "matchday sql"}
    os.execve(psql, words, {**kept, **given})  # noqa: S606 - psql is the command


def _environment(target: Cloud, service: str, process: str) -> tuple[dict[str, str], str]:
    """libpq's variables from what the deployed task definition tells the process, and the ARN of its password."""
    definition = target.client("ecs").describe_task_definition(taskDefinition=target.name(service, process))
    container: dict[str, Any] = definition["taskDefinition"]["containerDefinitions"][-1]
    values = {entry["name"]: entry["value"] for entry in container["environment"]}
    secrets = {entry["name"]: entry["valueFrom"] for entry in container.get("secrets", [])}
    if "DATABASE_HOST" not in values:
        console.fail(f"{service} has no database", "Its manifest names no postgres.", console.WRONG_CALL)
    variables = {
        "PGHOST": values["DATABASE_HOST"],
        "PGPORT": values["DATABASE_PORT"],
        "PGDATABASE": values["DATABASE_NAME"],
        "PGUSER": values["DATABASE_USER"],
        "PGSSLMODE": "disable" if values["DATABASE_TLS"] == "disable" else "require",
    }
    return variables, secrets["DATABASE_PASSWORD"]


def _password(target: Cloud, reference: str) -> str:
    """The current value: one that rotates holds the previous one behind it."""
    value: str = target.client("secretsmanager").get_secret_value(SecretId=reference)["SecretString"]
    return value.split()[0]


def _way(target: Cloud, environment: dict[str, str], secret: str) -> list[str]:
    """The commands that lead to the database over the bastion, to be pasted."""
    filters = [
        {"Name": "tag:Component", "Values": ["bastion"]},
        {"Name": "tag:Environment", "Values": [target.stack]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = target.client("ec2").describe_instances(Filters=filters)["Reservations"]
    instances = [each["InstanceId"] for reservation in found for each in reservation["Instances"]]
    if not instances:
        console.fail(f"{target.stack}: no bastion runs", "docs/runbooks/bastion.md says why.", console.NOT_ASKED)
    connection = " ".join(
        f"{key}={environment[variable]}"
        for key, variable in (
            ("host", "PGHOST"),
            ("port", "PGPORT"),
            ("dbname", "PGDATABASE"),
            ("user", "PGUSER"),
            ("sslmode", "PGSSLMODE"),
        )
    )
    document = f"{PROJECT}-{target.stack}-bastion-session"
    return [
        f"aws secretsmanager get-secret-value --secret-id {secret} --query SecretString --output text",
        f"aws ssm start-session --target {instances[0]} --document-name {document}",
        f"PGOPTIONS={shlex.quote(_SESSION)} psql {shlex.quote(connection)}",
    ]
