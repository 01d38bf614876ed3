"""What another service's answer, or the lack of one, says: done, refused, not done, or nothing that can be relied on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from services.common import logs
from services.common.exchange import MAX_ANSWER_BYTES, exchange
from services.common.outside import NotDone, Refused, Unknown
from services.common.service_api import ServiceApi, connect
from services.common.settings import SettingsError
from tests.services.support import environ

Reply = Callable[[httpx.Request], httpx.Response]

WHERE = {"WALLET_URL": "http://wallet:8080", "AUTH_URL": "http://auth:8080", "CLIENT_SECRET_TESTS_WALLET": "s" * 32}


class Auth:
    """Gives `token-1`, `token-2` and so on, and counts them."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.given = reply, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "auth":
            return self.reply(request)
        self.given += 1
        return httpx.Response(200, json={"access_token": f"token-{self.given}", "expires_in": 300})


@asynccontextmanager
async def api(reply: Reply, seconds: float = 5.0) -> AsyncIterator[ServiceApi]:
    with environ(WHERE):
        async with connect("wallet", seconds, httpx.MockTransport(reply)) as http:
            yield ServiceApi(http, "tests-wallet", seconds)


async def ask(reply: Reply) -> dict[str, Any]:
    async with api(Auth(reply)) as asked:
        return await asked.ask("POST", "/wallet/internal/movements", json={"amount": 1})


def problem(status: int, code: str) -> Reply:
    return lambda request: httpx.Response(status, json={"code": code})


def raising(error: Exception) -> Reply:
    def reply(request: httpx.Request) -> httpx.Response:
        raise error

    return reply


async def test_an_answer_is_its_object_and_the_request_carries_who_asks_and_why() -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"id": "1"})

    token = logs.request_id.set("request-1")
    try:
        assert await ask(reply) == {"id": "1"}
    finally:
        logs.request_id.reset(token)
    assert seen[0].headers["Authorization"] == "Bearer token-1"
    assert seen[0].headers["X-Request-Id"] == "request-1"
    assert seen[0].url == "http://wallet:8080/wallet/internal/movements"


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (problem(409, "insufficient_funds"), Refused, "insufficient_funds"),
        (problem(404, "hold_unknown"), Refused, "hold_unknown"),
        (problem(422, "invalid"), Refused, "invalid"),
        (problem(403, "account_frozen"), Refused, "account_frozen"),
        # Not a word on the matter: our token, a release that has no such path, the same request that is under way.
        (problem(401, "unauthenticated"), Unknown, "unauthenticated"),
        (problem(403, "forbidden"), Unknown, "forbidden"),
        (problem(404, "not_found"), Unknown, "not_found"),
        (problem(405, "method_not_allowed"), Unknown, "method_not_allowed"),
        (problem(408, "body_too_slow"), Unknown, "body_too_slow"),
        (problem(409, "idempotency_key_in_use"), Unknown, "idempotency_key_in_use"),
        # It may have been done before it failed.
        (problem(500, "internal"), Unknown, "status 500"),
        (problem(503, "busy"), Unknown, "status 503"),
        (problem(302, "x"), Unknown, "status 302"),
        # Nobody of ours speaks like this.
        (lambda _: httpx.Response(404, text="<html>"), Unknown, "answer is no JSON"),
        (lambda _: httpx.Response(200, text="<html>"), Unknown, "answer is no JSON"),
        (lambda _: httpx.Response(204), Unknown, "answer is no JSON"),
        (lambda _: httpx.Response(400, json={"message": "no"}), Unknown, "status 400"),
        (lambda _: httpx.Response(400, json=["no"]), Unknown, "answer is no JSON object"),
        (lambda _: httpx.Response(200, json=[1]), Unknown, "answer is no JSON object"),
        (lambda _: httpx.Response(200, text="7"), Unknown, "answer is no JSON object"),
        (lambda _: httpx.Response(200, text="[" * 100_000), Unknown, "answer is no JSON"),
        (lambda _: httpx.Response(200, content=b" " * (MAX_ANSWER_BYTES + 1)), Unknown, "answer too large"),
        (raising(httpx.ReadTimeout("")), Unknown, "ReadTimeout"),
        (raising(httpx.RemoteProtocolError("")), Unknown, "RemoteProtocolError"),
        (raising(httpx.WriteError("")), Unknown, "WriteError"),
        (raising(httpx.ConnectError("")), NotDone, "ConnectError"),
        (raising(httpx.ConnectTimeout("")), NotDone, "ConnectTimeout"),
        (raising(httpx.PoolTimeout("")), NotDone, "PoolTimeout"),
        (problem(429, "rate_limited"), NotDone, "rate limited"),
    ],
)
async def test_what_is_no_answer_is_a_refusal_only_in_the_services_own_words(
    reply: Reply, outcome: type[Exception], reason: str
) -> None:
    with pytest.raises((Refused, NotDone, Unknown)) as raised:
        await ask(reply)
    assert (type(raised.value), str(raised.value)) == (outcome, reason)


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(503), httpx.Response(401), httpx.Response(200, text="<html>"), httpx.Response(200, json={})],
)
async def test_without_a_token_nothing_was_done(answer: httpx.Response) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "auth", "asked without a token"
        return answer

    async with api(reply) as asked:
        with pytest.raises(NotDone, match="no token"):
            await asked.ask("GET", "/wallet/internal/prizes")


async def test_a_token_that_was_withdrawn_is_replaced_once() -> None:
    """Its key was rotated away, or who may what has changed. Where the next is no good either, a third is not asked for."""
    good = {"Bearer token-2"}

    def reply(request: httpx.Request) -> httpx.Response:
        known = request.headers["Authorization"] in good
        return httpx.Response(200, json={}) if known else httpx.Response(401, json={"code": "unauthenticated"})

    auth = Auth(reply)
    async with api(auth) as asked:
        assert await asked.ask("GET", "/x") == {}
        assert auth.given == 2
        good.clear()
        with pytest.raises(Unknown, match="unauthenticated"):
            await asked.ask("GET", "/x")
        assert auth.given == 3


class _Trickle(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.005)


async def test_a_whole_call_has_its_time_whatever_trickles_in() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=_Trickle()))
    async with connect_to(transport) as http:
        with pytest.raises(Unknown, match="TimeoutError"):
            await exchange(http, "GET", "/", seconds=0.1)


@asynccontextmanager
async def connect_to(transport: httpx.AsyncBaseTransport) -> AsyncIterator[httpx.AsyncClient]:
    with environ(WHERE):
        async with connect("wallet", 5.0, transport) as http:
            yield http


@pytest.fixture
def nothing() -> Iterator[None]:
    with environ({"AUTH_URL": "http://auth:8080"}):
        yield


async def test_a_service_without_an_address_and_a_client_without_a_secret_are_refused(nothing: None) -> None:
    with pytest.raises(SettingsError, match="WALLET_URL"):
        connect("wallet", 1.0)
    with environ({"WALLET_URL": "http://wallet:8080"}):
        async with connect("wallet", 1.0) as http:
            with pytest.raises(SettingsError, match="CLIENT_SECRET_TESTS_WALLET"):
                ServiceApi(http, "tests-wallet", 1.0)
