"""Posting the comment: one, in place, whatever GitHub answers; the stand-in speaks HTTP and keeps comments as GitHub does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.comment import LIMIT, MARKER

pytestmark = pytest.mark.process

PROJECT = Path(__file__).resolve().parents[2]
BOT = "github-actions[bot]"


class GitHub(ThreadingHTTPServer):
    """The comments of one pull request; `faults` are done to the next requests that write, one each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.asked: list[str] = []

    def say(self, login: str, body: str) -> dict[str, Any]:
        number = len(self.comments) + 1
        kept = {"id": number, "user": {"login": login}, "body": body, "html_url": f"http://github.test/c/{number}"}
        self.comments.append(kept)
        return kept


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        assert asked.path == "/repos/own/platform/issues/7/comments"
        query = {name: int(values[0]) for name, values in parse_qs(asked.query).items()}
        start = (query["page"] - 1) * query["per_page"]
        self.answer(200, self.server.comments[start : start + query["per_page"]])

    def do_POST(self) -> None:
        self.write(lambda body: self.server.say(BOT, body), 201)

    def do_PATCH(self) -> None:
        kept = self.server.comments[int(self.path.rsplit("/", 1)[1]) - 1]

        def changed(body: str) -> dict[str, Any]:
            kept["body"] = body
            return kept

        self.write(changed, 200)

    def write(self, effect: Any, code: int) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))["body"]
        self.server.asked.append(self.command)
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if self.headers["authorization"] != "Bearer secret-token":
            return self.answer(401, {"message": "Bad credentials"})
        if fault == "later":
            return self.answer(403, {"message": "secondary rate limit"}, **{"Retry-After": "0"})
        if fault == "refused":
            return self.answer(403, {"message": "Resource not accessible by integration"})
        if len(body) > LIMIT:
            return self.answer(422, {"message": f"body is too long (maximum is {LIMIT} characters)"})
        kept = effect(body)
        if fault == "cut":  # done, but nobody is told
            self.close_connection = True
            return self.connection.close()
        return self.answer(502, "<html>") if fault == "502 after the effect" else self.answer(code, kept)

    def answer(self, code: int, document: Any, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(github: GitHub, body: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "comment.md"
    file.write_text(body)
    return subprocess.run(
        [sys.executable, "-m", "scripts.ci.post_comment", str(file), "7"],
        cwd=PROJECT,
        env={
            "GITHUB_TOKEN": "secret-token", "GITHUB_REPOSITORY": "own/platform",
            "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}", **environment,
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_one_comment_is_kept_up_to_date_and_nobody_elses_is_touched(github: GitHub, tmp_path: Path) -> None:
    github.say("mallory", f"{MARKER}\nmine")
    for number in range(150):
        github.say("somebody", f"remark {number}")
    first = post(github, f"{MARKER}\none", tmp_path)
    assert (first.returncode, first.stdout) == (0, "http://github.test/c/152\n"), first.stderr
    assert post(github, f"{MARKER}\ntwo", tmp_path).stdout == first.stdout
    assert post(github, f"{MARKER}\ntwo", tmp_path).returncode == 0
    assert [kept["body"] for kept in github.comments if kept["user"]["login"] == BOT] == [f"{MARKER}\ntwo"]
    assert github.comments[0]["body"] == f"{MARKER}\nmine"
    assert github.asked == ["POST", "PATCH"]  # the third changes nothing


@pytest.mark.parametrize("faults", [["cut"], ["502 after the effect"], ["later", "cut"]], ids=str)
def test_a_lost_answer_never_makes_a_second_comment(github: GitHub, tmp_path: Path, faults: list[str]) -> None:
    github.faults = list(faults)
    done = post(github, f"{MARKER}\none", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [kept["body"] for kept in github.comments] == [f"{MARKER}\none"]


def test_what_github_refuses_is_said_and_its_token_is_not(github: GitHub, tmp_path: Path) -> None:
    github.faults = ["refused"]
    for done in (post(github, MARKER, tmp_path), post(github, MARKER + "x" * LIMIT, tmp_path)):
        assert done.returncode == 1 and done.stderr.startswith("error: GitHub refused: POST"), done.stderr
        assert "secret-token" not in done.stderr
    assert not github.comments
    missing = post(github, MARKER, tmp_path, GITHUB_TOKEN="")
    assert missing.returncode == 2 and "GITHUB_TOKEN" in missing.stderr
    foreign = post(github, "hello", tmp_path)
    assert foreign.returncode == 2 and "is no comment" in foreign.stderr
