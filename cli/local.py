"""What every subcommand shares: where this clone keeps things, the running platform, the engine's workspace, progress."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cli import console
from localcloud.runtime.state import StateDirectory

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client
    from localcloud.engine.events import Event
    from localcloud.engine.find import Engine
    from localcloud.engine.run import EngineFailed, Workspace

#: The checkout that this command belongs to.
CHECKOUT = Path(__file__).resolve().parents[1]

#: The project that it works on: the checkout's own, or --project's.
PROJECT = CHECKOUT

#: Everything that the local cloud of this clone keeps (docs/contracts.md lists what is in it).
STATE = StateDirectory.of(PROJECT).root

#: Bytes of free disk below which nothing starts: a server's log, a journal's next lines, PostgreSQL's next segment.
_LEAST_ROOM = 8 << 20

#: The stack that the local cloud runs.
STACK = "local"


def region(stack: str) -> str:
    """`aws:region` of the stack's file; read without a parser: a broken file is the engine's or `up`'s to refuse."""
    file = PROJECT / "environments" / f"Pulumi.{stack}.yaml"
    text = file.read_text(errors="replace") if file.exists() else ""
    found = re.search(r"^\s+aws:region:\s*[\"']?([a-z0-9-]+)", text, re.MULTILINE)
    return found[1] if found else "ap-south-1"


#: The Region that the local cloud is in.
REGION = region(STACK)


def use(project: Path) -> None:
    """Work on another project: the folder of its Pulumi.yaml, which gets a local cloud of its own."""
    global PROJECT, STATE, REGION
    if not (project / "Pulumi.yaml").exists():
        console.fail(f"--project {project}: there is no Pulumi.yaml in it", code=console.WRONG_CALL)
    PROJECT = project.resolve()
    STATE = StateDirectory.of(PROJECT).root
    REGION = region(STACK)
    console.project = [] if PROJECT == CHECKOUT else ["--project", str(project)]


def places() -> StateDirectory:
    """What lies where in it."""
    return StateDirectory(STATE)


def stack_files() -> Path:
    """The folder of the project's Pulumi.<stack>.yaml."""
    file = PROJECT / "Pulumi.yaml"
    content = _yaml(file)
    folder = content.get("stackConfigDir", ".") if isinstance(content, dict) else None
    if not isinstance(folder, str):
        what = f"stackConfigDir is {folder!r}" if isinstance(content, dict) else f"the file is {content!r}"
        console.fail(
            f"{file}: {what}",
            "Accepted: Pulumi's project file, a mapping with `name` and `runtime`; stackConfigDir is a folder's name.",
            console.WRONG_CALL,
        )
    return PROJECT / folder


def stacks() -> list[str]:
    """The stacks that exist: those with a file in environments/."""
    return sorted(path.name.split(".")[1] for path in stack_files().glob("Pulumi.*.yaml"))


def require_stack(stack: str) -> None:
    """End the command unless environments/ has a file for this stack."""
    known = stacks()
    if stack not in known:
        console.fail(
            f"there is no stack {stack!r}",
            f"Known stacks: {', '.join(known)} ({stack_files()}/Pulumi.<stack>.yaml).",
            console.WRONG_CALL,
        )


def require_readable(stack: str) -> None:
    """End the command unless the stack's file is YAML of the shape that Pulumi reads."""
    file = stack_files() / f"Pulumi.{stack}.yaml"
    content = _yaml(file)
    config = content.get("config") if isinstance(content, dict) else content
    if not isinstance(config, dict | None) or not isinstance(content, dict | None):
        console.fail(
            f"{file}: {'config' if isinstance(content, dict) else 'the file'} is {config!r}",
            "Accepted: a mapping with the key `config`, a mapping of settings by `namespace:name`.",
            console.WRONG_CALL,
        )


def _yaml(file: Path) -> Any:
    """What a file holds; None when it is not there or empty. Ends the command when it is no YAML."""
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        console.fail(f"{where}: this is not YAML: {error.problem or error.context}", code=console.WRONG_CALL)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: bytes that are no UTF-8, dates that there are not
        console.fail(f"{file}: this is not YAML: {error}", code=console.WRONG_CALL)


def engine() -> Engine:
    """The Pulumi CLI; got first if this machine has none."""
    from localcloud.engine.find import NoEngine, ensure

    try:
        return ensure(console.say)
    except NoEngine as failure:
        console.fail(str(failure), f"`{console.command('doctor')}` says what this machine lacks.")


def workspace(provider_port: int, state: Path | None = None) -> Workspace:
    """This project against the provider at that port; `state` is the platform's unless something else is given."""
    from environments.source import PINS_KEY
    from localcloud.engine.run import Workspace
    from localcloud.partners.keys import pins

    state = state or places().pulumi
    known = pins(places().partners)
    return Workspace(
        engine=engine(),
        project=PROJECT,
        state=state,
        provider_port=provider_port,
        python=Path(sys.executable),
        # The program believes this machine's stand-ins as it would a provider: by a certificate that its settings name.
        standing={STACK: {PINS_KEY: json.dumps(known)}} if known else {},
        say=console.say,
    )


@contextmanager
def language_host() -> Iterator[Mapping[str, str]]:
    """A language host that starts now, for an engine that runs later; yields what leads it there, for `Workspace.extra`."""
    from localcloud.engine import ahead
    from localcloud.engine.run import inherited

    with ahead.language_host(engine(), PROJECT, Path(sys.executable), inherited()) as variables:
        yield variables


@contextmanager
def isolated() -> Iterator[tuple[Workspace, str]]:
    """This project against an emulator (its URL) and a provider of its own, all of which go when the caller is done."""
    from localcloud.runtime.ephemeral import cloud
    from localcloud.runtime.errors import SupervisorError

    with tempfile.TemporaryDirectory(prefix="matchday-preview-") as scratch, language_host() as host:
        directory = Path(scratch)
        try:
            made = workspace(0, state=StateDirectory(directory).pulumi)
            made.extra = host
            made.expect_stack()
            with cloud(directory, region=REGION) as far_end:
                made.provider_port = far_end.provider_port
                yield made, far_end.endpoint
        except SupervisorError as failure:
            console.fail(str(failure), code=console.NOT_ASKED)


def running() -> Client | None:
    """The running platform of this clone, or None."""
    from localcloud.dataplane.control.client import Client, SupervisorError

    try:
        return Client.connect(STATE)
    except SupervisorError:
        return None


def how_to_start() -> str:
    """The next step when nothing runs."""
    way = f"`{console.command('up')}`"
    return f"Start it with {f'`make up` (or {way})' if PROJECT == CHECKOUT else way}."


def require_running() -> Client:
    """The running platform, or the end of the command."""
    client = running()
    if client is None:
        console.fail("the platform is not running", how_to_start())
    return client


def engine_failed(failure: EngineFailed, code: int = console.NO) -> NoReturn:
    """End the command with what the engine said, each message once, without its stack traces."""
    # The log of a preview from nothing goes with its temporary folder.
    hint = full_disk() or (f"Its full log: {failure.log}" if failure.log.is_relative_to(STATE) else "")
    console.fail("\n  ".join(message.strip() for message in failure.messages), hint, code)


def full_disk() -> str:
    """The sentence for a failure while hardly any room is left for the state directory, which is then its cause; else ""."""
    where = STATE if STATE.exists() else STATE.parent
    free = shutil.disk_usage(where).free
    if free > _LEAST_ROOM:
        return ""
    left = f"{where}: {free // 1024} KiB left"
    return f"The disk is full ({left}): what was kept is kept; make room and run the same command again."


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
        console.say(f"{what}: starting the engine")

        def print_now_and_then(event: Event) -> None:
            nonlocal last
            if isinstance(event, ResourceEvent):
                (begun if event.stage == "started" else done).add(event.urn)
                if time.monotonic() - last > 5:
                    last = time.monotonic()
                    console.say(line())

        yield print_now_and_then
    console.say(line())
