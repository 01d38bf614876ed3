"""The page's only buttons: a drill is begun by a form of ours alone, one at a time, and what it said is shown."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from cli import drills
from cli.dashboard.exercises import CHOICES, Exercises
from cli.dashboard.server import Console

from .conftest import page, post, sample

Serve = Callable[[dict[str, Any]], Console]

DOCUMENT = {
    "ok": True, "wrong": [], "lost": {"measured": 0.0, "stated": 300.0}, "still": {"measured": 1.5, "stated": 120.0},
}  # fmt: skip


def finished(stdout: str = "", stderr: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, stdout, stderr)


def ended(console: Console) -> str:
    """The page once no drill runs any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("drill "):
            thread.join(60)
    return page(console)


def test_the_buttons_are_the_commands_choices() -> None:
    assert list(CHOICES) == list(drills.DRILLS)


def test_a_drill_runs_once_at_a_time_and_its_result_is_shown(serve: Serve) -> None:
    console, go, begun = serve(sample()), threading.Event(), []

    def run(what: str) -> subprocess.CompletedProcess[str]:
        begun.append(what)
        go.wait(60)
        return finished(json.dumps(DOCUMENT))

    console.exercises = Exercises(run)
    assert "Drill: restore" in page(console)
    form = {"token": console.form_token, "what": "restore"}
    answer = post(console, form)
    assert (answer.status, answer.headers["Location"]) == (303, "/#drills")
    assert "<b>restore</b> runs since" in page(console) and "Drill: restore" not in page(console)
    assert post(console, form | {"what": "failover"}).status == 409
    go.set()
    assert "restore of" in ended(console) and "went well: 0 s of commits lost (promised at most 300)" in ended(console)
    assert begun == ["restore"]


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (finished(json.dumps(DOCUMENT | {"ok": False, "wrong": ["wallet: <b>"]})), "wallet: &lt;b&gt;"),
        (
            finished(stderr="error: the platform is not running", code=1),
            "did not begin: error: the platform is not running",
        ),
        (finished(code=-9), "ended with -9"),
    ],
)
def test_a_drill_that_fails_says_why(serve: Serve, done: subprocess.CompletedProcess[str], words: str) -> None:
    console = serve(sample())
    console.exercises = Exercises(lambda _: done)
    assert post(console, {"token": console.form_token, "what": "promote"}).status == 303
    assert words in ended(console)


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ({"what": "restore"}, {}, 403),
        ({"what": "restore", "token": "x"}, {}, 403),
        ({"what": "format", "token": "{token}"}, {}, 404),
        ({"token": "{token}"}, {}, 404),
        ({"what": "restore", "token": "{token}"}, {"Cookie": ""}, 403),
        ({"what": "restore", "token": "{token}"}, {"Host": "evil.example"}, 421),
        ({"what": "restore", "token": "{token}"}, {"Origin": "http://evil.example"}, 403),
        ({"what": "restore", "token": "{token}"}, {"Origin": "null"}, 403),
        ({"what": "restore", "token": "{token}"}, {"Sec_Fetch_Site": "cross-site"}, 403),
        ({"what": "restore", "token": "{token}"}, {"Sec_Fetch_Site": "none"}, 403),
        ({"what": "restore", "token": "{token}", "more": "x" * 5000}, {}, 413),
        ({"what": "restore", "token": "{token}"}, {"Content_Length": "-1"}, 413),
        ({"what": "restore", "token": "{token}"}, {"Content_Length": "many"}, 413),
    ],
)
def test_nobody_else_begins_one(serve: Serve, form: dict[str, str], headers: dict[str, str], status: int) -> None:
    console, begun = serve(sample()), []
    console.exercises = Exercises(lambda what: begun.append(what) or finished())  # type: ignore[func-returns-value]
    form = {name: value.format(token=console.form_token) for name, value in form.items()}
    assert post(console, form, **headers).status == status
    assert begun == []


def test_nothing_but_a_drill_is_begun_and_never_by_a_get(serve: Serve) -> None:
    console, begun = serve(sample()), []
    console.exercises = Exercises(lambda what: begun.append(what) or finished())  # type: ignore[func-returns-value]
    form = {"token": console.form_token, "what": "restore"}
    for target in ("/", "/trace", "/drills/restore"):
        assert post(console, form, target=target).status == 404
    page_of = page(console, f"/trace?{urlencode(form)}")
    assert page_of and begun == []
