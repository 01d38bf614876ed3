"""GitHub's issues and signed identities over HTTP, as its REST API documents them: what the workflows' scripts ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"
TOKEN = "secret-token"


class Server(ThreadingHTTPServer):
    """The issues of `own/platform`; `asked` are the requests that change something."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issues: list[dict[str, Any]] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What GitHub Actions sets for a job that may write issues."""
        return {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "own/platform", "GITHUB_API_URL": self.url}

    def opened(self, login: str, title: str, body: str, **more: Any) -> dict[str, Any]:
        number = len(self.issues) + 1
        kept = {"number": number, "title": title, "body": body, "state": "open", "user": {"login": login}, **more}
        self.issues.append({**kept, "html_url": f"http://github.test/i/{number}"})
        return self.issues[-1]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/identity":
            assert query == {"api-version": "2.0", "audience": "sts.amazonaws.com"}
            return self.answer(200, {"count": 1, "value": "the.signed.identity"})
        assert asked.path == "/repos/own/platform/issues"
        found = [
            issue
            for issue in self.server.issues
            if issue["state"] == query["state"] and issue["user"]["login"] == query["creator"]
        ]
        start = (int(query["page"]) - 1) * int(query["per_page"])
        return self.answer(200, found[start : start + int(query["per_page"])])

    def do_POST(self) -> None:
        given = self.given()
        self.answer(201, self.server.opened(BOT, given["title"], given["body"]))

    def do_PATCH(self) -> None:
        issue = self.server.issues[int(self.path.rpartition("/")[2]) - 1]
        issue.update(self.given())
        self.answer(200, issue)

    def given(self) -> dict[str, Any]:
        self.server.asked.append(self.command)
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        return body

    def answer(self, code: int, content: Any) -> None:
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            code, content = 401, {"message": "Bad credentials"}
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def github() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
