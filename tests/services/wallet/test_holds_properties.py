"""Holds against a model: created, captured in parts, voided, expired, among deposits, transfers, reversals and freezes.

After every operation, what Blnk's invariant fuzzer asserts: (1) what was posted and what is held is conserved, (2) no component
is negative, (3) stored balances are what their entries make, (4) nothing available falls below zero, (5) what is held is the
sum of the open holds, (6) an operation that is refused leaves every byte as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.common.postgres import Reads, Transaction
from services.wallet import checks_repository, controls_repository, ledger
from services.wallet.ledger import NO_CAP, Item, Status, Verdict, house
from tests.services.wallet.fixtures import World

pytestmark = pytest.mark.postgres

PLAYERS = 3
BUCKETS = ("winnings", "deposit")  # in the order in which a payout draws on them

amounts = st.one_of(st.integers(1, 9), st.integers(10, 1_000), st.integers(10**9, 10**9 + 5))
players = st.integers(0, PLAYERS - 1)
drawn = st.integers(0, 10**6)

#: Of everything that operations change, one line; what is refused must leave it as it is.
EVERYTHING = """
    SELECT md5(concat_ws('|',
        (SELECT string_agg(b::text, ',' ORDER BY account_id) FROM balances b),
        (SELECT string_agg(p::text, ',' ORDER BY hold_id, number) FROM hold_parts p),
        (SELECT string_agg(e::text, ',' ORDER BY hold_id) FROM hold_ends e),
        (SELECT string_agg(r::text, ',' ORDER BY transaction_id, account_id) FROM receivables r),
        (SELECT count(*) FROM transactions), (SELECT count(*) FROM entries), (SELECT count(*) FROM holds),
        (SELECT count(*) FROM outbox), (SELECT count(*) FROM events)
    )) AS all
"""


@dataclass
class Held:
    """An open hold, or one that has ended: what is left of each bucket."""

    id: UUID
    player: int
    left: dict[str, int]
    state: str = "open"


@dataclass
class Moved:
    """A movement that may be undone: what each bucket of each player got."""

    id: UUID
    parts: list[tuple[int, str, int]]
    undone: bool = False


@dataclass
class Purse:
    """What a player has."""

    amount: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))
    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))
    frozen: bool = False
    owed: int = 0

    def free(self, bucket: str) -> int:
        return self.amount[bucket] - self.held[bucket]

    def draw(self, amount: int, buckets: Sequence[str] = BUCKETS) -> dict[str, int]:
        """What `amount` takes of each bucket, as far as there is anything."""
        parts = {}
        for bucket in buckets:
            take = min(amount, self.free(bucket))
            amount -= take
            if take:
                parts[bucket] = take
        return parts


class Holds(RuleBasedStateMachine):
    """The database's ledger, and beside it what it must be."""

    world: World

    @initialize()
    def open_accounts(self) -> None:
        self.players = [uuid4() for _ in range(PLAYERS)]
        self.purses = [Purse() for _ in range(PLAYERS)]
        self.holds: list[Held] = []
        self.moves: list[Moved] = []
        self.freezes: dict[int, UUID] = {}
        wanted = [(player, bucket) for player in self.players for bucket in ("deposit", "winnings", "bonus")]
        self.accounts = dict(
            zip(wanted, self.world.run(self.world.known.have(Reads(self.world.pool), wanted)), strict=True)
        )

    def _account(self, player: int, bucket: str) -> UUID:
        return self.accounts[self.players[player], bucket]

    def _post(self, item: Item, expected: Status) -> Verdict:
        async def work() -> Verdict:
            reads = Reads(self.world.pool)
            before = (await reads.fetchrow(EVERYTHING))["all"]
            (outcome,) = await ledger.post(reads, [item], self.world.clock.now())
            assert outcome.status is expected, f"{item}: {outcome}"
            if not outcome.status.done:
                assert (await reads.fetchrow(EVERYTHING))["all"] == before, f"{outcome.status} changed something"
            else:
                (again,) = await ledger.post(reads, [item], self.world.clock.now())
                wanted = Status.HOLD_ENDED if item.op == "release" else Status.REPLAYED
                assert again.status is wanted, f"{item} again: {again}"
            return outcome

        return self.world.run(work())

    def _move(self, kind: str, sources: list[tuple[UUID, int]], to: UUID, amount: int, **more: Any) -> Item:
        destinations = [(to, amount)]
        return ledger.move(
            id=uuid4(), kind=kind, by="test", hash=b"x", sources=sources, destinations=destinations, **more
        )

    @rule(player=players, amount=amounts, won=st.booleans())
    def comes_in(self, player: int, amount: int, won: bool) -> None:
        """A deposit; or a prize, out of a pot that another deposit filled: only players' money is in the model."""
        bucket = "winnings" if won else "deposit"
        kind, source = ("adjustment", house("suspense", 1)) if won else ("deposit", house("psp:razorpay", 2))
        item = self._move(kind, [(source, NO_CAP)], self._account(player, bucket), amount)
        self._post(item, Status.POSTED)
        self.purses[player].amount[bucket] += amount
        self.moves.append(Moved(item.id, [(player, bucket, amount)]))

    @rule(giver=players, taker=players, amount=amounts)
    def transfer(self, giver: int, taker: int, amount: int) -> None:
        if giver == taker:
            return
        purse = self.purses[giver]
        parts = purse.draw(amount, ["deposit"])
        expected = self._expected(purse, parts, amount)
        to = self._account(taker, "deposit")
        item = self._move("transfer", [(self._account(giver, "deposit"), NO_CAP)], to, amount)
        self._post(item, expected)
        if expected is Status.POSTED:
            purse.amount["deposit"] -= amount
            self.purses[taker].amount["deposit"] += amount
            self.moves.append(Moved(item.id, [(taker, "deposit", amount), (giver, "deposit", -amount)]))

    @staticmethod
    def _expected(purse: Purse, parts: dict[str, int], amount: int, at_most: bool = False) -> Status:
        if parts and purse.frozen:
            return Status.ACCOUNT_FROZEN
        short = sum(parts.values()) < amount
        return Status.INSUFFICIENT_FUNDS if short and not (at_most and parts) else Status.POSTED

    @rule(player=players, amount=amounts, at_most=st.booleans())
    def hold(self, player: int, amount: int, at_most: bool) -> None:
        purse = self.purses[player]
        parts = purse.draw(amount)
        expected = self._expected(purse, parts, amount, at_most)
        item = ledger.hold(
            id=uuid4(), kind="payout", by="test", hash=b"x", player=self.players[player],
            sources=[(self._account(player, bucket), NO_CAP) for bucket in BUCKETS], amount=amount, at_most=at_most,
        )  # fmt: skip
        self._post(item, expected)
        if expected is Status.POSTED:
            for bucket, part in parts.items():
                purse.held[bucket] += part
            self.holds.append(Held(item.id, player, parts))

    @precondition(lambda self: self.holds)
    @rule(which=drawn, percent=st.integers(1, 130), final=st.booleans())
    def capture(self, which: int, percent: int, final: bool) -> None:
        """A part, all, or more than there is left."""
        held = self.holds[which % len(self.holds)]
        purse, left = self.purses[held.player], sum(held.left.values())
        amount = max(1, left * percent // 100)
        if held.state != "open":
            expected = Status.HOLD_ENDED
        elif purse.frozen:
            expected = Status.ACCOUNT_FROZEN
        else:
            expected = Status.HOLD_EXCEEDED if amount > left else Status.POSTED
        item = self._move("payout", [], house("psp:razorpay", 3), amount, hold=held.id, final=final or None)
        self._post(item, expected)
        if expected is not Status.POSTED:
            return
        parts = []
        for bucket in BUCKETS:
            take = min(amount, held.left.get(bucket, 0))
            if take:
                amount -= take
                held.left[bucket] -= take
                purse.held[bucket] -= take
                purse.amount[bucket] -= take
                parts.append((held.player, bucket, -take))
        self.moves.append(Moved(item.id, parts))
        if final or not any(held.left.values()):
            self._ended(held, "captured")

    def _ended(self, held: Held, state: str) -> None:
        for bucket, rest in held.left.items():
            self.purses[held.player].held[bucket] -= rest
            held.left[bucket] = 0
        held.state = state

    @precondition(lambda self: self.holds)
    @rule(which=drawn, state=st.sampled_from(["voided", "expired"]))
    def release(self, which: int, state: str) -> None:
        held = self.holds[which % len(self.holds)]
        expected = Status.POSTED if held.state == "open" else Status.HOLD_ENDED
        self._post(ledger.release(hold=held.id, kind="payout", by="test", state=state), expected)
        if expected is Status.POSTED:
            self._ended(held, state)

    @precondition(lambda self: self.moves)
    @rule(which=drawn)
    def reverse(self, which: int) -> None:
        """What is no longer there is owed, also by somebody frozen; a second time is refused."""
        moved = self.moves[which % len(self.moves)]
        back = [(self._account(player, bucket), part) for player, bucket, part in moved.parts]
        total = sum(part for _, part in back)
        sources = [(account, part) for account, part in back if part > 0] + [(house("receivable", 4), NO_CAP)]
        destinations = [(account, -part) for account, part in back if part < 0]
        if total > 0:
            destinations.append((house("psp:razorpay", 2), total))
        item = ledger.move(
            id=uuid4(), kind="reversal", by="test", hash=b"x", reverses=moved.id,
            # A capture is given back by the provider.
            sources=[(house("psp:razorpay", 3), -total), *sources] if total < 0 else sources, destinations=destinations,
        )  # fmt: skip
        self._post(item, Status.REVERSED_BEFORE if moved.undone else Status.POSTED)
        if moved.undone:
            return
        moved.undone = True
        for player, bucket, part in moved.parts:
            purse = self.purses[player]
            take = min(part, purse.free(bucket)) if part > 0 else part
            purse.amount[bucket] -= take
            purse.owed += part - take

    @rule(player=players)
    def freeze_or_lift(self, player: int) -> None:
        purse, now = self.purses[player], self.world.clock.now()

        async def work() -> None:
            async with Transaction(self.world.pool) as transaction:
                if purse.frozen:
                    await controls_repository.lift(transaction, self.freezes.pop(player), "over", "test", now)
                else:
                    self.freezes[player] = uuid4()
                    of = self.players[player]
                    await controls_repository.freeze(transaction, self.freezes[player], of, "why", "test", now)

        self.world.run(work())
        purse.frozen = not purse.frozen

    @invariant()
    def everything_is_what_the_model_says(self) -> None:
        async def work() -> tuple[dict[UUID, Any], list[Any], dict[UUID, Any], int]:
            reads = Reads(self.world.pool)
            rows = await reads.fetch(
                "SELECT * FROM balances WHERE account_id = ANY($1::uuid[])", list(self.accounts.values())
            )
            open_parts = await reads.fetch(
                "SELECT account_id, sum(remaining)::bigint AS held FROM hold_parts WHERE account_id = ANY($1::uuid[])"
                " AND remaining > 0 GROUP BY 1", list(self.accounts.values()),
            )  # fmt: skip
            owed = await reads.fetchrow(
                "SELECT coalesce(sum(amount - recovered), 0)::bigint AS owed FROM receivables"
                " WHERE account_id = ANY($1::uuid[])",
                list(self.accounts.values()),
            )
            async with self.world.sessions() as session:
                found = await checks_repository.found(session, 5)
            return (
                {row["account_id"]: row for row in rows}, found, {row["account_id"]: row["held"] for row in open_parts},
                owed["owed"],
            )  # fmt: skip

        rows, found, parts, owed = self.world.run(work())
        assert found == []
        assert owed == sum(purse.owed for purse in self.purses)
        for player, purse in enumerate(self.purses):
            for bucket in BUCKETS:
                row = rows[self._account(player, bucket)]
                assert (row["amount"], row["held"], row["frozen"]) == (
                    purse.amount[bucket], purse.held[bucket], purse.frozen,
                )  # fmt: skip
                assert 0 <= row["held"] <= row["amount"]
                assert row["held"] == parts.get(row["account_id"], 0)


def test_holds_keep_the_six_invariants(world: World) -> None:
    class WithWorld(Holds):
        pass

    WithWorld.world = world
    run_state_machine_as_test(
        WithWorld,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
