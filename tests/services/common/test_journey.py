"""How a walk asks: again where a service says that it is busy, and not where the ingress has no service to ask."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import httpx
import pytest

from services.common import journey
from services.common.journey import Journey, Unexpected

BUSY = httpx.Response(
    503,
    content=b'{"title":"The service is busy; try again","status":503,"code":"busy"}',
    headers={"Content-Type": "application/problem+json"},
)
NOBODY = httpx.Response(503, text="<h1>503 Service Temporarily Unavailable</h1>")
DONE = httpx.Response(200, json={"done": True})


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that a sleep moves."""
    slept: list[float] = []
    monkeypatch.setattr(journey, "time", SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append))


def asked(answers: Sequence[httpx.Response]) -> tuple[Journey, list[httpx.Request]]:
    """A walk whose service gives these answers, the last one from then on; and what it was asked."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answers[min(len(requests), len(answers)) - 1]

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://platform")
    return Journey(client, lambda _: client, lambda *_: "", client), requests


def test_a_service_that_says_when_to_come_again_is_asked_again() -> None:
    later = httpx.Response(503, headers={"Retry-After": "5"}, text='{"status":503,"code":"limiter_unavailable"}')
    walk, requests = asked([later, DONE])
    assert walk.ask("POST", "/auth/login", 200) == {"done": True}
    assert len(requests) == 2


def test_a_busy_service_is_asked_again_with_the_same_key() -> None:
    walk, requests = asked([BUSY, BUSY, DONE])
    assert walk.ask("POST", "/wallet/transfers", 200, key="gift", json={}) == {"done": True}
    assert len({request.headers["Idempotency-Key"] for request in requests}) == 1
    assert len(requests) == 3


def test_one_that_stays_busy_is_named() -> None:
    walk, requests = asked([BUSY])
    with pytest.raises(Unexpected, match="503 instead of 200"):
        walk.ask("GET", "/wallet/balance", 200)
    assert len(requests) == journey.BUSY_SECONDS + 1


def test_want_of_a_service_is_not_waited_for() -> None:
    walk, requests = asked([NOBODY])
    with pytest.raises(Unexpected, match="503 instead of 200"):
        walk.ask("GET", "/wallet/balance", 200)
    assert len(requests) == 1


def test_who_expects_a_busy_service_is_not_kept_waiting() -> None:
    walk, requests = asked([BUSY])
    assert walk.ask("GET", "/wallet/balance", 503)["code"] == "busy"
    assert len(requests) == 1
