"""Serves the console on loopback: the fence that each request has to pass, and which page answers what.

Whoever reads it is the one that started it: a link with a token sets a cookie, and nothing is shown without. A page of another
site can neither read it (same-origin, no CORS), nor by a name of its own that leads here (the Host header), nor frame it.
No GET changes anything. The one POST begins a drill, and only from a form of the page, which has a second token in it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cli.dashboard import pages
from cli.dashboard.board import Board
from cli.dashboard.exercises import CHOICES, Exercises

HOST = "127.0.0.1"

#: A client that says nothing for so many seconds is gone.
IDLE_SECONDS = 30

#: A form of the page is shorter.
FORM_BYTES = 1024

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
        self.exercises = Exercises()
        self.token, self.form_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.port = int(self.server_address[1])
        self.url = f"http://{HOST}:{self.port}/?token={self.token}"
        self.hosts = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        #: Cookies know no ports: two clones' consoles have cookies of different names.
        self.cookie = f"matchday-console-{self.port}"

    def get(self, target: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET."""
        if refused := self._fence(headers, ("same-origin", "none")):
            return refused
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if "token" in query and _equal(query["token"], self.token):
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            return Answer(b"", status=HTTPStatus.SEE_OTHER, headers={"Location": "/", "Set-Cookie": cookie})
        return self._unknown(headers) or self._page(url.path, query)

    def post(self, target: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        """The answer to a form of the page: a drill is begun."""
        if refused := self._fence(headers, ("same-origin",)) or self._unknown(headers):
            return refused
        origin = headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return _refused(HTTPStatus.FORBIDDEN, "The form is not of this page.")
        if target != "/drills":
            return _refused(HTTPStatus.NOT_FOUND, f"There is nothing to be done at {target}.")
        if not _equal(form.get("token", ""), self.form_token):
            return _refused(HTTPStatus.FORBIDDEN, "The form is not of this page, or of an earlier console: reload it.")
        if form.get("what") not in CHOICES:
            return _refused(HTTPStatus.NOT_FOUND, f"Drills are {', '.join(CHOICES)}.")
        if not self.exercises.start(form["what"]):
            return _refused(HTTPStatus.CONFLICT, "A drill is under way; one at a time.")
        return Answer(b"", status=HTTPStatus.SEE_OTHER, headers={"Location": "/#drills"})

    def _fence(self, headers: Mapping[str, str], sites: Sequence[str]) -> Answer | None:
        """The refusal of a request that was led here by somebody else's page or name."""
        if headers.get("Host") not in self.hosts:
            return _refused(HTTPStatus.MISDIRECTED_REQUEST, f"Accepted hosts: {', '.join(sorted(self.hosts))}.")
        if headers.get("Sec-Fetch-Site", sites[0]) not in sites:
            return _refused(HTTPStatus.FORBIDDEN, "The console is not for other sites' pages.")
        return None

    def _unknown(self, headers: Mapping[str, str]) -> Answer | None:
        """The refusal of a browser that did not open the printed link."""
        if _equal(_cookie(headers.get("Cookie", ""), self.cookie), self.token):
            return None
        return _refused(HTTPStatus.FORBIDDEN, "Open the link that `matchday dashboard` has printed.")

    def _page(self, path: str, query: Mapping[str, str]) -> Answer:
        if path == "/":
            readings = self.board.look(pages.AT_ONCE, patience=2)
            return Answer(pages.index(readings, self.exercises.last, self.form_token).encode())
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


class _Handler(BaseHTTPRequestHandler):
    server: Console
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer(lambda headers: self.server.get(self.path, headers))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > FORM_BYTES:
            self.close_connection = True
            self._answer(
                lambda _: _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form has at most {FORM_BYTES} bytes.")
            )
            return
        form = dict(parse_qsl(self.rfile.read(int(length)).decode("ascii", "replace")))
        self._answer(lambda headers: self.server.post(self.path, headers, form))

    def _answer(self, ask: Callable[[Mapping[str, str]], Answer]) -> None:
        try:
            answer = ask(self.headers)  # type: ignore[arg-type] # a Message is a mapping of headers
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


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _refused(status: HTTPStatus, sentence: str) -> Answer:
    return Answer(pages.refusal(status.phrase, sentence).encode(), status=status)
