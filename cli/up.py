"""`matchday up`: the platform on this machine, provisioned by the real engine and served by the data plane."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import code, console, journeys, local, pending, region
from cli.checkpoint import Checkpoint, Phase, put_back
from cli.lock import exclusive
from cli.phases import Phases
from model.names import PROJECT, service_name

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client, Event
    from localcloud.dataplane.settings import Config
    from localcloud.engine.run import Result, Workspace

#: How many resources the engine works on at once. More only makes the emulator's single interpreter queue.
PARALLEL = 16

#: How long the tasks of all services may take to become healthy, in seconds.
CONVERGE_SECONDS = 300

#: How long the emulator may take to answer, in seconds: one that was killed is started again.
EMULATOR_SECONDS = 120


@exclusive
def up(
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Where the platform answers on 127.0.0.1 (default: the last used, else 8080)."
        ),
    ] = None,
    emulator: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An AWS emulator of your own on loopback, such as LocalStack."),
    ] = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="First look at what is there: what was changed or deleted by hand is mended."),
    ] = False,
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
    local.require_readable(local.STACK)
    region.check(before.get("region"))
    local.STATE.mkdir(mode=0o700, exist_ok=True)
    phases = Phases()
    wanted = {"port": port or before.get("port", 8080), "emulator": emulator or before.get("emulator")}
    cloud = code.of_the_cloud(local.CHECKOUT)
    try:
        with phases.phase("engine"):
            local.engine()
        with local.language_host() as host:
            with phases.phase("servers"):
                client = _start(wanted, before, cloud)
            with phases.phase("provision"):
                # A load balancer's address changes with the port: only a refresh tells the state so.
                provisioned = _provision(client, host, refresh=refresh or _differs(before, wanted))
                if _services():
                    from cli import site

                    site.put_up(client)
        with phases.phase("converge"):
            now = code.digests(local.PROJECT, _services())
            if anew := code.changed(before.get("code"), now):
                _redeploy(client, anew)
            local.places().up.write_text(json.dumps({**wanted, "code": now, "cloud": cloud, "region": local.REGION}))
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
            f"`{console.command('reset')}` forgets it; then it can be made there.",
            console.WRONG_CALL,
        )


def _differs(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether there was an `up` before, with another port or emulator."""
    return bool(before) and any(before.get(name) != value for name, value in wanted.items())


def _remembered() -> dict[str, Any]:
    """Port, emulator and code of the last `up`; empty before the first."""
    file = local.places().up
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
        images=tuple(
            Image(
                repository="matchday/services",
                root=local.PROJECT,
                python=Path(sys.executable),
                preload=code.preloaded(local.PROJECT),
            )
            for _ in _services()[:1]
        ),
    )


def _services() -> list[str]:
    """The names of this project's services; another project than Matchday (`--project`) may have none."""
    return list(journeys.catalog().services) if (local.PROJECT / "services").is_dir() else []


def _restarts(wanted: Mapping[str, Any], before: Mapping[str, Any], cloud: str) -> str:
    """Why what runs must be started again: it is elsewhere than wanted, or of older code; "" when it need not."""
    if _differs(before, wanted):
        return "the port or the emulator changes"
    return (
        "the local cloud's own code, its packages or the Python changed" if before.get("cloud", cloud) != cloud else ""
    )


def _start(wanted: Mapping[str, Any], before: Mapping[str, Any], cloud: str) -> Client:
    """The running supervisor: the one that is there, or a new one on a state that is whole."""
    from cli import remains
    from localcloud.dataplane.control import client as supervisor
    from localcloud.runtime.processes import require_free

    checkpoint = Checkpoint(local.STATE)
    running = local.running()
    checkpoint.require_repairable()
    broken = checkpoint.phase is Phase.APPLYING or bool(checkpoint.missing())
    why = _restarts(wanted, before, cloud)
    if running is not None and (broken or why):
        if not broken:
            if wanted["port"] != before.get("port"):
                require_free("ingress", "127.0.0.1", wanted["port"])  # before anything is stopped
            console.say(f"{why}: restarting the servers")
        running.stop()
        running = None
    if running is None:
        remains.end_left(local.STATE)
        require_free("ingress", "127.0.0.1", wanted["port"], within=1)  # before the seconds in which everything starts
        _mend(checkpoint, ours=wanted["emulator"] is None)
        running = supervisor.start(_config(wanted), _say)
        running = _check_cloud(running, wanted)
    return running


def _mend(checkpoint: Checkpoint, *, ours: bool) -> None:
    """Make the state directory whole before anything reads it."""
    notes = checkpoint.complete()
    # What an emulator of the user's own holds does not go back with us, so neither may what we know of it.
    if checkpoint.phase is Phase.APPLYING and ours:
        console.say(
            "the last run did not end properly: going back to the last consistent state"
            " (what the engine had made since is undone; what tasks and people wrote is kept)"
        )
        notes += checkpoint.restore()
    for note in notes:
        console.say(note)


def _check_cloud(client: Client, wanted: Mapping[str, Any]) -> Client:
    """Ask, if the emulator came up without what the engine's state speaks of, or the other way round; else nothing to do."""
    from localcloud.dataplane.control import client as supervisor
    from localcloud.provider.kept import KeptProperties

    kept, emulator = client.info.snapshot, local.places().emulator
    known = local.workspace(client.info.provider_port).stack_exists(local.STACK)
    if wanted["emulator"] is not None:
        return client
    if kept.startswith("loaded: "):
        console.say(f"the emulator mended itself: {kept.removeprefix('loaded: ')}")
    if known and kept == "none":
        cause = f"the emulator's state in {emulator} is gone"
    elif known and kept.startswith("refused"):
        cause = f"the emulator's state cannot be read ({kept.removeprefix('refused: ')})"
    elif kept.startswith("loaded") and not known and local.places().up.exists():
        cause = f"the engine's state in {local.places().pulumi} is gone"
    else:
        return client
    agreed = _agreed(f"{cause}: all resources can only be made anew")
    if not agreed or kept.startswith("loaded"):
        client.stop()
    if not agreed:
        put_back(emulator)
        console.fail(
            f"{cause}; nothing was changed",
            "Lost with it: what buckets and queues held, and secrets, so also what the databases hold encrypted."
            f" `{console.command('reset')}` forgets it all.",
        )
    local.workspace(client.info.provider_port).forget(local.STACK)
    KeptProperties(local.places().provider).clear()
    if not kept.startswith("loaded"):
        return client
    for file in emulator.glob("snapshot*"):
        file.replace(file.with_name(file.name + ".refused"))
    return supervisor.start(_config(wanted), _say)


def _agreed(loss: str) -> bool:
    """Whether a person at a terminal takes the loss; nobody is asked elsewhere."""
    import sys

    if not sys.stdin.isatty():
        return False
    console.say(loss)
    console.say(
        "what buckets and queues held, and secrets, is lost; the databases' rows stay, but not what of them is encrypted"
    )
    return typer.confirm("Go on and make everything anew?")


def _provision(client: Client, host: Mapping[str, str], *, refresh: bool) -> Result:
    """Run `pulumi up`. If it is cut off, or a server behind it was, the next `up` takes back what it made."""
    from localcloud.engine.run import WITHOUT_CHECKPOINTS, EngineFailed

    checkpoint = Checkpoint(local.STATE)
    workspace = local.workspace(client.info.provider_port)
    workspace.extra = {**(WITHOUT_CHECKPOINTS if client.info.snapshot else {}), **host}  # a cut-off run is taken back
    command = ["up", "--yes", "--skip-preview", "--parallel", str(PARALLEL)]
    checkpoint.take(_position(client))
    servers, written = _servers(client), _written(workspace)
    checkpoint.enter(Phase.APPLYING)
    refresh |= pending.settle(workspace, local.STACK)
    try:
        with local.resource_progress("provision") as on_event:
            done = workspace.run([*command, *(["--refresh"] if refresh else [])], local.STACK, on_event=on_event)
    except EngineFailed as failure:
        # An engine that is told to stop may end without having written down what it had done by then.
        if failure.killed or _written(workspace) == written or _servers(client) != servers:
            console.say("the engine, or a server behind it, was cut off: the next `up` takes back what this run made")
        else:
            _settle(client, checkpoint)
        local.engine_failed(failure)
    _settle(client, checkpoint, anew=bool(done.resources))
    return done


def _written(workspace: Workspace) -> int:
    """When the engine last wrote its state, in nanoseconds."""
    file = workspace.state_file(local.STACK)
    return file.stat().st_mtime_ns if file.exists() else 0


def _servers(client: Client) -> list[Any]:
    """The processes that the engine's run depends on."""
    from localcloud.runtime.errors import SupervisorError

    try:
        servers = client.status()["servers"]
        return [(server["name"], server["pid"]) for server in servers if server["name"] in ("emulator", "provider")]
    except SupervisorError:
        return []


def _position(client: Client) -> dict[str, int] | None:
    """How far the emulator's journal is; None for an emulator that is not ours."""
    import httpx

    from localcloud.runtime import loopback
    from localcloud.runtime.errors import SupervisorError

    if not client.info.snapshot:
        return None
    deadline = time.monotonic() + EMULATOR_SECONDS
    http = loopback.client()
    while True:
        try:
            answer = http.get(f"{client.info.emulator}/_matchday/health", timeout=60)
        except httpx.TransportError as error:
            # It may have been killed a moment ago: the supervisor starts it again.
            if time.monotonic() > deadline:
                raise SupervisorError("emulator", f"does not answer: {error}", local.places().emulator_log) from error
            time.sleep(0.2)
        else:
            return dict(answer.json()["position"])


def _settle(client: Client, checkpoint: Checkpoint, *, anew: bool = True) -> None:
    """The engine has written down what it made: keep that as what can be gone back to.

    A snapshot spares the emulator's next start the run's part of the journal; one that made nothing `anew` has hardly any.
    """
    if anew:
        client.snapshot()
    checkpoint.take(_position(client))
    checkpoint.enter(Phase.SETTLED)


def _redeploy(client: Client, services: Sequence[str]) -> None:
    """New code under the tag that runs already: what one does in AWS, too, is to force a new deployment."""
    from localcloud.runtime.aws import Aws

    console.say(f"new code: new deployments of {', '.join(services)}")
    prefixes = tuple(service_name(PROJECT, local.STACK, service, "") for service in services)
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
    if full := local.full_disk():
        return full
    if "listen" in str(failure):
        way = f"`{console.command('up --port 8090')}`"
        ours = local.PROJECT == local.CHECKOUT
        return f"Choose another port: {f'`make up PORT=8090` (or {way})' if ours else way}; nothing was lost."
    return (
        f"`{console.command('logs')}` shows what was printed, `{console.command('doctor')}` what this machine lacks;"
        " the next `up` goes on from here."
    )


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
        f"next: open {document['url']}; `{console.command('smoke')}` walks through it, `{console.command('logs -f')}` listens,"
        f" `{console.command('down')}` stops it",
        markup=False,
    )
