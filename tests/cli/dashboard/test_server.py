"""The console's fence: loopback, its own host names, a token; only what is meant is served."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from cli.dashboard.server import Console

from .conftest import ask, page, sample

Serve = Callable[[dict[str, Any]], Console]


def test_it_listens_on_loopback_alone(serve: Serve) -> None:
    console = serve({})
    assert console.server_address[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        with socket.socket() as one, pytest.raises(OSError):
            one.settimeout(2)
            one.connect((str(address), console.port))


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", "0.0.0.0:{port}"],
)
def test_a_name_that_was_made_to_lead_here_is_refused(serve: Serve, host: str) -> None:
    """DNS rebinding: the browser connects to us, and says whom it believes to talk with."""
    console = serve(sample())
    answer = ask(console, "/", Host=host.format(port=console.port))
    assert answer.status == 421
    assert b"wallet" not in answer.read()
    assert ask(console, "/", Host=f"localhost:{console.port}").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_others_are_refused(serve: Serve, site: str) -> None:
    console = serve(sample())
    assert ask(console, "/", Sec_Fetch_Site=site).status == 403
    assert ask(console, f"/?token={console.token}", Sec_Fetch_Site=site).status == 403


@pytest.mark.parametrize(
    "cookie", ["", "matchday-console=x", "{name}=x", "{name}={token}x", "{name}=", "=;=;\x01", "{name}=é"]
)
def test_without_the_token_nothing_is_shown(serve: Serve, cookie: str) -> None:
    console = serve(sample())
    for target in ("/", "/trace?id=12345678", "/docs/console.md", "/console.css", "/nothing"):
        given = cookie.format(name=console.cookie, token=console.token)
        answer = ask(console, target, Cookie=given.encode("utf-8").decode("latin-1"))
        assert answer.status == 403
        assert b"wallet" not in answer.read()


def test_the_printed_link_makes_the_browser_known(serve: Serve) -> None:
    console = serve(sample())
    assert console.url == f"http://127.0.0.1:{console.port}/?token={console.token}"
    answer = ask(console, f"/?token={console.token}", Cookie="")
    assert (answer.status, answer.headers["Location"]) == (303, "/"), "the token does not stay in the address"
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert ask(console, "/", Cookie=cookie.partition(";")[0]).status == 200
    assert ask(console, "/?token=another", Cookie="").status == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_no_other_method_is_known(serve: Serve, method: str) -> None:
    console = serve(sample())
    assert ask(console, "/", method).status == 501


def test_every_answer_carries_the_policy_that_runs_nothing_inline(serve: Serve) -> None:
    console = serve(sample())
    for target, cookie in (("/", None), ("/", ""), ("/nothing", None), ("/console.css", None)):
        answer = ask(console, target, **({} if cookie is None else {"Cookie": cookie}))
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert set(policy.values()) <= {"'none'", "'self'"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not answer.headers["Access-Control-Allow-Origin"]


@pytest.mark.parametrize(
    "path",
    ["/docs/../README.md", "/docs/%2e%2e/README.md", "/docs/../../etc/passwd", "/docs//etc/passwd.md", "/docs/adr", "/docs/",
     "/README.md", "/docs/runbooks/none.md", "/static/console.css", "/docs/runbooks/../../pyproject.toml"],
)  # fmt: skip
def test_only_the_documents_are_served(serve: Serve, path: str) -> None:
    assert ask(serve({}), path).status == 404


def test_a_runbook_is_a_page(serve: Serve) -> None:
    found = page(serve({}), "/docs/runbooks/wallet-ledger-discrepancy.md")
    assert "<h1>" in found and "<table>" not in found.partition("<main")[0]


def test_a_head_has_no_body(serve: Serve) -> None:
    answer = ask(serve(sample()), "/", "HEAD")
    assert answer.status == 200 and int(answer.headers["Content-Length"]) > 1000 and answer.read() == b""


def test_an_id_that_is_none_is_asked_of_nobody(serve: Serve) -> None:
    found = page(serve({}), "/trace?id=%22%20%7C%20x&hours=-1")
    assert "is no id" in found and "&#34; | x" in found


def test_a_trace_is_looked_for_where_something_runs(serve: Serve) -> None:
    assert "the platform is not running" in page(serve({}), "/trace?id=12345678")


def test_a_defect_is_said_and_ends_nothing(serve: Serve) -> None:
    console = serve({"platform": {"wrong": []}})  # no status document
    answer = ask(console, "/")
    assert answer.status == 500 and b"A defect of the console" in answer.read()
    assert ask(console, "/console.css").status == 200
