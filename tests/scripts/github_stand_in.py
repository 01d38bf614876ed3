"""GitHub's issues, pull requests, comments and signed identities, as its REST API documents them: what the scripts ask."""

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
    """The issues, pull requests (by number) and comments of `own/platform`; `asked` are the requests that change something."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issues: list[dict[str, Any]] = []
        self.pulls: dict[int, dict[str, Any]] = {}
        self.comments: list[dict[str, Any]] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What GitHub Actions sets for a job that may write issues."""
        return {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "own/platform", "GITHUB_API_URL": self.url}

    def pull(self, number: int, *labels: str, state: str = "open", repository: str = "own/platform") -> None:
        """A pull request is as given from now on."""
        self.pulls[number] = {
            "number": number,
            "state": state,
            "labels": [{"name": label} for label in labels],
            "head": {"sha": f"{number:040x}", "repo": {"full_name": repository}},
        }

    def said(self, number: int) -> list[str]:
        """The texts of a pull request's comments."""
        return [comment["body"] for comment in self.comments if comment["pull"] == number]

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
        _, _, what = asked.path.partition("/repos/own/platform/")
        match what.split("/"):
            case ["pulls", number]:
                pull = self.server.pulls.get(int(number))
                return self.answer(200, pull) if pull else self.answer(404, {"message": "Not Found"})
            case ["issues", number, "comments"]:
                return self.answer(200, [each for each in self.server.comments if each["pull"] == int(number)])
        assert what == "issues"
        found = [
            issue
            for issue in self.server.issues
            if issue["state"] == query["state"] and issue["user"]["login"] == query["creator"]
        ]
        start = (int(query["page"]) - 1) * int(query["per_page"])
        return self.answer(200, found[start : start + int(query["per_page"])])

    def do_POST(self) -> None:
        given = self.given()
        if not self.path.endswith("/comments"):
            return self.answer(201, self.server.opened(BOT, given["title"], given["body"]))
        number, pull = len(self.server.comments) + 1, int(self.path.split("/")[-2])
        kept = {"id": number, "pull": pull, "user": {"login": BOT}, **given}
        self.server.comments.append({**kept, "html_url": f"http://github.test/c/{number}"})
        return self.answer(201, self.server.comments[-1])

    def do_PATCH(self) -> None:
        held = self.server.comments if "/issues/comments/" in self.path else self.server.issues
        found = held[int(self.path.rpartition("/")[2]) - 1]
        found.update(self.given())
        self.answer(200, found)

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
