"""What surrounds every request: problem bodies, limits, ids, and answers that are true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.common.bodies import MAX_BODY_BYTES
from services.wallet import service
from tests.services.wallet.fixtures import Wallet

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nowhere", b"", 404, "not_found"),
        ("DELETE", "/wallet/balance", b"", 405, "method_not_allowed"),
        ("GET", "/openapi.json", b"", 404, "not_found"),
        ("GET", "/wallet/entries?limit=0", b"", 422, "invalid"),
        ("POST", "/wallet/transfers", b"{not json", 400, "malformed"),
        ("POST", "/wallet/transfers", b'"a text"', 422, "invalid"),
        ("POST", "/wallet/transfers", b"\xff\xfe", 400, "malformed"),
        ("POST", "/wallet/transfers", b"[" * 100_000, 400, "malformed"),
        ("POST", "/wallet/transfers", b"x" * (MAX_BODY_BYTES + 1), 413, "body_too_large"),
    ],
)
async def test_a_refusal_is_a_problem(
    wallet: Wallet, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    player = await wallet.player()
    headers = player.bearer | {"Content-Type": "application/json", "Idempotency-Key": "intent-0001"}
    answer = await wallet.client.request(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:matchday:problem:{code}"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_body_that_does_not_say_how_long_it_is_is_bounded(wallet: Wallet) -> None:
    player = await wallet.player()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50 * MAX_BODY_BYTES:
            sent += 65536
            yield b" " * 65536

    headers = player.bearer | {"Content-Type": "application/json", "Idempotency-Key": "intent-0001"}
    answer = await wallet.client.post("/wallet/transfers", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer rubbish"}, {"Authorization": "Basic eDp5"}])
@pytest.mark.parametrize(
    "path", ["/wallet/balance", "/wallet/entries", "/wallet/notifications", "/wallet/staff/reconciliation"]
)
async def test_nothing_is_open_without_a_token(wallet: Wallet, path: str, header: dict[str, str]) -> None:
    answer = await wallet.client.get(path, headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("given", "kept"), [("a-good-id-123", True), ("bad id\twith space", False), ("x" * 65, False)])
async def test_a_request_id_is_kept_if_it_is_one(wallet: Wallet, given: str, kept: bool) -> None:
    answer = await wallet.client.get("/healthz", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept


async def test_a_failure_tells_the_caller_nothing(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    player = await wallet.player()

    async def failing(*_: Any) -> Any:
        raise RuntimeError("the database password is hunter2")

    monkeypatch.setattr(service, "balance_of", failing)
    answer = await wallet.client.get("/wallet/balance", headers=player.bearer)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text


async def test_no_answer_before_the_commit(wallet: Wallet) -> None:
    """PostgreSQL refuses the commit itself: the caller must not have been told 201."""
    one, other = await wallet.player(100), await wallet.player()
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    await owner.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = 'check_violation'; END $$;
        CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON transactions DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse()
    """)
    answer = await one.transfer(other.account, 10, key="intent-0001")
    await owner.execute("DROP TRIGGER refused ON transactions")
    await owner.close()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert await one.balance() == 100
    assert (await one.transfer(other.account, 10, key="intent-0001")).status_code == 201


async def test_a_locked_row_makes_a_request_busy_not_endless(wallet: Wallet) -> None:
    """Somebody holds an account's row: after the lock timeout the caller is told to come again, and nothing has happened."""
    one, other = await wallet.player(100), await wallet.player()
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    async with asyncio.timeout(120), owner.transaction():
        await owner.execute("SELECT 1 FROM balances WHERE account_id = $1 FOR UPDATE", one.account)
        answer = await one.transfer(other.account, 10, key="intent-0001")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "1"
    assert (await one.transfer(other.account, 10, key="intent-0001")).status_code == 201
    await owner.close()


async def test_a_database_that_goes_away_and_comes_back(wallet: Wallet) -> None:
    player = await wallet.player(100)
    master = await wallet.auth.cloud.connect("postgres")
    for _ in range(3):
        await wallet.app.state.pool.fill()  # all of them will have been lost
        await master.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", wallet.database
        )
        assert await player.balance() == 100
    await master.execute(f'ALTER DATABASE "{wallet.database}" CONNECTION LIMIT 0')
    await master.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", wallet.database)
    answer = await wallet.client.get("/wallet/balance", headers=player.bearer)
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    await master.execute(f'ALTER DATABASE "{wallet.database}" CONNECTION LIMIT -1')
    assert await player.balance() == 100
    await master.close()
