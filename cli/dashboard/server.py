"""Serves the console on loopback: the fence that each request has to pass, and which page answers what.

Whoever reads it is the one that started it: a link with a token sets a cookie, and nothing is shown without. A page of another
site can neither read it (same-origin, no CORS), nor by a name of its own that leads here (the Host header), nor frame it.
Nothing can be changed: there is no method but GET and HEAD.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cli.dashboard import pages
from cli.dashboard.board import Board

HOST = "127.0.0.1"

#: A client that says nothing for so many seconds is gone.
IDLE_SECONDS = 30

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


class Console(ThreadingTCPServer):
    """The console's server. `url` has the token in it: it is for whoever started the command."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, port: int, board: Board) -> None:
        super().__init__((HOST, port), _Handler)
        self.board = board
        self.token = secrets.token_urlsafe(24)
        self.port = int(self.server_address[1])
        self.url = f"http://{HOST}:{self.port}/?token={self.token}"
        self.hosts = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        #: Cookies know no ports: two clones' consoles have cookies of different names.
        self.cookie = f"matchday-console-{self.port}"

    def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET."""
        if headers.get("Host") not in self.hosts:
            return _refused(HTTPStatus.MISDIRECTED_REQUEST, f"Accepted hosts: {', '.join(sorted(self.hosts))}.")
        if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return _refused(HTTPStatus.FORBIDDEN, "The console is not for other sites' pages.")
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if "token" in query and self._known(query["token"]):
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            return Answer(b"", status=HTTPStatus.SEE_OTHER, headers={"Location": "/", "Set-Cookie": cookie})
        if not self._known(_cookie(headers.get("Cookie", ""), self.cookie)):
            return _refused(HTTPStatus.FORBIDDEN, "Open the link that `matchday dashboard` has printed.")
        return self._page(url.path, query)

    def _page(self, path: str, query: Mapping[str, str]) -> Answer:
        if path == "/":
            return Answer(pages.index(self.board.look(pages.AT_ONCE, patience=2)).encode())
        if path == "/trace":
            return Answer(pages.trace(query.get("id", "").strip(), query.get("hours", "")).encode())
        if path in pages.STATIC:
            kind, content = pages.STATIC[path]
            return Answer(content, kind)
        if (document := pages.document(path)) is not None:
            return Answer(document.encode())
        return _refused(
            HTTPStatus.NOT_FOUND, f"There is no {path} here: the page, /trace, and the documents below /docs/."
        )

    def _known(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())


class _Handler(BaseHTTPRequestHandler):
    server: Console
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        try:
            answer = self.server.answer(self.path, self.headers)  # type: ignore[arg-type] # a Message is a mapping of headers
        except Exception as error:  # a defect of ours; the page that asks every few seconds goes on
            answer = _refused(
                HTTPStatus.INTERNAL_SERVER_ERROR, f"A defect of the console: {type(error).__name__}: {error}"
            )
        self.send_response(answer.status)
        for name, value in {**HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET

    def version_string(self) -> str:
        """What `Server` says: not which Python this is."""
        return "matchday"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 # the base class's name
        """Nothing: the terminal is for what the person who started it has to know."""


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _refused(status: HTTPStatus, sentence: str) -> Answer:
    return Answer(pages.refusal(status.phrase, sentence).encode(), status=status)
