"""How commands talk to the supervisor: start it, follow what happens, ask for its state, end it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode

import httpx
import psutil

from localcloud.dataplane.control import tail
from localcloud.dataplane.control.events import Event
from localcloud.dataplane.settings import Config
from localcloud.dataplane.stores import data_stores
from localcloud.runtime import loopback
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.state import Info, StateDirectory

__all__ = ["Client", "Event", "SupervisorError", "forget", "start"]

OnEvent = Callable[[Event], None]
_START_SECONDS = 120
_STOP_SECONDS = 60
_LOG_BYTES = 2_000_000


class Client:
    """A running supervisor, seen from a command."""

    def __init__(self, state: Path, info: Info) -> None:
        self.state, self.info = state, info
        self._places = StateDirectory(state)
        self._http = loopback.client(
            base_url=info.control, headers={"Authorization": f"Bearer {info.token}"}, timeout=30
        )

    @classmethod
    def connect(cls, state: Path) -> Client:
        """The supervisor of a state directory; SupervisorError if none runs."""
        info = Info.load(state)
        if info is None or not psutil.pid_exists(info.pid):
            raise SupervisorError("supervisor", f"none is running for {state}")
        client = cls(state, info)
        client._call("GET", "/info")
        return client

    def status(self) -> dict[str, Any]:
        """Services, tasks, data stores and servers as they are now."""
        return self._call("GET", "/status")

    def alarms(self) -> list[dict[str, Any]]:
        """Every alarm that is evaluated: name, state, since, description, reason, rang (when, in the last hours)."""
        return list(self._call("GET", "/alarms")["alarms"])

    def history(self, namespace: str, statistic: str, minutes: int) -> list[dict[str, Any]]:
        """The series of a namespace: name, dimensions, points (the statistic of each of the last whole minutes, or None)."""
        words = urlencode({"namespace": namespace, "statistic": statistic, "minutes": minutes})
        return list(self._call("GET", f"/history?{words}")["series"])

    def snapshot(self) -> dict[str, Any]:
        """Have the emulator write down what it holds."""
        return self._call("POST", "/snapshot")

    def fail_over(self, database: str) -> list[dict[str, Any]]:
        """Have a standby take over from a PostgreSQL server: the steps, each with its `name` and `seconds`."""
        steps: list[dict[str, Any]] = self._call("POST", f"/fail-over?{urlencode({'database': database})}")["steps"]
        return steps

    def events(self, *, replay: bool = False) -> Iterator[Event]:
        """What happens, as it happens, until the supervisor ends."""
        return self._stream("GET", f"/events?replay={int(replay)}")

    def converge(self, timeout: float = 300) -> Iterator[Event]:
        """Bring everything in line with what is deployed now; yields what happens.

        Ends with an event of kind `converged` when all is steady; otherwise raises SupervisorError with the cause.
        """
        verdict: Event | None = None
        for event in self._stream("POST", f"/converge?timeout={timeout:g}"):
            verdict = event
            yield event
        if verdict is None or verdict.kind != "converged":
            raise SupervisorError("supervisor", "ended while it was bringing tasks up", self._places.supervisor_log)
        if verdict.state == "timeout":
            raise SupervisorError("tasks", f"not steady after {timeout:g} s: {verdict.detail}", self._failed_log())
        if verdict.state == "failed":
            raise SupervisorError("tasks", verdict.detail, self._failed_log())

    def logs(self, service: str | None = None, *, follow: bool = False) -> Iterator[tuple[str, str]]:
        """(where, line) of the tasks' logs, the newest task of each process; with `follow`, new ones as they come."""
        return tail.tail(self._places.logs, service, follow=follow)

    def stop(self, timeout: float = 120) -> None:
        """Stop everything in order, and wait until the supervisor's process is gone."""
        process = psutil.Process(self.info.pid)
        with suppress(SupervisorError):
            self._call("POST", "/stop")
        if not _ends(process, timeout):
            # Its children die with it.
            process.kill()
            _ends(process, 10)
            raise SupervisorError(
                "supervisor", f"did not stop in {timeout:g} s and was killed", self._places.supervisor_log
            )

    def _failed_log(self) -> Path | None:
        """The log of what failed: a data store that does not run, else a service's last failed task."""
        status = self.status()
        failed = [store for store in status["databases"] if store["state"] == "failed"]
        failed += [service for service in status["services"] if service["rollout"] != "COMPLETED" and service["log"]]
        return Path(failed[0]["log"]) if failed else None

    def _call(self, method: str, path: str) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, timeout=180)
        except httpx.HTTPError as error:
            raise SupervisorError(
                "supervisor", f"process {self.info.pid} does not answer: {error}", self._places.supervisor_log
            ) from error
        content: dict[str, Any] = answer.json()
        if answer.is_error:
            raise SupervisorError("supervisor", content["error"])
        return content

    def _stream(self, method: str, path: str) -> Iterator[Event]:
        with suppress(httpx.TransportError), self._http.stream(method, path, timeout=None) as answer:
            if answer.is_error:
                raise SupervisorError("supervisor", answer.read().decode())
            for line in answer.iter_lines():
                yield Event.parse(line)


def start(config: Config, on_event: OnEvent = lambda _: None) -> Client:
    """Start the supervisor in the background and wait until it is ready, telling what happens.

    One that runs already with the same configuration is used as it is.
    """
    if running := _running(config.state):
        if running.info.arguments != config.argv():
            raise SupervisorError(
                "supervisor",
                f"process {running.info.pid} runs with other arguments: {' '.join(running.info.arguments)}",
            )
        return _wait(running, on_event) or _gone(config.state)
    config.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = config.places.supervisor_log
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name("supervisor.log.1"))
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud.dataplane", *config.argv()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if (status := process.poll()) is not None:
            return _gone(config.state, log, before, status)
        info = Info.load(config.state)
        if info and info.pid == process.pid:
            try:
                client = _wait(Client(config.state, info), on_event)
            except SupervisorError:
                process.wait(_STOP_SECONDS)
                raise
            return client or _gone(config.state, log, before, process.wait(_STOP_SECONDS))
        time.sleep(0.05)
    process.kill()
    raise SupervisorError("supervisor", f"did not start in {_START_SECONDS} s", log)


def forget(state: Path) -> None:
    """Delete all data of a state directory whose supervisor is stopped, also what is kept outside of it."""
    if running := _running(state):
        raise SupervisorError("supervisor", f"process {running.info.pid} is running: stop it first")
    data_stores.forget(state)
    places = StateDirectory(state)
    for directory in (places.emulator, places.provider, places.logs, places.ingress, places.tasks):
        shutil.rmtree(directory, ignore_errors=True)


def _ends(process: psutil.Process, timeout: float) -> bool:
    """Whether a process is over in time; one that its parent has not taken note of (a container's first process may not) is."""
    deadline = time.monotonic() + timeout
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


def _running(state: Path) -> Client | None:
    try:
        return Client.connect(state)
    except SupervisorError:
        return None


def _wait(client: Client, on_event: OnEvent) -> Client | None:
    """Follow a supervisor's start to its end; None if it fell silent."""
    for event in client.events(replay=True):
        on_event(event)
        if event.kind == "supervisor" and event.state == "ready":
            return Client.connect(client.state)
        if event.kind == "supervisor" and event.state == "failed":
            raise SupervisorError("local cloud", event.detail)
    return None


def _gone(state: Path, log: Path | None = None, before: int = 0, status: int | None = None) -> NoReturn:
    """Say why a supervisor ended: by what it has written to its log since."""
    log = log or StateDirectory(state).supervisor_log
    with log.open("rb") as file:
        file.seek(before)
        output = file.read().decode(errors="replace").strip() if status is not None else ""
    raise SupervisorError("supervisor", output or f"ended while it was starting, with status {status}")


def _environment() -> dict[str, str]:
    """Ours without what could lead to a real account or past loopback."""
    unwanted = ("AWS_", "BOTO", "MOTO_", "PULUMI_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(unwanted) and not name.lower().endswith("_proxy")
    }
