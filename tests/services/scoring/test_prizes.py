"""Prizes reach wallets once: whatever the wallet answers, however often it is asked, wherever the worker is killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.outside import NotDone, Once, Refused, Unknown
from services.scoring import example, paying, prizes_repository, states, wallet
from services.scoring.migrations import __name__ as migrations
from services.scoring.tasks import jobs
from tests.services.auth.fixtures import Person
from tests.services.common.serving import serving
from tests.services.scoring.fixtures import Paying
from tests.services.support import ROOT, environ

pytestmark = pytest.mark.postgres

MATCH = "events:1"


class Stage:
    """Three players with a team each, of whom the first two are tied; contests that are final and wait for a second person."""

    def __init__(self, paying_wallet: Paying) -> None:
        self.paying, self.scoring = paying_wallet, paying_wallet.scoring
        self.players: list[Person] = []
        self.contests: list[str] = []
        self.finance: Person

    async def play(self, *prizes: list[int]) -> None:
        """A contest for each list of prizes, all on one match."""
        scoring = self.scoring
        slate = await scoring.slate(await scoring.rules(example.RULES), MATCH, players=example.players())
        self.contests = [await scoring.contest(slate, *each) for each in prizes]
        self.players = [await scoring.auth.person() for _ in range(3)]
        for person, captain in zip(self.players, ("a1", "a1", "a2"), strict=True):
            vice = "a3"
            await scoring.team(person.bearer, slate, example.led_by(captain, vice), *self.contests)
        files = example.log(MATCH, scoring.clock.now().isoformat(), 6)
        await scoring.snapshot(MATCH, "events", files)
        await scoring.work()
        closing = f"/scoring/internal/matches/{MATCH}/closing"
        for _ in range(2):
            closed = await scoring.ok("POST", closing, scoring.staff, {"reason": "the umpires have signed"})
            assert closed["label"] == "final"
        await scoring.work()
        self.finance = await scoring.auth.colleague("finance")

    async def approve(self, contest: str) -> Any:
        return await self.scoring.ok("POST", f"/scoring/staff/contests/{contest}/approval", self.finance.bearer)

    async def payouts(self, contest: str) -> Any:
        return await self.scoring.ok("GET", f"/scoring/staff/contests/{contest}/payouts", self.finance.bearer)

    async def states(self, contest: str) -> list[str]:
        return [row["state"] for row in (await self.payouts(contest))["payouts"]]

    async def winnings(self) -> list[int]:
        return await self.paying.winnings(*[str(person.id) for person in self.players])

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """By the database's owner."""
        owner = await self.scoring.auth.cloud.connect(self.scoring.database, role="owner", service="scoring")
        try:
            found: list[Any] = await owner.fetch(statement, *values)
            return found
        finally:
            await owner.close()

    async def try_once(self) -> int:
        """Whatever waits is tried once; how many were done."""
        waiting = await self.rows("SELECT id, task FROM outbox WHERE done_at IS NULL ORDER BY id")
        done = 0
        with environ(self.scoring.environment("worker")):
            for row in waiting:
                done += (
                    await jobs.handle(self.scoring.app.state.sessions, self.scoring.clock, row["task"], [row["id"]])
                ).done
        return done

    async def compared(self) -> Any:
        """What the comparison of the day finds now."""
        path = f"/scoring/staff/prizes/reports/{self.scoring.clock.now().date()}"
        answer = await self.scoring.client.post(path, headers=self.finance.bearer)
        assert answer.status_code == 202, answer.text
        await self.scoring.work()
        return await self.scoring.ok("GET", path, self.finance.bearer)


@pytest.fixture
async def stage(paying_wallet: Paying) -> Stage:
    return Stage(paying_wallet)


class Failing(httpx.AsyncBaseTransport):
    """The way to the wallet, which fails for pay-outs: before or after the wallet has done it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner, self.how = inner, ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.how or not request.url.path.endswith("/batches"):
            return await self.inner.handle_async_request(request)
        if self.how == "away":
            raise httpx.ConnectError("away")
        if self.how == "status 500":
            return httpx.Response(500, text="<html>")
        answer = await self.inner.handle_async_request(request)
        await answer.aread()
        if self.how == "silent after it was done":
            raise httpx.ReadTimeout("silent")
        if self.how == "503 after it was done":
            return httpx.Response(503, json={"code": "busy"})
        assert self.how == "other words after it was done"
        return httpx.Response(200, json={"results": []})


async def test_a_prize_is_paid_once_whatever_the_wallet_answers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hows = ["away", "status 500", "silent after it was done", "503 after it was done", "other words after it was done"]
    await stage.play(*[[100, 1] for _ in hows])
    way = Failing(stage.paying.inside)

    async def open_failing() -> wallet.Wallet:
        return await wallet.open_wallet(way)

    monkeypatch.setitem(jobs.outside, paying.PAY, paying.Pay(Once(open_failing)))
    for number, (how, contest) in enumerate(zip(hows, stage.contests, strict=True)):
        assert await stage.states(contest) == ["waiting"] * 2, "tied for two places: 51 and 50 paise"
        await stage.approve(contest)
        way.how = how
        assert await stage.try_once() == 0
        assert await stage.states(contest) == ["sent"] * 2, how
        done_before = "after it was done" in how
        assert await stage.paying.postings() == 2 * (number + done_before)
        way.how = ""
        await stage.rows("UPDATE outbox SET next_attempt_at = now(), reserved_until = NULL WHERE done_at IS NULL")
        assert await stage.try_once() == 1
        found = await stage.payouts(contest)
        assert sorted((row["amount"], row["state"]) for row in found["payouts"]) == [(50, "paid"), (51, "paid")], how
        assert all(row["posting"] == row["id"] and row["posted_at"] for row in found["payouts"])
        assert await stage.paying.postings() == 2 * (number + 1)
    assert await stage.winnings() == [51 * len(hows), 50 * len(hows), 0], "the earlier entry has the odd paisa"
    assert (await stage.compared())["differences"] == 0


async def test_what_is_ordered_many_times_at_once_is_paid_once(stage: Stage) -> None:
    await stage.play([70, 30, 7])
    contest = stage.contests[0]
    for _ in range(3):
        await stage.approve(contest)
    payload = f'{{"contest": "{contest}", "after": "{"0" * 8}-0000-0000-0000-{"0" * 12}"}}'
    for _ in range(5):
        await stage.rows(
            "INSERT INTO outbox (id, task, payload, request_id) VALUES ($1, $2, $3, '')", uuid4(), paying.PAY, payload
        )
    waiting = await stage.rows("SELECT id FROM outbox WHERE done_at IS NULL")
    with environ(stage.scoring.environment("worker")):
        sessions, clock = stage.scoring.app.state.sessions, stage.scoring.clock
        await asyncio.gather(*[jobs.handle(sessions, clock, paying.PAY, [row["id"]]) for row in waiting for _ in "ab"])
    await stage.scoring.work()
    assert await stage.paying.postings() == 3 and await stage.winnings() == [50, 50, 7]
    late = await stage.scoring.refused(
        "POST", *stage.scoring.call(MATCH, "events", example.log(MATCH, "2026-01-01T00:00:00Z", 0))
    )
    assert late == (409, "match_final"), "what is paid is never corrected"


async def test_a_refusal_waits_for_a_person_who_may_try_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.play([10, 5])
    contest, clients = stage.contests[0], stage.scoring.auth.app.state.services.clients.clients
    whole = clients[wallet.CLIENT]
    monkeypatch.setitem(clients, wallet.CLIENT, replace(whole, limits={"wallet:prize": 1}))
    await stage.approve(contest)
    await stage.scoring.work()
    auditor = await stage.scoring.auth.colleague("auditor")
    listed = await stage.scoring.ok("GET", "/scoring/staff/payouts/refused", auditor.bearer)
    assert [(row["state"], row["reason"]) for row in listed["payouts"]] == [("refused", "limit_exceeded")] * 2
    first, second = [f"/scoring/staff/payouts/{row['id']}/retry" for row in listed["payouts"]]
    assert await stage.scoring.refused("POST", first, auditor.bearer) == (403, "forbidden")
    winner = await stage.scoring.auth.show_two_factors(await _employed(stage, stage.players[0]))
    (own,) = [row["id"] for row in listed["payouts"] if row["player"] == str(stage.players[0].id)]
    assert await stage.scoring.refused("POST", f"/scoring/staff/payouts/{own}/retry", winner.bearer) == (
        409,
        "own_prize",
    )
    monkeypatch.setitem(clients, wallet.CLIENT, whole)

    async def open_again() -> wallet.Wallet:
        return await wallet.open_wallet(stage.paying.inside)

    monkeypatch.setitem(jobs.outside, paying.PAY, paying.Pay(Once(open_again)))
    for path in (first, second):
        await stage.scoring.client.post(path, headers=stage.finance.bearer)
    await stage.scoring.work()
    assert await stage.states(contest) == ["paid"] * 2 and await stage.winnings() == [8, 7, 0]
    assert await stage.scoring.refused("POST", first, stage.finance.bearer) == (409, "not_refused")
    assert await stage.scoring.refused("POST", f"/scoring/staff/payouts/{uuid4()}/retry", stage.finance.bearer) == (
        404, "payout_unknown",
    )  # fmt: skip


async def _employed(stage: Stage, person: Person) -> Person:
    """The same person, who works in finance from now on."""
    auth = stage.scoring.auth
    owner = await auth.cloud.connect(auth.database, role="owner", service="auth")
    await owner.execute("UPDATE users SET roles = '{finance}' WHERE id = $1", person.id)
    await owner.close()
    return await auth.log_in(person)


@pytest.mark.parametrize("calls", [64, 2])
async def test_a_batch_that_is_refused_is_refused_for_the_lines_that_are_meant(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """The client's limit refuses a batch as a whole, though the third line is within it; however few calls are left."""
    await stage.play([100, 60, 20])
    contest, clients = stage.contests[0], stage.scoring.auth.app.state.services.clients.clients
    monkeypatch.setattr(paying, "CALLS", calls)
    monkeypatch.setitem(clients, wallet.CLIENT, replace(clients[wallet.CLIENT], limits={"wallet:prize": 50}))
    await stage.approve(contest)
    await stage.scoring.work()
    found = [(row["amount"], row["state"], row["reason"]) for row in (await stage.payouts(contest))["payouts"]]
    assert found == [(80, "refused", "limit_exceeded")] * 2 + [(20, "paid", "")]
    assert await stage.winnings() == [0, 0, 20] and await stage.paying.postings() == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.integers(7, 90), st.integers(0, 200))
def test_halves_settle_the_first_lines_rightly_and_leave_the_rest(
    count: int, bad: set[int], calls: int, fails_after: int
) -> None:
    """A wallet that refuses whatever holds a bad line, and may stop answering: each line is settled by its own answer."""
    orders = [prizes_repository.Order(UUID(int=number), uuid4(), uuid4(), 1) for number in range(count)]
    asked: list[int] = []

    async def pay(part: Sequence[prizes_repository.Order]) -> wallet.Answer:
        asked.append(len(part))
        if len(asked) > fails_after:
            raise Unknown("silent")
        if bad & {order.id.int for order in part}:
            raise Refused("limit_exceeded")
        return wallet.Answer([wallet.Paid(order.id, datetime.now(UTC)) for order in part], {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paying, "CALLS", calls)
        try:
            answer = asyncio.run(paying.by_halves(pay, orders))
        except Unknown:
            assert fails_after < 7, "six halvings of 40 reach a line"
            return
    paid = sorted(each.id.int for each in answer.paid)
    refused = {id_.int for id_ in answer.refused}
    assert refused <= bad and not bad & set(paid)
    assert sorted([*paid, *refused]) == list(range(len(paid) + len(refused))), "the first, each once"
    assert len(asked) <= calls
    if calls >= 2 * count and fails_after >= 2 * count:
        assert len(paid) + len(refused) == count


async def test_who_wins_does_not_approve_and_who_audits_only_looks(stage: Stage) -> None:
    await stage.play([10])
    contest, scoring = stage.contests[0], stage.scoring
    approval = f"/scoring/staff/contests/{contest}/approval"
    winner = await scoring.auth.show_two_factors(await _employed(stage, stage.players[0]))
    assert await scoring.refused("POST", approval, winner.bearer) == (409, "own_prize")
    auditor = await scoring.auth.colleague("auditor")
    (waiting,) = (await scoring.ok("GET", "/scoring/staff/contests/waiting", auditor.bearer))["contests"]
    assert (waiting["id"], waiting["payouts"], waiting["amount"]) == (contest, 2, 10)
    assert waiting["reasons"] == ["the umpires have signed"], "below the threshold, and it waits all the same"
    assert await scoring.refused("POST", approval, auditor.bearer) == (403, "forbidden")
    assert await scoring.refused("GET", "/scoring/staff/contests/waiting", stage.players[2].bearer) == (
        403,
        "forbidden",
    )
    await stage.approve(contest)
    assert (await scoring.ok("GET", "/scoring/staff/contests/waiting", auditor.bearer))["contests"] == []


async def test_both_sides_are_compared(stage: Stage) -> None:
    await stage.play([100, 60, 20], [100])
    contest = stage.contests[0]
    await stage.approve(contest)
    await stage.scoring.work()
    lines = (await stage.payouts(contest))["payouts"]
    day = await stage.compared()
    assert (day["lines"], day["postings"], day["amount"], day["differences"]) == (3, 3, 180, 0)
    ledger = stage.paying.wallet.client
    bearer = await stage.paying.wallet.machine("stranger", {"wallet:prize", "wallet:reverse"})
    stray = str(uuid4())
    body = {
        "id": stray,
        "kind": "guaranteed_prize",
        "player": str(uuid4()),
        "pot": contest,
        "amount": 9,
        "reference": "x",
    }
    assert (await ledger.post("/wallet/internal/movements", json=body, headers=bearer)).status_code == 201
    undone = {"id": str(uuid4()), "transaction": lines[0]["id"]}
    assert (await ledger.post("/wallet/internal/reversals", json=undone, headers=bearer)).status_code == 201
    lost = uuid4()
    await stage.rows("ALTER TABLE payouts DISABLE TRIGGER payouts_checked")
    await stage.rows("UPDATE payouts SET amount = amount + 1 WHERE id = $1", lines[1]["id"])
    await stage.rows("UPDATE payouts SET state = 'sent', posted_at = NULL WHERE id = $1", lines[2]["id"])
    await stage.rows(
        "INSERT INTO payouts (id, contest_id, team_id, owner_id, rank, amount, created_at, state, posted_at)"
        " SELECT $1, c.id, (SELECT id FROM teams t WHERE NOT EXISTS (SELECT 1 FROM payouts p WHERE p.team_id = t.id"
        " AND p.contest_id = c.id) LIMIT 1), $1, 1, 5, now(), 'paid', $2 FROM contests c WHERE c.id <> $3 LIMIT 1",
        lost, stage.scoring.clock.now(), contest,
    )  # fmt: skip
    found = await stage.compared()
    kinds = {each["id"]: (each["kind"], each["line"], each["posting"]) for each in found["discrepancies"]}
    wanted = {
        stray: ("no_line", None, 9),
        lines[0]["id"]: ("reversed", 80, 80),
        lines[1]["id"]: ("amount_differs", 81, 80),
        lines[2]["id"]: ("not_paid_here", 20, 20),
        str(lost): ("no_posting", 5, None),
    }
    assert kinds == wanted
    assert found["differences"] == len(found["discrepancies"])
    refused = await stage.scoring.refused("GET", "/scoring/staff/prizes/reports/2020-01-01", stage.finance.bearer)
    assert refused == (404, "report_unknown")


async def test_a_prize_that_went_to_somebody_else_is_a_difference(stage: Stage) -> None:
    """Whoever has scoring's scope posts a line's id for another player before scoring does; or a line changes its owner."""
    await stage.play([100, 60, 20])
    contest, thief = stage.contests[0], str(uuid4())
    first, second, third = (await stage.payouts(contest))["payouts"]
    bearer = await stage.paying.wallet.machine("stranger", {"wallet:prize"})
    stolen = {
        "id": first["id"], "kind": "guaranteed_prize", "player": thief, "pot": contest, "amount": first["amount"],
        "reference": f"prize:{first['id']}",
    }  # fmt: skip
    answer = await stage.paying.wallet.client.post("/wallet/internal/movements", json=stolen, headers=bearer)
    assert answer.status_code == 201, answer.text
    await stage.approve(contest)
    await stage.scoring.work()
    assert await stage.states(contest) == ["refused", "paid", "paid"], "the wallet has that id of somebody else"
    await stage.rows("ALTER TABLE payouts DISABLE TRIGGER payouts_checked")
    await stage.rows("UPDATE payouts SET owner_id = $2 WHERE id = $1", UUID(second["id"]), uuid4())
    found = await stage.compared()
    assert {each["id"]: (each["kind"], each["line"], each["posting"]) for each in found["discrepancies"]} == {
        first["id"]: ("player_differs", 80, 80),
        second["id"]: ("player_differs", 80, 80),
    }
    assert found["differences"] == 2 and third["id"] not in str(found)
    assert await stage.paying.postings() == 3, "it is found, and nobody is paid twice for it"


async def test_what_is_not_paid_in_time_is_asked_for_again(stage: Stage) -> None:
    """The outbox has given up, or a task of the release before has ordered it without a message to anybody."""
    await stage.play([40], [30])
    given_up, before = stage.contests
    await stage.approve(given_up)
    await stage.rows("UPDATE outbox SET dead_at = now(), attempts = 12 WHERE done_at IS NULL")
    await stage.rows("UPDATE outbox SET done_at = now() WHERE done_at IS NULL")
    await stage.rows("UPDATE contests SET state = 'ordered' WHERE id = $1", before)
    run = stage.scoring.app.state.sessions, stage.scoring.clock, "scoring.look_at_prizes"
    assert await jobs.run_scheduled(*run)
    assert await stage.states(given_up) == ["approved"] * 2, "not yet"
    stage.scoring.clock.move(minutes=16)
    assert await jobs.run_scheduled(*run)
    await stage.scoring.work()
    assert await stage.winnings() == [20 + 15, 20 + 15, 0]
    stage.scoring.clock.move(minutes=16)
    assert await jobs.run_scheduled(*run)
    assert await stage.rows("SELECT 1 FROM outbox WHERE done_at IS NULL") == []


async def test_the_database_refuses_what_states_do_not_allow(stage: Stage) -> None:
    await stage.play([3])
    contest = stage.contests[0]
    (row, *_) = (await stage.payouts(contest))["payouts"]
    app = await stage.scoring.auth.cloud.connect(stage.scoring.database, role="app", service="scoring")
    try:
        for change in ("amount = 1000", "owner_id = id", "contest_id = id"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(f"UPDATE payouts SET {change} WHERE id = $1", row["id"])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("DELETE FROM payouts")
        for state in ("sent", "paid", "refused"):
            posted = "now()" if state == "paid" else "NULL"
            with pytest.raises(asyncpg.CheckViolationError):
                await app.execute(f"UPDATE payouts SET state = '{state}', posted_at = {posted}")
        await stage.approve(contest)
        await stage.scoring.work()
        for change in ("state = 'approved', posted_at = NULL", "posted_at = now()", "reason = 'x'"):
            with pytest.raises(asyncpg.CheckViolationError):
                await app.execute(f"UPDATE payouts SET {change}")
    finally:
        await app.close()


def test_the_migration_has_the_same_moves() -> None:
    from importlib import import_module

    written = import_module(f"{migrations}.0006_prizes_are_paid")._MOVES
    assert set(written) == {f"{one} {other}" for one, others in states.MOVES.items() for other in others}


#: Dies at a step: before the wallet is asked, when it has done it and nobody knows, when the answer is not committed yet.
_DIES = """
import asyncio, os, sys

from services.common import database
from services.common.clock import SystemClock
from services.common.settings import AppDatabaseSettings, load
from services.scoring import paying, tasks

step, message = sys.argv[1:]


class Dies(paying.Pay):
    async def call(self, wanted):
        if step == "prepared":
            await reached()
        answer = await super().call(wanted)
        if step == "called":
            await reached()
        return answer

    async def settle(self, *given):
        await super().settle(*given)
        await reached()


async def reached():
    print("reached", flush=True)
    await asyncio.sleep(600)


async def main():
    sessions = database.create_sessions(database.create_engine(load(AppDatabaseSettings), "killed"))
    tasks.jobs.outside[paying.PAY] = Dies()
    await tasks.jobs.handle(sessions, SystemClock(), paying.PAY, [__import__("uuid").UUID(message)])


asyncio.run(main())
"""


def _killed(step: str, message: str, environment: Mapping[str, str]) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _DIES, step, message],
        env={**environment, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert worker.stdout is not None
        lines = iter(worker.stdout.readline, b"")
        assert any(line == b"reached\n" for line in lines)
    finally:
        worker.kill()
        worker.communicate()


async def test_a_worker_killed_between_any_two_steps_pays_nobody_twice(stage: Stage, tmp_path: Path) -> None:
    """kill -9: with the pay-outs noted as sent; with the wallet's work done and not known; with all written, not committed."""
    steps = {"prepared": 0, "called": 2, "settled": 2}
    await stage.play(*[[11, 2] for _ in steps])
    scoring, expected = stage.scoring, 0
    async with serving(scoring.auth.app) as auth, serving(stage.paying.wallet.app) as ledger:
        urls = {"AUTH_URL": f"http://{auth[0]}:{auth[1]}", "WALLET_URL": f"http://{ledger[0]}:{ledger[1]}"}
        given = scoring.auth.cloud.process_environment(
            "scoring", scoring.database, tmp_path, process="worker", **scoring.s3
        )
        for (step, done), contest in zip(steps.items(), stage.contests, strict=True):
            await stage.approve(contest)
            (waiting,) = await stage.rows("SELECT id FROM outbox WHERE done_at IS NULL")
            await asyncio.to_thread(_killed, step, str(waiting["id"]), given | urls)
            assert await stage.paying.postings() == expected + done, step
            assert await stage.states(contest) == ["sent"] * 2, step
            await stage.rows("UPDATE outbox SET next_attempt_at = now(), reserved_until = NULL WHERE done_at IS NULL")
            await scoring.work()
            expected += 2
            assert await stage.states(contest) == ["paid"] * 2 and await stage.paying.postings() == expected, step
    assert await stage.winnings() == [21, 18, 0]
    assert (await stage.compared())["differences"] == 0


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["posted", "replayed", "account_frozen", "id_reused"]), min_size=1, max_size=20))
def test_each_line_of_an_answer_is_paid_or_refused_and_what_is_about_others_is_no_answer(statuses: list[str]) -> None:
    orders = [prizes_repository.Order(uuid4(), uuid4(), uuid4(), 1 + place) for place in range(len(statuses))]
    now = datetime.now(UTC)
    results = [
        {
            "id": str(order.id),
            "status": status,
            "created_at": now.isoformat() if status in ("posted", "replayed") else None,
        }
        for order, status in zip(orders, statuses, strict=True)
    ]

    async def ask(results: Any, status: int = 200, code: str = "limit_exceeded") -> wallet.Answer:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/auth/token":
                return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
            return httpx.Response(status, json={"results": results, "code": code})

        with environ(
            {"WALLET_URL": "http://wallet", "AUTH_URL": "http://auth", "CLIENT_SECRET_SCORING_PRIZES": "s" * 32}
        ):
            opened = await wallet.open_wallet(httpx.MockTransport(answer))
        return await opened.pay(orders)

    async def all_answers() -> wallet.Answer:
        others: list[Any] = [results[1:], [*results, results[0] | {"id": str(uuid4())}], None, [{}]]
        for broken in others:
            with pytest.raises((NotDone, Unknown)):
                await ask(broken)
        for status, code in (
            (401, "unauthenticated"),
            (403, "forbidden"),
            (429, "busy"),
            (302, ""),
            (500, ""),
            (503, "busy"),
        ):
            with pytest.raises((NotDone, Unknown)):
                await ask(results, status, code)
        for status in (403, 409, 422):
            with pytest.raises(Refused):
                await ask(results, status)
        return await ask(results)

    found = asyncio.run(all_answers())
    assert {each.id for each in found.paid} | found.refused.keys() == {order.id for order in orders}
    assert {order.id: found.refused.get(order.id, "paid") for order in orders} == {
        order.id: "paid" if status in ("posted", "replayed") else status
        for order, status in zip(orders, statuses, strict=True)
    }
