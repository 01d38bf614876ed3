"""The cloud that an operator's command acts on: the running local one, or AWS by the credentials of whoever calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli import console, local
from model.names import PROJECT, cluster_name, service_name

Stack = Annotated[str, typer.Option("--stack", help="`local`, or another stack: then in AWS, by your own credentials.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before something is changed in AWS.")]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A stack's clients of AWS's services, by boto3's names."""

    stack: str
    client: Callable[[str], Any]

    @property
    def cluster(self) -> str:
        """The stack's ECS cluster."""
        return cluster_name(PROJECT, self.stack)

    def name(self, service: str, process: str) -> str:
        """The ECS service of a process."""
        return service_name(PROJECT, self.stack, service, process)


@contextmanager
def cloud(stack: str) -> Iterator[Cloud]:
    """The stack's cloud; what AWS refuses inside ends the command with AWS's sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    local.require_stack(stack)
    try:
        yield Cloud(stack, _local() if stack == local.STACK else _aws(stack))
    except (BotoCoreError, ClientError) as error:
        console.fail(f"{stack}: {error}", code=console.NOT_ASKED)


def _local() -> Callable[[str], Any]:
    from localcloud.runtime.aws import Aws

    return Aws(local.require_running().info.emulator, local.REGION).client


def _aws(stack: str) -> Callable[[str], Any]:
    import boto3

    connect: Any = boto3.Session(
        region_name=local.region(stack)
    ).client  # its types know only names that are written out
    made: Callable[[str], Any] = connect
    return made


def confirm(target: Cloud, what: str, yes: bool) -> None:
    """Go on only if the caller means that account. The local cloud's commands just act."""
    if target.stack == local.STACK or yes:
        return
    who = target.client("sts").get_caller_identity()
    console.say(f"{what}, in account {who['Account']} as {who['Arn']}")
    if not typer.confirm("Do it?", err=True):
        raise typer.Exit(console.NO)


def service_and_processes(name: str, process: str | None = None) -> dict[str, Any]:
    """The processes of a service by its manifest: all, or the one named. Ends the command where there is none of that name."""
    from model.catalog import load_catalog

    services = load_catalog(local.PROJECT / "services", "production").services
    if name not in services:
        console.fail(
            f"there is no service {name!r}", f"Known services: {', '.join(sorted(services))}.", console.WRONG_CALL
        )
    processes = services[name].processes
    if process is not None and process not in processes:
        known = ", ".join(processes)
        console.fail(f"{name} has no process {process!r}", f"Its processes: {known}.", console.WRONG_CALL)
    return dict(processes) if process is None else {process: processes[process]}
