"""The emulator's HTTP server: moto's application, plus `/_matchday/health` and `/_matchday/snapshot`."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from localcloud.emulator import draws, patches, requests
from localcloud.emulator.authorization import gate
from localcloud.emulator.handler import Handler
from localcloud.emulator.journal import Entry
from localcloud.emulator.keeper import Keeper

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

#: Bytes of journal after which a snapshot takes its place: replaying one takes seconds per megabyte.
_LONGEST_JOURNAL = 16 * 2**20


class Emulator:
    """WSGI application: moto, what keeps its state (`file`; None keeps nothing), and the endpoints of our own.

    Requests run one at a time, in the order in which the journal holds what they changed: a list that moto makes while
    another thread adds to it is an error. moto is one interpreter, so that costs nothing. One that sleeps (a long poll)
    lets the others by.
    """

    def __init__(self, file: Path | None) -> None:
        self._order = threading.Lock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        #: Another pair when what is deployed may be other than before: of this process, and how often it was written to.
        self._deployed: tuple[str, int] = (secrets.token_hex(8), 0)
        self._keeper = Keeper(file) if file else None
        if self._keeper:
            clock = draws.Clock()
            with clock.rules():
                self._keeper.open(lambda entry: self._repeat(entry, clock))

    def save(self) -> None:
        """Write the snapshot file."""
        if self._keeper:
            with self._order:
                self._keeper.save()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if request == ("GET", "/_matchday/health"):
            return _answer(start_response, "200 OK", self._health())
        if request == ("POST", "/_matchday/snapshot"):
            try:
                self.save()
            except Exception as error:  # told to the caller; the emulator goes on
                return _answer(
                    start_response, "500 Internal Server Error", {"error": f"{type(error).__name__}: {error}"}
                )
            return _answer(start_response, "200 OK", self._health())
        body = requests.take_body(environ)
        if task := gate.signed_by_a_task(environ):
            with self._order:
                refusal = gate.refused(task, environ, body)
            if refusal:
                return _raw(start_response, *refusal)
        if self._keeper is None or not requests.may_change(environ, body):
            drawn = draws.Draws()
            with self._turn(drawn):
                status, headers, answer = self._ask(environ, drawn)
            return _sent(start_response, status, headers, answer)
        try:
            return self._change(self._keeper, environ, body, start_response)
        except OSError as error:
            cause = f"the emulator's journal cannot be written: {error.strerror or error}"
            return _answer(start_response, "507 Insufficient Storage", {"error": cause, "message": cause})

    def _health(self) -> dict[str, Any]:
        if self._keeper is None:
            return {"snapshot": "none", "notes": []}
        keeper = self._keeper
        position = {"generation": keeper.generation, "offset": keeper.journal.size}
        state = {"snapshot": keeper.loaded, "notes": keeper.notes, "file": str(keeper.file)}
        return {**state, "position": position, "deployed": self._deployed}

    def _change(
        self, keeper: Keeper, environ: dict[str, Any], body: bytes, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request that may change something once what it did is on disk."""
        seen = requests.recorded(environ)  # before moto reads and changes it
        drawn = draws.Draws()
        with self._turn(drawn):
            if keeper.journal.broken:  # the disk did not take a write: nothing changes before a snapshot stands
                keeper.save()
                drawn.time = draws.now()
            status, headers, answer = self._ask(environ, drawn)
            journal = keeper.journal
            size = 0
            if status < 400 and not requests.without_effect(seen, answer):
                process, count = self._deployed
                self._deployed = (process, count + (not requests.uses_only(seen, body)))
                origin = requests.origin(environ)
                size = journal.append(
                    Entry(
                        origin=origin, time=drawn.time, seed=drawn.seed.hex(), keys=drawn.keys, environ=seen, body=body
                    )
                )
        if size:
            journal.wait(size)
            if size > _LONGEST_JOURNAL and journal is keeper.journal and not journal.engine_wrote:
                self.save()
        return _sent(start_response, status, headers, answer)

    @contextlib.contextmanager
    def _turn(self, drawn: draws.Draws) -> Iterator[None]:
        """Alone with moto, but while the request sleeps."""

        def sleep(seconds: float) -> None:
            self._order.release()
            try:
                draws.wait(seconds)
            finally:
                self._order.acquire()
                drawn.time = draws.now()

        with self._order:
            drawn.sleep = sleep
            drawn.time = draws.now()
            yield

    def _repeat(self, entry: Entry, clock: draws.Clock) -> int:
        clock.set(entry.time)
        drawn = draws.Draws(bytes.fromhex(entry.seed), entry.keys)
        drawn.sleep = clock.sleep
        self._moto.get_application(requests.rebuilt(entry.environ, entry.body))  # imports what will answer
        clock.reach()
        status, _, _ = self._ask(requests.rebuilt(entry.environ, entry.body), drawn)
        return status

    def _ask(self, environ: dict[str, Any], drawn: draws.Draws) -> tuple[int, list[tuple[str, str]], list[bytes]]:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            head[:] = [int(status.split()[0]), headers]

        # The first request to a service imports it and makes its application: what that draws is not the request's.
        application = self._moto.get_application(environ)
        with draws.using(drawn):
            answer = list(application(environ, start_response))
        return head[0], head[1], answer


def _sent(
    start_response: StartResponse, status: int, headers: list[tuple[str, str]], answer: list[bytes]
) -> list[bytes]:
    if status not in (204, 304) and not any(name.lower() == "content-length" for name, _ in headers):
        # Without it nobody can tell an answer that was cut off (localcloud.runtime.aws).
        headers = [*headers, ("Content-Length", str(sum(map(len, answer))))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return answer


def _answer(start_response: StartResponse, status: str, content: dict[str, Any]) -> list[bytes]:
    return _raw(start_response, status, {"Content-Type": "application/json"}, json.dumps(content).encode())


def _raw(start_response: StartResponse, status: str, headers: dict[str, str], body: bytes) -> list[bytes]:
    start_response(status, [*headers.items(), ("Content-Length", str(len(body)))])
    return [body]


def serve(host: str, port: int, file: Path | None, listening: socket.socket | None) -> int:
    """Serve until SIGTERM or SIGINT, then write the snapshot; the exit status. `listening`: a socket that is open already."""
    draws.install()
    patches.apply()
    emulator = Emulator(file)
    fd = listening.fileno() if listening else None
    server = make_server(host, port, emulator, threaded=True, request_handler=Handler, fd=fd)

    def stop(_signal: int, _frame: Any) -> None:
        threading.Thread(target=server.shutdown).start()  # shutdown() waits for the loop that this thread runs
        with contextlib.suppress(OSError):  # which looks up twice a second, and when somebody knocks
            socket.create_connection((host, server.port), timeout=1).close()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(server.port, flush=True)  # noqa: T201 - the contract: first line of standard output
    server.serve_forever()
    try:
        emulator.save()
    except OSError as error:
        # Nothing is lost: the journal holds what the snapshot would.
        print(f"localcloud.emulator: no snapshot was written: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0
