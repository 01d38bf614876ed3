"""Runs the Pulumi CLI on a project against a backend of its own, and turns its event log into events and a result."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from localcloud.engine import events, history, locks, new_stack, ready, sidecars
from localcloud.engine.find import Engine
from localcloud.runtime.processes import signal_group, spawn
from localcloud.runtime.state import EngineDirectory
from model import documents
from model.validation import DocumentError

#: Variables of the user's shell that must never reach an engine that drives the local cloud: whatever starts so is dropped.
_FORBIDDEN = ("AWS_", "PULUMI_")

_NOWHERE = "/dev/null"

#: For `Workspace.extra`: the engine writes its state at the end of a run, not after each resource, which for hundreds of them
#: is most of its time. Only where a state is thrown away with its cloud, or where both can be put back (docs/adr/0006).
WITHOUT_CHECKPOINTS: Mapping[str, str] = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


class EngineFailed(RuntimeError):
    """A run ended with an error: what the engine and its mandatory policies said, and the log that holds everything.

    `killed` or cancelled by a signal, so that the engine may not have written down what it had done.
    """

    def __init__(
        self,
        command: str,
        diagnostics: Sequence[events.Diagnostic],
        tail: str,
        log: Path,
        violations: Sequence[events.Violation] = (),
        *,
        killed: bool = False,
    ) -> None:
        messages = [_name(d) + d.message for d in diagnostics if d.severity == "error"]
        messages += [f"{v.policy}: {_name(v)}{v.message}" for v in violations if v.level == "mandatory"]
        self.messages = tuple(dict.fromkeys(messages)) or (tail or "no message; see the log",)
        self.log = log
        self.killed = killed
        super().__init__(f"`pulumi {command}` failed:\n" + "\n".join(self.messages) + f"\n(log: {log})")


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended. `changes` counts create, update, replace, delete, same; `resources` are those not "same".

    `touched` is the engine's own count at the end, by its own words and without what stayed the same: only there does a refresh
    say what it changed.
    """

    changes: Mapping[str, int]
    touched: Mapping[str, int]
    resources: Sequence[events.ResourceEvent]
    violations: Sequence[events.Violation]
    diagnostics: Sequence[events.Diagnostic]
    seconds: float


@dataclass
class Workspace:
    """One project, one file backend, one attached provider.

    - project: the folder of Pulumi.yaml.
    - state: a private folder for backend, credentials, passphrase, stack configuration and event logs.
    - provider_port: where `aws` and `random` listen on 127.0.0.1.
    - python: the interpreter that runs the program.
    - extra: further variables of the CLI's.
    - standing: stack → settings laid over its file in every run.
    - say: what takes lines of progress.
    """

    engine: Engine
    project: Path
    state: Path
    provider_port: int
    python: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    standing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _line: None

    def __post_init__(self) -> None:
        self.places = EngineDirectory(self.state)
        self.backend = self.places.backend
        self.backend.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        self._without_debug_log()
        settings = yaml.safe_load((self.project / "Pulumi.yaml").read_text())
        self._project_name: str = settings["name"]
        self._configurations: Path = self.project / settings.get("stackConfigDir", ".")
        self._passphrase = self.places.passphrase
        self._next_salt: Future[str] | None = None
        if not self._passphrase.exists():
            self._passphrase.touch(mode=0o600)
            self._passphrase.write_text(secrets.token_urlsafe(32))

    def _without_debug_log(self) -> None:
        """Put a file where the CLI would make a folder for its own log of each run.

        It writes that at debug level, encrypted, with no switch to turn it off, and takes a third of its time to do so. Nobody
        reads it: what a run did is in the event log. Where it cannot make the folder it goes on without.
        """
        logs = self.places.home / "logs"
        if not logs.is_file():
            shutil.rmtree(logs, ignore_errors=True)
            self.places.home.mkdir(exist_ok=True)
            logs.touch()

    def environment(self) -> dict[str, str]:
        """What must be set, beyond a clean environment, for the CLI to work on this workspace."""
        return {
            "PULUMI_BACKEND_URL": "file://" + quote(str(self.backend)),
            "PULUMI_HOME": str(self.places.home),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase),
            "PULUMI_DEBUG_PROVIDERS": f"aws:{self.provider_port},random:{self.provider_port}",
            # The engine would try to download the plugins that the state names, although ours are attached.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # A copy of the whole state for each write of it, which nobody takes away: the history has those of the runs.
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            "MATCHDAY_PYTHON": str(self.python),
            "PATH": os.pathsep.join(
                dict.fromkeys(
                    [str(self.engine.pulumi.parent), str(self.python.parent), *os.environ["PATH"].split(os.pathsep)]
                )
            ),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": _NOWHERE,
            "AWS_SHARED_CREDENTIALS_FILE": _NOWHERE,
            **self.extra,
        }

    def stack_exists(self, stack: str) -> bool:
        """Whether the backend holds a state of this stack."""
        return self.state_file(stack).exists()

    def state_file(self, stack: str) -> Path:
        """Where the file backend keeps the stack's state."""
        return self.backend / ".pulumi" / "stacks" / self._project_name / f"{stack}.json"

    def forget(self, stack: str) -> None:
        """Drop the stack's state without deleting a resource: for when the cloud that it speaks of is gone."""
        shutil.rmtree(self.backend / ".pulumi", ignore_errors=True)
        self._configuration(stack).unlink(missing_ok=True)

    def run(
        self,
        command: Sequence[str],
        stack: str,
        *,
        on_event: Callable[[events.Event], None] = lambda _event: None,
        config: Mapping[str, Any] | None = None,
    ) -> Result:
        """Run `pulumi <command>` (preview, up, refresh, destroy and their flags) on the stack, creating it if need be.

        `config` are settings laid over the stack's file for this run. Raises EngineFailed when the run fails; one that ends
        because a plugin was too slow to answer is repeated once, if it has not come to a resource of the provider's yet.
        """
        self._heal()
        history.trim(self.backend, stack)
        self.ensure_stack(stack)
        self._write_configuration(stack, config or {})
        if not ready.serves(self.provider_port):
            raise EngineFailed(
                command[0],
                (),
                f"the provider does not answer on 127.0.0.1:{self.provider_port} within {ready.PROVIDER_SECONDS} s",
                self.state,
            )
        collected = _Collected(on_event)
        try:
            return self._run(command, stack, collected)
        except EngineFailed as failure:
            if not ready.given_up(str(failure)) or collected.reached:
                raise
        self.say("this machine is busy: the engine did not wait long enough for one of its plugins; running it again")
        return self._run(command, stack, _Collected(on_event))

    def _run(self, command: Sequence[str], stack: str, collected: _Collected) -> Result:
        log = self.places.events(command[0], stack)
        log.unlink(missing_ok=True)
        options = ["--stack", stack, "--config-file", str(self._configuration(stack)), "--event-log", str(log)]
        extra = {"PULUMI_DEBUG_COMMANDS": "true"}  # --event-log is one of the CLI's debug flags
        started = time.monotonic()
        with self._start([*command, *options, "--non-interactive", "--color", "never"], extra) as (process, output):
            for event in _follow(log, process):
                collected.add(event)
        tail = "\n".join(output)
        if process.returncode:
            killed = process.returncode < 0 or "update canceled" in tail
            tail = tail or (f"the engine was killed by signal {-process.returncode}" if killed else "")
            raise EngineFailed(command[0], collected.diagnostics, tail, log, collected.violations, killed=killed)
        return Result(
            changes=collected.changes(),
            touched=collected.touched,
            resources=collected.resources,
            violations=collected.violations,
            diagnostics=collected.diagnostics,
            seconds=time.monotonic() - started,
        )

    def call(self, arguments: Sequence[str]) -> str:
        """Run a short CLI command (`stack export`, `stack output --json`) and return what it prints."""
        self._heal()
        done = subprocess.run(
            [str(self.engine.pulumi), *arguments, "--non-interactive", "--color", "never"],
            cwd=self.project,
            env=self._clean({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EngineFailed(" ".join(arguments[:2]), (), done.stderr.strip(), self.state)
        return done.stdout

    def _heal(self) -> None:
        """Take away what an engine that was killed left in the way of the next."""
        locks.remove_dead(self.backend)
        sidecars.remove_torn(self.backend)

    def expect_stack(self) -> None:
        """A stack will be made soon: begin to make its salt, which takes a third of a second, beside what is waited for."""
        worker = ThreadPoolExecutor(max_workers=1)
        self._next_salt = worker.submit(new_stack.salt, self._passphrase.read_text())
        worker.shutdown(wait=False)

    def ensure_stack(self, stack: str) -> None:
        """Make the stack, empty, if the backend has no state of it."""
        if not self.stack_exists(stack):
            self._create(stack)

    def _create(self, stack: str) -> None:
        # The salt is kept beside the state: the stack's file in environments/ is everybody's.
        kept = self._salt(stack)
        kept.parent.mkdir(exist_ok=True)
        begun, self._next_salt = self._next_salt, None
        salt = begun.result() if begun else new_stack.salt(self._passphrase.read_text())
        kept.write_text(yaml.safe_dump({"encryptionsalt": salt}))
        new_stack.write(self.backend, self._project_name, stack)

    def _write_configuration(self, stack: str, overrides: Mapping[str, Any]) -> None:
        source = self.configuration_source(stack)
        try:
            shown = f"{source.parent.name}/{source.name}"
            settings = documents.read(source, shown).content if source.exists() else {}
        except DocumentError as error:
            raise EngineFailed("config", (), str(error), source) from None
        # Only the configuration is taken over: a stack file that names AWS KMS as its secrets provider must not be followed.
        salted = yaml.safe_load(self._salt(stack).read_text())
        # Nor what was encrypted for it, which nobody here can read.
        own = {k: v for k, v in (settings.get("config") or {}).items() if not (isinstance(v, dict) and "secure" in v)}
        salted["config"] = {**own, **self.standing.get(stack, {}), **overrides}
        self._configuration(stack).write_text(yaml.safe_dump(salted, sort_keys=False))

    def salt(self, stack: str) -> str:
        """The `encryptionsalt` of the stack's file by which the CLI knows this workspace's passphrase again."""
        self.ensure_stack(stack)
        salt: str = yaml.safe_load(self._salt(stack).read_text())["encryptionsalt"]
        return salt

    def configuration_source(self, stack: str) -> Path:
        """The stack's file beside the program."""
        return self._configurations / f"Pulumi.{stack}.yaml"

    def _salt(self, stack: str) -> Path:
        return self.places.salts / f"Pulumi.{stack}.yaml"

    def _configuration(self, stack: str) -> Path:
        return self.places.configuration(stack)

    def _clean(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {**inherited(), **self.environment(), **extra}

    @contextmanager
    def _start(
        self, arguments: Sequence[str], extra: Mapping[str, str]
    ) -> Iterator[tuple[subprocess.Popen[bytes], deque[str]]]:
        """The running CLI and the last lines of its output; interrupted, as a person would, when the caller gives up."""
        printed = self.places.output
        tail: deque[str] = deque(maxlen=30)
        with printed.open("wb") as sink:
            # It dies with us: an engine that outlived a killed command would go on changing what the next one restores.
            process = spawn(
                [str(self.engine.pulumi), *arguments], env=self._clean(extra), cwd=self.project, stdout=sink
            )
        try:
            yield process, tail
            process.wait()
            tail.extend(printed.read_text(errors="replace").splitlines())
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
            raise


class _Collected:
    """What a run's events add up to."""

    def __init__(self, on_event: Callable[[events.Event], None]) -> None:
        self._on_event = on_event
        self._operations: dict[str, events.ResourceEvent] = {}
        self.touched: dict[str, int] = {}
        self.violations: list[events.Violation] = []
        self.diagnostics: list[events.Diagnostic] = []

    def add(self, event: events.Event) -> None:
        self._on_event(event)
        match event:
            case events.ResourceEvent(stage="started", operation=operation) if operation in events.OPERATIONS:
                self._operations[event.urn] = event
            case events.Violation():
                self.violations.append(event)
            case events.Diagnostic():
                self.diagnostics.append(event)
            case events.Summary():
                self.touched = {
                    name: count
                    for name, count in event.changes.items()
                    if count and name not in ("same", "read", "refresh")
                }

    @property
    def reached(self) -> bool:
        """Whether the engine has begun with a resource of a cloud's."""
        return any(event.type.startswith("aws:") for event in self._operations.values())

    def changes(self) -> dict[str, int]:
        counted = Counter(events.OPERATIONS[event.operation] for event in self._operations.values())
        return {name: counted[name] for name in ("create", "update", "replace", "delete", "same")}

    @property
    def resources(self) -> list[events.ResourceEvent]:
        return [event for event in self._operations.values() if events.OPERATIONS[event.operation] != "same"]


def inherited() -> dict[str, str]:
    """What a process that works for the engine gets of our environment."""
    # Nor a proxy: the engine speaks to loopback alone, and gRPC would send even that through one.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FORBIDDEN) and not name.lower().endswith("_proxy")
    }


def _follow(path: Path, process: subprocess.Popen[bytes]) -> Iterator[events.Event]:
    """The events of a log that is still being written, until its process has ended and the log is read to its end."""
    while not path.exists():
        if process.poll() is not None:
            return
        time.sleep(0.02)
    with path.open() as log:
        rest = ""
        while True:
            ended = process.poll() is not None
            chunk = log.read()
            lines = (rest + chunk).split("\n")
            rest = lines.pop()
            for line in lines:
                event = events.parse(line)
                if event is not None:
                    yield event
            if ended and not chunk:
                return
            if not chunk:
                time.sleep(0.05)


def _name(entry: events.Diagnostic | events.Violation) -> str:
    return f"{entry.urn.rsplit('::', 1)[-1]}: " if entry.urn else ""
