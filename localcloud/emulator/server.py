"""The emulator's HTTP server: moto's application, plus `/_matchday/health` and `/_matchday/snapshot`."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from localcloud.emulator import patches, snapshot

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Gate:
    """Lets requests through together, and a snapshot alone: what is written is one moment's state."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            self._changed.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()


class Emulator:
    """WSGI application: moto behind a gate, and the two endpoints of our own."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._gate = Gate()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.loaded = self._load()

    def _load(self) -> str:
        if not self._file.exists():
            return "none"
        try:
            snapshot.load(self._file)
        except snapshot.SnapshotRefused as refusal:
            return f"refused: {refusal}"
        return "loaded"

    def save(self) -> None:
        """Write the snapshot file."""
        with self._gate.alone():
            snapshot.save(self._file)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if request == ("GET", "/_matchday/health"):
            return _answer(start_response, "200 OK", {"snapshot": self.loaded})
        if request == ("POST", "/_matchday/snapshot"):
            try:
                self.save()
            except Exception as error:  # told to the caller; the emulator goes on
                return _answer(
                    start_response, "500 Internal Server Error", {"error": f"{type(error).__name__}: {error}"}
                )
            return _answer(start_response, "200 OK", {"file": str(self._file), "bytes": self._file.stat().st_size})
        with self._gate.request():
            answer: Iterable[bytes] = list(self._moto(environ, start_response))
        return answer


def _answer(start_response: StartResponse, status: str, content: dict[str, Any]) -> list[bytes]:
    body = json.dumps(content).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class _QuietHandler(MotoRequestHandler):
    """moto's handler without a log line per request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def serve(host: str, port: int, file: Path) -> int:
    """Serve until SIGTERM or SIGINT, then write the snapshot."""
    patches.apply()
    emulator = Emulator(file)
    server = make_server(host, port, emulator, threaded=True, request_handler=_QuietHandler)

    def stop(_signal: int, _frame: Any) -> None:
        threading.Thread(target=server.shutdown).start()  # shutdown() waits for the loop that this thread runs

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(server.port, flush=True)  # noqa: T201 - the contract: first line of standard output
    server.serve_forever()
    emulator.save()
    return 0
