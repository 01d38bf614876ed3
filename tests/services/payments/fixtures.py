"""A running payments for the tests of every service, with the wallet that it pays into and the providers that it pays by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.common import database
from services.common.clock import SystemClock
from services.common.database import Sessions
from services.common.jobs import Jobs
from services.common.outbox import messages
from services.common.tokens import TWO_FACTORS
from services.payments import runtime
from services.payments.app import create_app
from services.payments.outside import Outside, Reach
from services.payments.tasks import jobs_with
from services.payments.wallet import WORKER
from tests.services.auth.fixtures import Auth, Person
from tests.services.payments.partners import URLS, Partners
from tests.services.support import OUTSIDE, Clock, Cloud, environ, running
from tests.services.wallet.fixtures import Wallet


class ByHost(httpx.AsyncBaseTransport):
    """Several applications behind one transport, by the host that is asked."""

    def __init__(self, **applications: FastAPI) -> None:
        self.transports: dict[str, httpx.AsyncBaseTransport] = {
            name: httpx.ASGITransport(app) for name, app in applications.items()
        }
        self.broken: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in self.broken or request.url.host not in self.transports:
            raise httpx.ConnectError("away")
        return await self.transports[request.url.host].handle_async_request(request)


@dataclass
class Payments:
    """A running payments."""

    app: FastAPI
    client: httpx.AsyncClient
    database: str
    auth: Auth
    wallet: Wallet
    partners: Partners
    inside: ByHost
    reach: Reach
    jobs: Jobs
    sessions: Sessions
    cloud: Cloud
    colleagues: dict[str, Person] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: The owners' connections by service, and whose turn it is to use one.
    owners: dict[str, Any] = field(default_factory=dict)
    owners_turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def player(self) -> Depositor:
        """Somebody with an account and nothing in it, who has just shown two factors."""
        person = await self.auth.show_two_factors(await self.auth.player())
        answer = await self.wallet.client.post("/wallet/account", headers=person.bearer)
        assert answer.status_code == 201, answer.text
        return Depositor(self, person)

    async def staff(self, role: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """What a member of staff is told; one for each role."""
        async with self.turn:
            found = self.colleagues.get(role)
            self.colleagues[role] = found = await (self.current(found) if found else self.auth.colleague(role))
        return await self.client.request(method, f"/payments/staff{path}", headers=found.bearer | OUTSIDE, json=body)

    async def machine(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """What a service is told that runs paid contests."""
        bearer = await self.auth.bearer("payments-contests")
        return await self.client.request(method, f"/payments/internal{path}", headers=bearer, json=body)

    async def current(self, person: Person) -> Person:
        """The same, who shows two factors again if that was long ago: payments' clock is real, auth's stands still."""
        now = datetime.now(UTC).replace(microsecond=0)
        if person.claims["acr"] != TWO_FACTORS or now.timestamp() - person.claims["auth_time"] < 120:
            return person
        clock: Clock = self.auth.app.state.clock
        clock.time = max(now, clock.time)
        return await self.auth.show_two_factors(await self.auth.log_in(person))

    async def outside(self) -> Outside:
        """What the worker reaches."""
        return await self.reach()

    async def enter(
        self, contest: str, player: Depositor, amount: int, key: str = "", jurisdiction: str = "XX"
    ) -> httpx.Response:
        """A player enters a contest for money."""
        body = {"player": player.id, "contest": contest, "amount": amount, "jurisdiction": jurisdiction}
        headers = await self.auth.bearer("payments-contests") | {"Idempotency-Key": key or uuid4().hex}
        return await self.client.post("/payments/internal/entries", headers=headers, json=body)

    async def balances(self, player: Depositor) -> dict[str, Any]:
        """What a player has, bucket by bucket, with what is held and owed."""
        bearer = await self.wallet.machine("tests", {"wallet:read"})
        body = {"players": [player.id]}
        answer = await self.wallet.client.post("/wallet/internal/balances", headers=bearer, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["balances"][0]
        return found

    async def work(self, *, rounds: int = 50) -> None:
        """What the worker does, until nothing is due."""
        for _ in range(rounds):
            async with self.sessions() as session, session.begin():
                handed = await messages.hand_out(session, 200)
            if not handed:
                return
            by_task: dict[str, list[Any]] = {}
            for each in handed:
                by_task.setdefault(each.task, []).append(each.id)
            for task, ids in by_task.items():
                await self.jobs.handle(self.sessions, SystemClock(), task, ids)
        raise AssertionError("there is always more to do")

    async def settle(self) -> None:
        """Webhooks and worker in turns, until nothing happens any more."""
        quiet = 0
        for _ in range(20):
            sent = await self.partners.deliver(self.client)
            await self.work()
            quiet = 0 if sent else quiet + 1
            if quiet == 2:  # what the worker did may have something told in the next round
                return
        raise AssertionError("webhooks never end")

    async def later(self, by: timedelta = timedelta(days=2)) -> None:
        """The janitor finds everything due, as if `by` had passed; postponed messages too."""
        for table in ("attempts", "refunds", "payouts"):
            await self.rows(f"UPDATE {table} SET next_look_at = next_look_at - $1::interval", by)
        await self.rows("UPDATE outbox SET next_attempt_at = now(), reserved_until = NULL WHERE done_at IS NULL")
        assert await self.jobs.run_scheduled(self.sessions, SystemClock(), "payments.look_again")
        await self.settle()

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """What the database holds."""
        return await self._rows("payments", self.database, statement, *values)

    async def wallet_rows(self, statement: str) -> list[Any]:
        """What the wallet's holds."""
        return await self._rows("wallet", self.wallet.database, statement)

    async def _rows(self, service: str, database: str, statement: str, *values: Any) -> list[Any]:
        async with self.owners_turn:
            owner = self.owners.get(service)
            if owner is None or owner.is_closed():  # a test restarted the server
                owner = self.owners[service] = await self.cloud.connect(database, role="owner", service=service)
            found: list[Any] = await owner.fetch(statement, *values)
            return found

    async def close(self) -> None:
        """End what it keeps open itself."""
        for owner in self.owners.values():
            await owner.close()


@dataclass
class Depositor:
    """A player who pays in and out."""

    payments: Payments
    person: Person

    @property
    def id(self) -> str:
        """The player's id, which his token says."""
        return str(self.person.id)

    @property
    def bearer(self) -> dict[str, str]:
        return self.person.bearer

    async def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        self.person = await self.payments.current(self.person)
        headers = {**self.bearer, "Idempotency-Key": key or uuid4().hex}
        return await self.payments.client.request(method, f"/payments{path}", headers=headers, json=body)

    async def order(self, amount: int = 50_000, key: str | None = None) -> dict[str, Any]:
        """A deposit that was begun."""
        answer = await self.ask("POST", "/deposits", {"amount": amount, "jurisdiction": "XX"}, key)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def pay(self, deposit: Mapping[str, Any], amount: int | None = None) -> str:
        """He pays at the bank: the payment's id."""
        stand_in = self.payments.partners.all[deposit["provider"]]
        return stand_in.pay(deposit["checkout"]["order_id"], amount)

    async def deposit(self, deposit_id: str) -> dict[str, Any]:
        """How a deposit is."""
        found: dict[str, Any] = (await self.ask("GET", f"/deposits/{deposit_id}")).json()
        return found

    async def paid_in(self, amount: int = 50_000) -> dict[str, Any]:
        """A deposit that was paid and credited."""
        deposit = await self.order(amount)
        self.pay(deposit)
        await self.payments.settle()
        found = await self.deposit(deposit["id"])
        assert found["state"] == "credited", found
        return found

    async def instrument(self) -> str:
        """An account of his own, confirmed."""
        body = {"kind": "vpa", "name": "Asha Rao", "account": f"a{uuid4().hex[:10]}@okbank"}
        answer = await self.ask("POST", "/instruments", body)
        assert answer.status_code == 201, answer.text
        instrument: str = answer.json()["id"]
        confirmed = await self.payments.staff("support", "POST", f"/instruments/{instrument}/confirmation")
        assert confirmed.status_code == 200, confirmed.text
        return instrument

    async def withdraw(self, amount: int, instrument: str, key: str | None = None) -> httpx.Response:
        body = {"amount": amount, "instrument": instrument, "jurisdiction": "XX"}
        return await self.ask("POST", "/payouts", body, key)

    async def balance(self) -> int:
        """What the wallet says he has."""
        answer = await self.payments.wallet.client.get("/wallet/balance", headers=self.bearer)
        assert answer.status_code == 200, answer.text
        amount: int = answer.json()["balance"]
        return amount


@pytest.fixture
async def payments(
    cloud: Cloud, cheap_passwords: None, auth: Auth, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Payments]:
    """Payments, running, with nothing in it; its jobs run when a test says so."""
    partners, inside = Partners(cloud.secrets), ByHost(auth=auth.app, wallet=wallet.app)
    app = create_app(None, inside, partners)
    monkeypatch.setattr("services.payments.app.AT_ONCE", 100_000)
    async with cloud.fresh("payments") as name, AsyncExitStack() as stack:
        given = cloud.environment("payments", name) | cloud.environment("payments", name, process="worker") | URLS

        async def open_background() -> Outside:
            with environ(given):
                return await runtime.open_outside(stack, WORKER, partners, inside)

        client = await stack.enter_async_context(running(app, given))
        engine = database.create_engine(cloud.settings("payments", name), "test", connections=8)
        stack.push_async_callback(engine.dispose)
        reach = Reach(open_background)
        payments = Payments(
            app, client, name, auth, wallet, partners, inside, reach, jobs_with(reach),
            database.create_sessions(engine), cloud,
        )  # fmt: skip
        yield payments
        await payments.close()
