"""The ledger against a model: any sequence of operations, every invariant after each (as Blnk's invariant fuzzer does it).

One event loop and one database serve all examples of the run; each example plays with accounts of its own. What is checked of
the whole ledger (it sums to zero, it reconciles) is checked over everything that came before, too.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.common.errors import ErrorCode, ServiceError
from services.common.money import MAX_AMOUNT, Paise
from services.common.postgres import Reads, Transaction
from services.common.tokens import Caller
from services.wallet import checks_repository, ledger, service
from services.wallet.amounts import rupees
from services.wallet.errors import WalletCode
from services.wallet.schemas import CreditRequest, Movement, TransferRequest
from tests.services.wallet.fixtures import World

pytestmark = pytest.mark.postgres

T = TypeVar("T")
PLAYERS = 4

#: Four bands of magnitude, so that small and huge amounts meet in one account.
amounts = st.one_of(
    st.integers(1, 9), st.integers(10, 10_000), st.integers(10**5, 10**8), st.integers(MAX_AMOUNT - 5, MAX_AMOUNT)
)
players = st.integers(0, PLAYERS - 1)


CREDITOR = Caller("test", frozenset({service.CREDIT}))


class Ledger(RuleBasedStateMachine):
    """Credits, transfers, batches of transfers at once; beside them, what the balances must be."""

    world: World

    @initialize()
    def open_accounts(self) -> None:
        self.players = [uuid4() for _ in range(PLAYERS)]
        self.model: list[int] = [0] * PLAYERS
        self.lines: list[list[int]] = [[] for _ in range(PLAYERS)]
        self.accounts = [self.world.run(self._open(player)) for player in self.players]

    async def _open(self, player: UUID) -> UUID:
        async with self.world.sessions() as session, session.begin():
            view, new = await service.open_account(session, self.world.clock, player)
            assert new
        return view.id

    async def _transfer(self, giver: int, taker: int, amount: int) -> ErrorCode | None:
        wanted = TransferRequest(to_account=self.accounts[taker], amount=Paise(amount))
        try:
            async with Transaction(self.world.pool) as transaction:
                post = ledger.direct(transaction, self.world.clock)
                await service.transfer(Reads(self.world.pool), self.world.known, post, self.players[giver], wanted)
        except ServiceError as refusal:
            return refusal.code
        return None

    def _book(self, player: int, amount: int) -> None:
        self.model[player] += amount
        self.lines[player].append(amount)

    @rule(player=players, amount=amounts)
    def credit(self, player: int, amount: int) -> None:
        async def work() -> None:
            wanted = CreditRequest(account=self.accounts[player], amount=Paise(amount), reference=uuid4().hex)
            async with Transaction(self.world.pool) as transaction:
                outcome = await service.credit(
                    Reads(self.world.pool),
                    self.world.known,
                    ledger.direct(transaction, self.world.clock),
                    CREDITOR,
                    wanted,
                )
                assert Movement.model_validate_json(outcome.body or "").balance == self.model[player] + amount

        self.world.run(work())
        self._book(player, amount)

    @rule(giver=players, taker=players, amount=amounts)
    def transfer(self, giver: int, taker: int, amount: int) -> None:
        refusal = self.world.run(self._transfer(giver, taker, amount))
        if giver == taker:
            assert refusal is WalletCode.SAME_ACCOUNT
        elif amount > self.model[giver]:
            assert refusal is WalletCode.INSUFFICIENT_FUNDS
        else:
            assert refusal is None
            self._book(giver, -amount)
            self._book(taker, amount)

    @rule(giver=players, taker=players)
    def transfer_everything(self, giver: int, taker: int) -> None:
        if giver != taker and 0 < self.model[giver] <= MAX_AMOUNT:
            self.transfer(giver, taker, self.model[giver])

    @rule(wanted=st.lists(st.tuples(players, players, amounts), min_size=2, max_size=6))
    def transfers_at_once(self, wanted: list[tuple[int, int, int]]) -> None:
        """Which of them find money depends on their order; that nothing is lost or made does not."""

        async def work() -> list[ErrorCode | None]:
            return await asyncio.gather(*(self._transfer(*each) for each in wanted))

        for (giver, taker, amount), refusal in zip(wanted, self.world.run(work()), strict=True):
            assert refusal in (None, WalletCode.SAME_ACCOUNT, WalletCode.INSUFFICIENT_FUNDS)
            assert (refusal is WalletCode.SAME_ACCOUNT) == (giver == taker)
            if refusal is None:
                self.model[giver] -= amount
                self.model[taker] += amount
        for player in range(PLAYERS):  # the order is the database's
            self.lines[player] = self._entries(player)

    @rule(player=players, amount=amounts)
    def a_failure_before_the_commit_undoes_all(self, player: int, amount: int) -> None:
        async def work() -> None:
            wanted = CreditRequest(account=self.accounts[player], amount=Paise(amount), reference=uuid4().hex)
            async with Transaction(self.world.pool) as transaction:
                post = ledger.direct(transaction, self.world.clock)
                await service.credit(Reads(self.world.pool), self.world.known, post, CREDITOR, wanted)
                raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            self.world.run(work())

    @invariant()
    def balances_are_what_the_model_says_and_never_negative(self) -> None:
        async def work() -> list[int]:
            reads = Reads(self.world.pool)
            return [(await service.balance_of(reads, player)).balance for player in self.players]

        balances = self.world.run(work())
        assert balances == self.model
        assert min(balances) >= 0

    @invariant()
    def statements_are_complete_and_run_on(self) -> None:
        for player in range(PLAYERS):
            assert self._entries(player) == self.lines[player]

    @invariant()
    def money_is_conserved_and_the_ledger_reconciles(self) -> None:
        async def work() -> list[Any]:
            async with self.world.sessions() as session:
                return await checks_repository.found(session, 5)

        assert self.world.run(work()) == []

    def _entries(self, player: int) -> list[int]:
        async def work() -> list[int]:
            async with self.world.sessions() as session:
                statement = await service.statement(session, self.players[player], None, 1000)
            entries = statement.entries[::-1]
            balance = 0
            for number, entry in enumerate(entries, 1):
                balance += entry.amount
                assert (entry.sequence, entry.balance_after) == (number, balance)
            return [entry.amount for entry in entries]

        return self.world.run(work())


def test_the_ledger_keeps_its_invariants(world: World) -> None:
    class WithWorld(Ledger):
        pass

    WithWorld.world = world
    run_state_machine_as_test(
        WithWorld,
        settings=settings(
            max_examples=15,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (99_900, "₹999.00"),
        (100_000, "₹1,000.00"),
        (12_345_678_905, "₹12,34,56,789.05"),
        (-150, "-₹1.50"),
    ],
)
def test_rupees_are_written_as_in_india(amount: int, written: str) -> None:
    assert rupees(amount) == written
