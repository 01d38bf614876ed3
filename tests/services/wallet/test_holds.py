"""Holds, movements of kinds, reversals, batches: as other services ask for them over HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.wallet.kinds import KINDS
from services.wallet.tasks import jobs
from tests.services.support import Clock
from tests.services.wallet.fixtures import Wallet

pytestmark = pytest.mark.postgres


class Payments:
    """What payments asks of wallet, for one player."""

    def __init__(self, wallet: Wallet, player: str = "") -> None:
        self.wallet, self.player = wallet, player or str(uuid4())
        self.token: dict[str, str] = {}

    async def ask(self, path: str, **body: Any) -> httpx.Response:
        return await self.wallet.client.post(f"/wallet/internal/{path}", json=body, headers=self.token)

    async def move(self, kind: str, amount: int, **more: Any) -> httpx.Response:
        body = {"id": str(uuid4()), "kind": kind, "player": self.player, "amount": amount} | more
        return await self.ask("movements", **{name: value for name, value in body.items() if value is not None})

    async def deposit(self, amount: int, **more: Any) -> dict[str, Any]:
        answer = await self.move("deposit", amount, provider="razorpay", reference=uuid4().hex, **more)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def hold(self, amount: int, kind: str = "payout", **more: Any) -> httpx.Response:
        return await self.ask(
            "holds", **({"id": str(uuid4()), "kind": kind, "player": self.player, "amount": amount} | more)
        )

    async def capture(self, hold: str, **more: Any) -> httpx.Response:
        return await self.ask(f"holds/{hold}/captures", **({"id": str(uuid4()), "provider": "razorpay"} | more))

    async def balances(self) -> dict[str, Any]:
        answer = await self.ask("balances", players=[self.player])
        (found,) = answer.json()["balances"]
        return dict(found)


@pytest.fixture
async def payments(wallet: Wallet) -> Payments:
    made = Payments(wallet)
    made.token = await wallet.machine("all", {kind.scope for kind in KINDS.values()} | {"wallet:read"})
    return made


def parts(answer: httpx.Response) -> dict[str, int]:
    assert answer.status_code in (200, 201), answer.text
    return {entry["bucket"]: entry["amount"] for entry in answer.json()["entries"]}


async def test_a_deposit_is_entered_once_by_id_and_by_reference(payments: Payments) -> None:
    body = {"id": str(uuid4()), "provider": "razorpay", "reference": "pay_1"}
    answers = await asyncio.gather(*(payments.move("deposit", 500, **body) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({str(answer.json() | {"replayed": None}) for answer in answers}) == 1
    other = await payments.move("deposit", 501, **body)
    assert (other.status_code, other.json()["code"]) == (422, "id_reused")
    again = await payments.move("deposit", 500, **(body | {"id": str(uuid4())}))
    assert (again.status_code, again.json()["code"]) == (409, "reference_taken")
    assert await payments.balances() == {
        "player": payments.player, "deposit": 500, "winnings": 0, "bonus": 0, "held": 0, "available": 500, "owed": 0,
        "frozen": False,
    }  # fmt: skip


async def test_a_player_of_payments_opens_the_same_account(payments: Payments) -> None:
    wallet = payments.wallet
    person = await wallet.auth.person()
    answer = await wallet.client.post("/wallet/account", headers=person.bearer)
    payments.player = (await wallet.auth.client.get("/auth/me", headers=person.bearer)).json()["id"]
    made = await payments.deposit(300)
    assert answer.json()["id"] in {entry["account"] for entry in made["entries"]}
    balance = await wallet.client.get("/wallet/balance", headers=person.bearer)
    assert balance.json()["balance"] == 300


async def test_a_hold_is_captured_in_parts(payments: Payments) -> None:
    await payments.deposit(1_000)
    held = (await payments.hold(800)).json()
    assert (held["state"], held["remaining"]) == ("open", 800)
    assert (await payments.balances())["available"] == 200
    refused = await payments.hold(201)
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_funds")
    spent = await payments.move("refund", 201, provider="razorpay", reference="r1")
    assert (spent.status_code, spent.json()["code"]) == (409, "insufficient_funds"), "what is held is not spent"
    first = {"id": str(uuid4()), "amount": 300}
    assert parts(await payments.capture(held["id"], **first)) == {"deposit": -300, "psp": 300}
    assert (await payments.capture(held["id"], **first)).json()["replayed"] is True
    over = await payments.capture(held["id"], amount=501)
    assert (over.status_code, over.json()["code"]) == (409, "hold_exceeded")
    assert parts(await payments.capture(held["id"], amount=100, final=True)) == {"deposit": -100, "psp": 100}
    answer = await payments.wallet.client.get(f"/wallet/internal/holds/{held['id']}", headers=payments.token)
    found = answer.json()
    assert [found[name] for name in ("state", "amount", "captured", "released", "remaining")] == [
        "captured",
        800,
        400,
        400,
        0,
    ]
    late = await payments.capture(held["id"], amount=1)
    assert (late.status_code, late.json()["code"]) == (409, "hold_ended")
    assert (await payments.balances())["available"] == 600


async def test_a_hold_ends_once(payments: Payments) -> None:
    """Captures of the whole, voids and a capture of a part, at once: one wins, the others are told."""
    await payments.deposit(10_000)
    for _ in range(4):
        held = (await payments.hold(100)).json()["id"]
        answers = await asyncio.gather(
            payments.capture(held), payments.ask(f"holds/{held}/void"), payments.capture(held, amount=40, final=True),
            payments.ask(f"holds/{held}/void"), payments.capture(held),
        )  # fmt: skip
        states = Counter(answer.json().get("code") or answer.json().get("state") or "captured" for answer in answers)
        ends = ({"captured", "hold_ended", "hold_exceeded"}, {"captured", "hold_ended"}, {"voided", "hold_ended"})
        assert set(states) in ends, states
        assert states["captured"] <= 1
    left = await payments.balances()
    assert left["held"] == 0 and left["available"] == left["deposit"]


async def test_a_hold_expires(payments: Payments, clock: Clock) -> None:
    await payments.deposit(500)
    due = clock.now().replace(microsecond=0)
    held = (await payments.hold(500, expires_at=due.isoformat())).json()["id"]
    kept = (await payments.hold(1, at_most=True)).json()
    assert kept["code"] == "insufficient_funds"
    clock.move(minutes=1)
    late = await payments.capture(held)
    assert (late.status_code, late.json()["code"]) == (409, "hold_expired")
    assert await jobs.run_scheduled(payments.wallet.app.state.sessions, clock, "wallet.expire_holds")
    assert await jobs.run_scheduled(payments.wallet.app.state.sessions, clock, "wallet.expire_holds")
    answer = await payments.wallet.client.get(f"/wallet/internal/holds/{held}", headers=payments.token)
    assert (answer.json()["state"], answer.json()["released"]) == ("expired", 500)
    assert (await payments.balances())["available"] == 500


async def test_a_dispute_holds_what_there_is(payments: Payments) -> None:
    await payments.deposit(300)
    held = (await payments.hold(1_000, kind="dispute", at_most=True, reference="dispute_1")).json()
    assert (held["amount"], held["state"]) == (300, "open")
    assert parts(await payments.capture(held["id"])) == {"deposit": -300, "psp": 300}


async def test_a_reversal_that_would_overdraw_is_owed(payments: Payments) -> None:
    made = await payments.deposit(1_000)
    await payments.move("contest_entry", 700, pot=str(uuid4()))
    answer = await payments.ask("reversals", id=str(uuid4()), transaction=made["id"])
    assert parts(answer) == {"deposit": -300, "receivable": -700, "psp": 1_000}
    left = await payments.balances()
    assert (left["deposit"], left["owed"]) == (0, 700)
    answers = await asyncio.gather(
        *(payments.ask("reversals", id=str(uuid4()), transaction=made["id"]) for _ in range(5))
    )
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "reversed_before")}
    undone = await payments.ask("reversals", id=str(uuid4()), transaction=answer.json()["id"])
    assert undone.json()["code"] == "not_reversible"
    unknown = await payments.ask("reversals", id=str(uuid4()), transaction=str(uuid4()))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "transaction_unknown")


async def test_what_is_owed_is_recovered_from_what_comes_in(payments: Payments, clock: Clock) -> None:
    """As far as there is anything, from winnings first; at once and again, no paisa twice."""
    pot, players = str(uuid4()), payments.player
    for amount in (400, 300):
        made = await payments.deposit(amount)
        await payments.move("contest_entry", amount, pot=pot)
        await payments.ask("reversals", id=str(uuid4()), transaction=made["id"])
        clock.move(minutes=1)
    nothing = await payments.ask("recoveries", id=str(uuid4()), player=players)
    assert nothing.json() | {"id": ""} == {"id": "", "recovered": 0, "owed": 700}
    await payments.move("prize", 450, pot=pot)
    await payments.deposit(100)
    asked = [{"id": str(uuid4()), "player": players, "amount": 300} for _ in range(3)]
    answers = await asyncio.gather(*(payments.ask("recoveries", **each) for each in asked * 2))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    found = {answer.json()["id"]: answer.json()["recovered"] for answer in answers if answer.json()["recovered"]}
    assert sorted(found.values()) == [250, 300]
    left = await payments.balances()
    assert (left["winnings"], left["deposit"], left["owed"]) == (0, 0, 150)
    app = await payments.wallet.auth.cloud.connect(payments.wallet.database, role="app", service="wallet")
    debts = await app.fetch("SELECT amount, recovered FROM receivables ORDER BY created_at")
    assert [tuple(debt) for debt in debts] == [(400, 400), (300, 150)], "the oldest first"
    await app.close()
    await payments.deposit(500)
    other = await payments.ask("recoveries", **(asked[0] | {"amount": 1}))
    assert other.json().get("code") == "id_reused" or asked[0]["id"] not in found
    rest = await payments.ask("recoveries", id=str(uuid4()), player=players)
    assert (rest.json()["recovered"], rest.json()["owed"]) == (150, 0)
    undone = await payments.ask("reversals", id=str(uuid4()), transaction=rest.json()["id"])
    assert (undone.status_code, undone.json()["code"]) == (409, "not_reversible"), "the debt would not come back"


async def test_an_entry_is_drawn_on_buckets_in_order_and_goes_back_to_them(payments: Payments) -> None:
    pot = str(uuid4())
    await payments.move("bonus", 1_000, reference="welcome")
    await payments.deposit(300)
    entry = await payments.move("contest_entry", 300, pot=pot)
    assert parts(entry) == {"bonus": -30, "deposit": -270, "pot": 300}
    assert parts(await payments.move("prize", 250, pot=pot)) == {"pot": -250, "winnings": 250}
    too_much = await payments.move("prize", 51, pot=pot)
    assert too_much.json()["code"] == "insufficient_funds", "a pot gives what is in it"
    assert parts(await payments.move("contest_entry", 200, pot=pot)) == {
        "bonus": -20, "deposit": -30, "winnings": -150, "pot": 200,
    }  # fmt: skip
    back = await payments.ask("reversals", id=str(uuid4()), transaction=entry.json()["id"])
    assert parts(back) == {"bonus": 30, "deposit": 270, "pot": -250, "receivable": -50}


async def test_each_kind_needs_its_scope_and_what_it_moves(payments: Payments) -> None:
    deposits = await payments.wallet.machine("deposits", {"wallet:deposit"}, {"wallet:deposit": 1_000})
    body: dict[str, Any] = {
        "id": str(uuid4()), "kind": "deposit", "player": payments.player, "amount": 1_001, "provider": "razorpay",
        "reference": "r",
    }  # fmt: skip
    ask = payments.wallet.client.post
    refused = await ask("/wallet/internal/movements", json=body, headers=deposits)
    assert (refused.status_code, refused.json()["code"]) == (403, "limit_exceeded")
    for change, status in (({"kind": "refund"}, 403), ({"provider": None}, 422), ({"pot": str(uuid4())}, 422),
                           ({"kind": "payout"}, 422), ({"reference": None}, 422)):  # fmt: skip
        answer = await ask("/wallet/internal/movements", json=body | change, headers=deposits)
        assert answer.status_code == status, change
    held = await payments.hold(1)
    assert held.json()["code"] == "insufficient_funds"
    answer = await ask("/wallet/internal/holds", json={**body, "kind": "payout"}, headers=deposits)
    assert answer.status_code == 422


async def test_a_batch_is_done_whole_or_each_by_itself(payments: Payments) -> None:
    await payments.deposit(500)
    pot = str(uuid4())

    def entries(*amounts: int, linked: tuple[int, ...] = ()) -> list[dict[str, Any]]:
        return [
            {"id": str(uuid4()), "kind": "contest_entry", "player": payments.player, "pot": pot, "amount": amount,
             "linked": n in linked}
            for n, amount in enumerate(amounts)
        ]  # fmt: skip

    async def batch(mode: str, wanted: list[dict[str, Any]], **more: Any) -> list[str]:
        answer = await payments.ask("batches", mode=mode, movements=wanted, **more)
        assert answer.status_code == 200, answer.text
        return [result["status"] for result in answer.json()["results"]]

    wanted = entries(200, 400, 100)
    assert await batch("all", wanted) == ["linked_failed", "insufficient_funds", "linked_failed"]
    assert await batch("each", wanted, dry_run=True) == ["posted", "insufficient_funds", "posted"]
    assert (await payments.balances())["deposit"] == 500, "neither has moved anything"
    assert await batch("each", wanted) == ["posted", "insufficient_funds", "posted"]
    assert await batch("each", wanted) == ["replayed", "insufficient_funds", "replayed"]
    assert await batch("each", entries(50, 1_000, 50, 60, linked=(0, 2))) == [
        "linked_failed", "insufficient_funds", "posted", "posted",
    ]  # fmt: skip
    assert (await payments.balances())["deposit"] == 90
    twice = entries(1, 1)
    twice[1]["id"] = twice[0]["id"]
    assert (await payments.ask("batches", mode="each", movements=twice)).status_code == 422
    most = await payments.ask("batches", mode="each", movements=entries(*[1] * 1000))
    assert (most.status_code, most.json()["done"], most.json()["refused"]) == (200, 90, 910), most.text[:200]
    assert (await payments.ask("batches", mode="all", movements=entries(*[1] * 1001))).status_code == 422
