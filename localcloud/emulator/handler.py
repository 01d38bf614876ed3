"""How the emulator speaks HTTP: connections stay open, and an answer is sent whole.

werkzeug's handler closes each connection, so that a request costs a connection, a thread and a look at what the client may
still have sent. Here the application has read a request's body before it answers, so the next request can follow.
"""

from __future__ import annotations

import traceback
from http.client import HTTPMessage
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import InternalServerError

_BODILESS = ("204", "304")
_LONGEST_LINE, _MOST_HEADERS = 65536, 200


class Handler(MotoRequestHandler):
    """Serves one connection; moto's handler says what of a request the application sees."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def parse_request(self) -> bool:
        """The request line and headers; False, and an answer that says so, for what is no request."""
        self.close_connection, self.command, self.request_version = True, "", "HTTP/1.1"
        self.requestline = self.raw_requestline.decode("latin-1").rstrip("\r\n")
        words = self.requestline.split()
        if not words:
            return False
        if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            self.send_error(400, f"Bad request line ({self.requestline!r})")
            return False
        self.command, self.path, self.request_version = words
        self.headers = HTTPMessage()
        for _ in range(_MOST_HEADERS):
            line = self.rfile.readline(_LONGEST_LINE)
            if line in (b"\r\n", b"\n", b""):
                break
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not line.endswith(b"\n"):
                self.send_error(400, "Bad header")
                return False
            self.headers[name] = value.strip()
        else:
            self.send_error(431, "Too many headers")
            return False
        kept = self.headers.get("Connection", "keep-alive" if words[2] == "HTTP/1.1" else "close")
        self.close_connection = kept.lower() != "keep-alive"
        return True

    def run_wsgi(self) -> None:
        """Answer one request."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.environ = environ = self.make_environ()
        unread = environ["wsgi.input"]
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            head[:] = [status, headers]

        try:
            content = b"".join(self.server.app(environ, start_response))
        except Exception:
            self.close_connection = True
            self.server.log("error", f"Error on request:\n{traceback.format_exc()}")
            content = b"".join(InternalServerError()(environ, start_response))
        if unread is environ["wsgi.input"] and self.headers.get("Content-Length", "0") != "0":
            self.close_connection = True  # whoever answered did not look at the body
        status, headers = head
        lines = [f"HTTP/1.1 {status}", f"Server: {self.version_string()}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines.append(f"Connection: {'close' if self.close_connection else 'keep-alive'}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError(f"a header of the answer to {self.requestline} has a line break in it")
        if self.command == "HEAD" or status[:3] in _BODILESS:
            content = b""
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No line for each request."""
