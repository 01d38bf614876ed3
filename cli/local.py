"""What every subcommand shares: where this clone keeps things, the running platform, the engine's workspace, progress."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cli import console

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client
    from localcloud.engine.events import Event
    from localcloud.engine.find import Engine
    from localcloud.engine.run import EngineFailed, Workspace

#: The checkout that this command belongs to.
PROJECT = Path(__file__).resolve().parents[1]

#: Everything that the local cloud of this clone keeps (docs/contracts.md lists what is in it).
STATE = PROJECT / ".matchday"

#: The stack that the local cloud runs.
STACK = "local"

#: The Region that the local cloud is in.
REGION = "ap-south-1"


def stacks() -> list[str]:
    """The stacks that exist: those with a file in environments/."""
    return sorted(path.name.split(".")[1] for path in (PROJECT / "environments").glob("Pulumi.*.yaml"))


def require_stack(stack: str) -> None:
    """End the command unless environments/ has a file for this stack."""
    known = stacks()
    if stack not in known:
        console.fail(
            f"there is no stack {stack!r}", f"Known stacks: {', '.join(known)} (environments/).", console.WRONG_CALL
        )


def engine() -> Engine:
    """The Pulumi CLI; got first if this machine has none."""
    from localcloud.engine.find import NoEngine, ensure

    try:
        return ensure(console.say)
    except NoEngine as failure:
        console.fail(str(failure), "`matchday doctor` says what this machine lacks.")


def workspace(provider_port: int, state: Path = STATE / "pulumi") -> Workspace:
    """This project against the provider at that port."""
    from localcloud.engine.run import Workspace

    return Workspace(
        engine=engine(), project=PROJECT, state=state, provider_port=provider_port, python=Path(sys.executable)
    )


@contextmanager
def throwaway_workspace() -> Iterator[Workspace]:
    """This project against an emulator and a provider of its own, all of which go when the caller is done."""
    from localcloud.runtime.ephemeral import cloud
    from localcloud.runtime.errors import SupervisorError

    with tempfile.TemporaryDirectory(prefix="matchday-preview-") as scratch:
        directory = Path(scratch)
        try:
            with cloud(directory, region=REGION) as far_end:
                yield workspace(far_end.provider_port, state=directory / "pulumi")
        except SupervisorError as failure:
            console.fail(str(failure))


def running() -> Client | None:
    """The running platform of this clone, or None."""
    from localcloud.dataplane.control.client import Client, SupervisorError

    try:
        return Client.connect(STATE)
    except SupervisorError:
        return None


def require_running() -> Client:
    """The running platform, or the end of the command."""
    client = running()
    if client is None:
        console.fail("the platform is not running", "Start it with `make up` (or `matchday up`).")
    return client


def engine_failed(failure: EngineFailed) -> NoReturn:
    """End the command with what the engine said, each message once, without its stack traces."""
    # The log of a preview from nothing goes with its temporary folder.
    hint = f"Everything it said: {failure.log}" if failure.log.is_relative_to(STATE) else ""
    console.fail("\n  ".join(message.strip() for message in failure.messages), hint)


@contextmanager
def resource_progress(what: str) -> Iterator[Callable[[Event], None]]:
    """A callback for engine events that shows how many resources are done, of those that the engine has begun."""
    from localcloud.engine.events import ResourceEvent

    begun: set[str] = set()
    done: set[str] = set()
    started = last = time.monotonic()

    def line() -> str:
        return f"{what}: {len(done)}/{len(begun)} resources, {time.monotonic() - started:.0f} s"

    if console.progress.is_terminal:
        with console.progress.status(f"{what}: starting the engine") as status:

            def show(event: Event) -> None:
                if isinstance(event, ResourceEvent):
                    (begun if event.stage == "started" else done).add(event.urn)
                    status.update(line())

            yield show
    else:

        def print_now_and_then(event: Event) -> None:
            nonlocal last
            if isinstance(event, ResourceEvent):
                (begun if event.stage == "started" else done).add(event.urn)
                if time.monotonic() - last > 5:
                    last = time.monotonic()
                    console.say(line())

        yield print_now_and_then
    console.say(line())
