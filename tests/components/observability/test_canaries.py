"""Canaries: their code run against a server on this machine, in the archive that Synthetics gets; their role and alarms."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from components.base import Component
from components.data.bucket import Bucket, BucketArgs
from components.observability.canaries import JOURNEYS, RUNS, Canaries, CanariesArgs, packed
from components.observability.signals import MissingData, Severity
from tests.components.conftest import ACCOUNT, Lint, Recorded, lint
from tests.components.examples import Example

__all__ = ["lint"]  # a fixture

Run = Callable[..., Recorded]
KEY = f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/data"
Answer = tuple[int, str, str]
GOOD: Mapping[str, Answer] = {
    "/": (200, "text/html; charset=utf-8", "<!doctype html>"),
    "/auth/.well-known/jwks.json": (200, "application/json", '{"keys": [{"kid": "1"}]}'),
    "/auth/login": (401, "application/problem+json", '{"code": "credentials_wrong"}'),
}


class _Platform(BaseHTTPRequestHandler):
    answers: ClassVar[Mapping[str, Answer]] = GOOD
    asked: ClassVar[list[tuple[str, str, bytes]]] = []

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        status, kind, text = self.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = _answer

    def log_message(self, *_: Any) -> None:
        """Nothing to standard error."""


Platform = Callable[[Mapping[str, Answer]], list[tuple[str, str, bytes]]]


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """`platform(answers)`: a server that gives them, found by URL; what was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Platform)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("URL", f"http://127.0.0.1:{server.server_port}")

    def begin(answers: Mapping[str, Answer]) -> list[tuple[str, str, bytes]]:
        _Platform.answers, _Platform.asked = answers, []
        return _Platform.asked

    yield begin
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def handlers() -> dict[str, Callable[[Any, Any], str]]:
    """The functions of the file in the archive, which is all that Lambda has."""
    with zipfile.ZipFile(io.BytesIO(packed())) as archive:
        (name,) = archive.namelist()
        code = archive.read(name)
    assert name == "python/canary_code.py"
    space: dict[str, Any] = {"__name__": "canary_code"}
    exec(compile(code, name, "exec"), space)
    return {journey: space[function] for journey, function in JOURNEYS.items()}


def test_a_platform_that_answers_as_it_should_is_fine(
    platform: Platform, handlers: dict[str, Callable[[Any, Any], str]]
) -> None:
    asked = platform(GOOD)
    for handler in handlers.values():
        handler({}, None)
    assert [(method, path) for method, path, _ in asked] == [
        ("GET", "/"),
        ("GET", "/auth/.well-known/jwks.json"),
        ("POST", "/auth/login"),
    ]
    sent = json.loads(asked[-1][2])
    assert set(sent) == {"email", "password"} and sent["email"].endswith("@example.com")


@pytest.mark.parametrize(
    ("journey", "path", "answer", "sentence"),
    [
        ("read", "/", (200, "application/json", "{}"), "expected a page"),
        ("read", "/", (403, "application/xml", "<Error/>"), "403"),
        ("read", "/auth/.well-known/jwks.json", (200, "application/json", '{"keys": []}'), "no key"),
        ("read", "/auth/.well-known/jwks.json", (503, "application/json", "{}"), "503"),
        (
            "log-in",
            "/auth/login",
            (200, "application/json", '{"access_token": "x"}'),
            "let in somebody who does not exist",
        ),
        ("log-in", "/auth/login", (401, "application/json", '{"code": "token_missing"}'), "expected \\(401"),
        ("log-in", "/auth/login", (403, "text/html", "<html>blocked</html>"), "answered 403"),
        ("log-in", "/auth/login", (500, "application/json", '{"code": "credentials_wrong"}'), "answered 500"),
    ],
)
def test_any_other_answer_fails_with_a_sentence(
    platform: Platform,
    handlers: dict[str, Callable[[Any, Any], str]],
    journey: str,
    path: str,
    answer: Answer,
    sentence: str,
) -> None:
    platform({**GOOD, path: answer})
    with pytest.raises(Exception, match=sentence):
        handlers[journey]({}, None)


def test_nothing_but_https_is_asked(
    handlers: dict[str, Callable[[Any, Any], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", "http://play.example.com")
    with pytest.raises(RuntimeError, match="accepted: https"):
        handlers["read"]({}, None)


def arguments() -> CanariesArgs:
    bucket = Bucket("canary-runs", BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs"))
    return CanariesArgs(
        account_id=ACCOUNT, region="ap-south-1", url="https://play.example.com", bucket=bucket, key_arn=KEY
    )


EXAMPLES: Mapping[type[Component], Example] = {
    Canaries: lambda name, transform: Canaries(name, arguments(), transform=transform),
}


def test_each_journey_is_a_canary_of_the_same_code_and_pages_when_it_fails_or_is_silent(run: Run) -> None:
    recorded = run(lambda: Canaries("canary", arguments()), stack_name="prod")
    assert packed() == packed(), "a plan without a change has none"
    made = {item.name: item.inputs for item in recorded.of("Canary")}
    assert {name: each["handler"] for name, each in made.items()} == {
        "canary-read": "canary_code.read",
        "canary-log-in": "canary_code.log_in",
    }
    for each in made.values():
        assert each["s3Key"] == recorded.named("canary-code").inputs["key"]
        assert each["runConfig"]["environmentVariables"] == {"URL": "https://play.example.com"}
        assert each["artifactS3Location"].split("/", 3)[3].startswith(RUNS) and each["startCanary"]
    for signal in recorded.result.signals:
        assert (signal.severity, signal.runbook, signal.missing) == (
            Severity.PAGE,
            "canary-failed",
            MissingData.BREACHING,
        )
    assert {signal.dimensions["CanaryName"] for signal in recorded.result.signals} == {
        each["name"] for each in made.values()
    }


def test_canaries_write_runs_and_read_code_and_nothing_else(run: Run, lint: Lint) -> None:
    recorded = run(lambda: Canaries("canary", arguments()), stack_name="prod")
    policy = json.loads(recorded.named("canary-role-policy").inputs["policy"])
    assert lint(policy) == []
    bucket = f"arn:aws:s3:::matchday-prod-canary-runs-{ACCOUNT}"
    found = {each["Sid"]: each for each in policy["Statement"]}
    assert (found["ReadCode"]["Resource"], found["WriteRuns"]["Resource"]) == (f"{bucket}/code/*", f"{bucket}/{RUNS}*")
    assert found["PutMetrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "CloudWatchSynthetics"}}
    open_to_all = {sid for sid, each in found.items() if each["Resource"] == "*"}
    assert open_to_all == {"ListBuckets", "PutMetrics"}, "which have no resource"
