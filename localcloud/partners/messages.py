"""A stand-in for a messaging gateway: takes e-mails and text messages, and shows them instead of sending them.

`POST /messages {channel, to, subject, text}` with an `Idempotency-Key`, whose repetition has no second effect; `GET /messages`
shows what was taken, the newest last.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class MessagesStandIn:
    """The gateway on a loopback address, as a context manager. `fail`: so many answers are lost after they had their effect."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.fail = 0
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, key: str, body: bytes) -> int:
        """Take a message; the status to answer with."""
        try:
            message = json.loads(body)
            complete = all(isinstance(message[name], str) for name in ("channel", "to", "subject", "text"))
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete or not key:
            return 400
        self.taken.setdefault(key, message)
        if self.fail:
            self.fail -= 1
            return 502
        return 202

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(owner.take(self.headers.get("Idempotency-Key", ""), body), b"{}")

            def do_GET(self) -> None:
                self._answer(200, json.dumps(list(owner.taken.values())).encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Nothing: what is shown may hold codes."""

        return Handler
