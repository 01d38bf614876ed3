"""`matchday up`: the platform on this machine, provisioned by the real engine and served by the data plane."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import code, console, journeys, local
from cli.checkpoint import Checkpoint, Phase

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client, Event
    from localcloud.dataplane.settings import Config
    from localcloud.engine.run import Result

#: How many resources the engine works on at once. More only makes the emulator's single interpreter queue.
PARALLEL = 16

#: How long the tasks of all services may take to become healthy, in seconds.
CONVERGE_SECONDS = 300

#: The emulator's state can be thrown away (docs/adr/0006), so the engine need not write its state after each resource.
_THROWAWAY = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


@dataclass
class _Phases:
    """Seconds by phase, in the order in which they ended."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 2)

    def total(self) -> dict[str, float]:
        return {**self.seconds, "total": round(time.monotonic() - self.started, 2)}


def up(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Where the platform answers on 127.0.0.1 [last used, else 8080]."),
    ] = None,
    emulator: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An AWS emulator of your own on loopback, such as LocalStack."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Bring the platform up, or change exactly what differs from what runs.

    Starts the emulator, the provider and the data plane, runs `pulumi up` on the stack `local` through the real engine, and
    waits until every task is healthy. Exit code 0 when it serves; otherwise the failing port, server, resource or task is
    named with its cause, and the next `up` goes on from a consistent state.
    """
    from localcloud.runtime.errors import SupervisorError

    before = _remembered()
    if emulator is not None:
        _check_emulator(emulator, before)
    local.STATE.mkdir(mode=0o700, exist_ok=True)
    phases = _Phases()
    wanted = {"port": port or before.get("port", 8080), "emulator": emulator or before.get("emulator")}
    try:
        with phases.phase("engine"):
            local.engine()
        with phases.phase("servers"):
            client = _start(wanted, before)
        with phases.phase("provision"):
            provisioned = _provision(client, moved=_differs(before, wanted))
        with phases.phase("converge"):
            now = code.digests(local.PROJECT, journeys.catalog().services)
            if anew := code.changed(before.get("code"), now):
                _redeploy(client, anew)
            (local.STATE / "up.json").write_text(json.dumps({**wanted, "code": now}))
            _converge(client)
    except SupervisorError as failure:
        console.fail(str(failure), _advice(failure))
    _report(client, provisioned, phases.total(), as_json=as_json)


def _check_emulator(url: str, before: Mapping[str, Any]) -> None:
    """End the command unless it is on this machine, and the one that this clone's resources live in, if there are any."""
    from localcloud.runtime.aws import EndpointRefused, check_endpoint

    try:
        check_endpoint(url)
    except EndpointRefused as refusal:
        console.fail(str(refusal), code=console.WRONG_CALL)
    if before and before["emulator"] != url:
        console.fail(
            f"this clone's platform lives in {before['emulator'] or 'an emulator of its own'}, not in {url}",
            "`matchday reset` forgets it; then it can be made there.",
            console.WRONG_CALL,
        )


def _differs(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether there was an `up` before, with another port or emulator."""
    return bool(before) and any(before.get(name) != value for name, value in wanted.items())


def _remembered() -> dict[str, Any]:
    """Port, emulator and code of the last `up`; empty before the first."""
    file = local.STATE / "up.json"
    remembered: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return remembered


def _config(wanted: Mapping[str, Any]) -> Config:
    import sys

    from localcloud.dataplane.settings import Config, Image

    return Config(
        state=local.STATE,
        ingress_port=wanted["port"],
        emulator=wanted["emulator"],
        region=local.REGION,
        images=(
            Image(repository="matchday/services", root=local.PROJECT, python=Path(sys.executable), preload=_preload()),
        ),
    )


def _preload() -> tuple[str, ...]:
    """The modules that the services' processes share: what their commands run, and each service's application and jobs."""
    services = local.PROJECT / "services"
    names = sorted(file.parent.name for file in services.glob("*/service.yaml"))
    own = [
        f"services.{name}.{part}"
        for name in names
        for part in ("app", "tasks")
        if (services / name / f"{part}.py").exists()
    ]
    processes = ("web", "worker", "scheduler", "bootstrap", "migrate", "healthcheck")
    return (*(f"services.common.{process}" for process in processes), *own)


def _start(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> Client:
    """The running supervisor: the one that is there, or a new one on a state whose parts are of one moment."""
    from localcloud.dataplane.control import client as supervisor

    checkpoint = Checkpoint(local.STATE)
    running = local.running()
    if running is not None and (checkpoint.phase is Phase.APPLYING or _differs(before, wanted)):
        if checkpoint.phase is not Phase.APPLYING:
            console.say("the port or the emulator changes: restarting the servers")
        running.stop()
        if checkpoint.phase is not Phase.APPLYING:
            checkpoint.enter(Phase.SETTLED)
        running = None
    if running is None:
        # What an emulator of the user's own holds does not go back with us, so neither may what we know of it.
        if wanted["emulator"] is None and checkpoint.phase is not Phase.SETTLED:
            console.say("the last run did not end properly: going back to the last consistent state")
            checkpoint.restore()
        checkpoint.enter(Phase.RUNNING)
        running = supervisor.start(_config(wanted), _say)
        _forget_lost_cloud(running, wanted)
    return running


def _forget_lost_cloud(client: Client, wanted: Mapping[str, Any]) -> None:
    """Drop the engine's and the provider's state if the emulator came up without what they speak of."""
    from localcloud.provider.store import Store

    workspace = local.workspace(client.info.provider_port)
    if wanted["emulator"] is None and client.info.snapshot != "loaded" and workspace.stack_exists(local.STACK):
        console.say(f"the emulator starts empty (snapshot {client.info.snapshot}): all resources will be created anew")
        workspace.forget(local.STACK)
        Store(local.STATE / "provider").clear()


def _provision(client: Client, *, moved: bool) -> Result:
    """Run `pulumi up`; afterwards, done or failed, the three parts of the state are of one moment and are copied."""
    from localcloud.engine.run import EngineFailed

    checkpoint = Checkpoint(local.STATE)
    workspace = local.workspace(client.info.provider_port)
    workspace.extra = _THROWAWAY if client.info.snapshot else {}
    command = ["up", "--yes", "--skip-preview", "--parallel", str(PARALLEL)]
    checkpoint.enter(Phase.APPLYING)
    try:
        with local.resource_progress("provision") as on_event:
            # A load balancer's address changes with the port: only a refresh tells the state so.
            done = workspace.run([*command, *(["--refresh"] if moved else [])], local.STACK, on_event=on_event)
    except EngineFailed as failure:
        _settle(client, checkpoint)
        local.engine_failed(failure)
    _settle(client, checkpoint)
    return done


def _settle(client: Client, checkpoint: Checkpoint) -> None:
    client.snapshot()
    checkpoint.take()
    checkpoint.enter(Phase.RUNNING)


def _redeploy(client: Client, services: Sequence[str]) -> None:
    """New code under the tag that runs already: what one does in AWS, too, is to force a new deployment."""
    from localcloud.runtime.aws import Aws

    console.say(f"new code: new deployments of {', '.join(services)}")
    prefixes = tuple(f"matchday-{local.STACK}-{service}-" for service in services)
    ecs = Aws(client.info.emulator, local.REGION).client("ecs")
    for cluster in ecs.list_clusters()["clusterArns"]:
        for page in ecs.get_paginator("list_services").paginate(cluster=cluster):
            for service in page["serviceArns"]:
                if service.rsplit("/", 1)[-1].startswith(prefixes):
                    ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)


def _converge(client: Client) -> None:
    with console.progress.status("waiting for the tasks"):
        for event in client.converge(CONVERGE_SECONDS):
            _say(event)


def _say(event: Event) -> None:
    if event.kind != "converged":
        console.say(f"{event.kind} {event.name}: {event.state}" + (f" ({event.detail})" if event.detail else ""))


def _advice(failure: Exception) -> str:
    if "listen" in str(failure):
        return "Choose another port: `make up ARGS='--port 8090'` (or `matchday up --port 8090`)."
    return "`matchday logs` shows what was printed, `matchday doctor` what this machine lacks; the next `up` goes on from here."


def _report(client: Client, provisioned: Result, seconds: Mapping[str, float], *, as_json: bool) -> None:
    from cli import status

    document = {**status.report(client), "changes": dict(provisioned.changes), "seconds": dict(seconds)}
    if as_json:
        console.emit(document)
        return
    status.show(document)
    changes = ", ".join(f"{count} {name}" for name, count in provisioned.changes.items() if count)
    console.result.print(f"this run: {changes}; " + ", ".join(f"{name} {value} s" for name, value in seconds.items()))
    console.result.print(
        "next: `matchday smoke` walks through it, `matchday logs -f` listens, `matchday down` stops it"
    )
