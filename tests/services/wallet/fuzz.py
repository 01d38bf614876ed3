"""The ledger under a long random load: `make fuzz-wallet`, or `python -m tests.services.wallet.fuzz --help`.

Several connections post batches of drawn operations at the same time: deposits, entries, prizes, transfers, holds, captures,
voids, reversals, chains, dry runs, and what was sent before, with the same request and with another. What each answer has to
be is looked at at once; what must be true of the whole ledger (`services.wallet.checks_repository`), in between and at the end.

A run is its seed. Operations of one round are drawn from the seed, the worker's number and the round's, their ids too: a run
that was killed is started again with the same directory, sends its last rounds again, and goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from services.common.database import create_engine, create_sessions
from services.common.postgres import Pool, Reads, connect
from services.common.settings import DatabaseSettings
from services.wallet import checks_repository, ledger
from services.wallet.accounts_repository import AccountIndex
from services.wallet.ledger import NO_CAP, SHARDS, Item, Status, Verdict, house

PLAYERS, POTS = 40, 6
BUCKETS = ("deposit", "winnings", "bonus")
BATCH = (1, 1, 2, 5, 20, 60)
LATE = datetime(2100, 1, 1, tzinfo=UTC)

#: Four bands of magnitude, so that small and huge amounts meet in one account.
BANDS = ((1, 9), (10, 10_000), (10**5, 10**8), (10**12, 10**12 + 10))


class BrokenError(AssertionError):
    """The ledger did what it must not."""


@dataclass
class Sent:
    """What became of an item that is sent again: it must become of it again."""

    item: Item
    outcome: Verdict


@dataclass
class Worker:
    """One connection, and what it remembers of what it did."""

    number: int
    seed: int
    pool: Pool
    accounts: dict[tuple[UUID, str], UUID]
    owners: Sequence[UUID]
    pots: Sequence[UUID]
    statuses: Counter[str] = field(default_factory=Counter)
    done: deque[Sent] = field(default_factory=lambda: deque(maxlen=200))
    holds: deque[tuple[UUID, str]] = field(default_factory=lambda: deque(maxlen=50))

    async def round(self, number: int) -> int:
        """Post one batch; returns how many operations it had. Raises BrokenError."""
        draw = random.Random(f"{self.seed}/{self.number}/{number}")
        items: list[Item] = []
        names: set[Any] = set()
        for _ in range(draw.choice(BATCH)):
            item = self._item(draw)
            own = {item.id, item.more.get("hold", item.id)}
            if names.isdisjoint(own):
                names |= own
                items.append(item)
        chained = draw.random() < 0.1 and not any(self._before(item) for item in items)
        if chained:
            items = [replace(item, chain=1) for item in items]
        dry = draw.random() < 0.03
        reads = Reads(self.pool)
        outcomes = await ledger.post(reads, items, datetime.now(UTC), dry=dry)
        self._look(items, outcomes, chained)
        if not dry:
            for item, outcome in zip(items, outcomes, strict=True):
                self._remember(item, outcome)
        return len(items)

    def _before(self, item: Item) -> Verdict | None:
        return next((sent.outcome for sent in self.done if sent.item.id == item.id), None)

    def _look(self, items: Sequence[Item], outcomes: Sequence[Verdict], chained: bool) -> None:
        for item, outcome in zip(items, outcomes, strict=True):
            self.statuses[outcome.status] += 1
            if sum(entry.amount for entry in outcome.entries):
                raise BrokenError(f"{item.id} does not sum to zero: {outcome}")
            if item.op == "move" and outcome.status.done and not outcome.entries:
                raise BrokenError(f"{item.id} was done and has no entries: {outcome}")
            before = next((sent for sent in self.done if sent.item.id == item.id), None)
            if before is not None:
                same = before.item.hash == item.hash
                if outcome.status is not (Status.REPLAYED if same else Status.ID_REUSED):
                    raise BrokenError(f"{item.id} was sent before and now gave {outcome.status}")
                if same and sorted(map(str, outcome.entries)) != sorted(map(str, before.outcome.entries)):
                    raise BrokenError(f"{item.id} was answered {before.outcome} and then {outcome}")
        # After a run that was killed some may be posted already, each by itself: they are replayed, whatever the others do.
        posted = sum(outcome.status is Status.POSTED for outcome in outcomes)
        if chained and posted and not all(outcome.status.done for outcome in outcomes):
            raise BrokenError(f"{posted} of a chain of {len(items)} were posted without the others: {outcomes}")

    def _remember(self, item: Item, outcome: Verdict) -> None:
        if outcome.status is Status.POSTED and item.op != "release" and self._before(item) is None:
            self.done.append(Sent(replace(item, chain=None), outcome))
            if item.op == "hold":
                self.holds.append((item.id, item.kind))

    def _item(self, draw: random.Random) -> Item:
        kind = draw.choices(
            ("deposit", "transfer", "entry", "prize", "bonus", "hold", "capture", "void", "reverse", "again", "other"),
            (20, 20, 15, 8, 3, 8, 8, 3, 4, 8, 2),
        )[0]
        made: Item | None = None
        if kind in ("again", "other") and self.done:
            made = draw.choice(self.done).item
            return made if kind == "again" else replace(made, hash=draw.randbytes(32))
        if kind in ("capture", "void") and self.holds:
            hold, of = draw.choice(self.holds)
            if kind == "void":
                return ledger.release(hold=hold, kind=of, by="fuzz", state=draw.choice(("voided", "expired")))
            return self._move(
                draw, of, [], house("psp:razorpay", self.number % SHARDS), hold=hold, final=draw.random() < 0.3 or None
            )
        if kind == "reverse" and (
            moves := [sent for sent in self.done if sent.item.op == "move" and sent.item.kind != "reversal"]
        ):
            return self._reversal(draw, draw.choice(moves))
        player = draw.choice(self.owners)
        deposit, winnings, bonus = (self.accounts[player, bucket] for bucket in BUCKETS)
        pot = self.accounts[draw.choice(self.pots), "pot"]
        shard = draw.randrange(SHARDS)
        if kind == "transfer":
            other = self.accounts[draw.choice([owner for owner in self.owners if owner != player]), "deposit"]
            return self._move(draw, "transfer", [(deposit, NO_CAP)], other)
        if kind == "entry":
            return self._move(
                draw, "contest_entry", [(bonus, 5), (deposit, NO_CAP), (winnings, NO_CAP)], pot, player=player
            )
        if kind == "prize":
            return self._move(draw, "prize", [(pot, NO_CAP)], winnings)
        if kind == "bonus":
            return self._move(draw, "bonus", [(house("promotions", shard), NO_CAP)], bonus)
        if kind == "hold":
            return ledger.hold(
                id=_id(draw), kind="payout", by="fuzz", hash=_hash(draw, "hold"), player=player,
                sources=[(winnings, NO_CAP), (deposit, NO_CAP)], amount=_amount(draw), at_most=draw.random() < 0.3,
                expires_at=LATE,
            )  # fmt: skip
        return self._move(draw, "deposit", [(house("psp:razorpay", shard), NO_CAP)], deposit)

    def _move(self, draw: random.Random, kind: str, sources: list[tuple[UUID, int]], to: UUID, **more: Any) -> Item:
        return ledger.move(
            id=_id(draw), kind=kind, by="fuzz", hash=_hash(draw, "move"), sources=sources,
            destinations=[(to, _amount(draw))], **more,
        )  # fmt: skip

    def _reversal(self, draw: random.Random, sent: Sent) -> Item:
        entries = sent.outcome.entries
        takes = [(entry.account, entry.amount) for entry in entries if entry.amount > 0]
        return ledger.move(
            id=_id(draw), kind="reversal", by="fuzz", hash=_hash(draw, "reversal"),
            sources=[*takes, (house("receivable", draw.randrange(SHARDS)), NO_CAP)],
            destinations=[(entry.account, -entry.amount) for entry in entries if entry.amount < 0], reverses=sent.item.id,
        )  # fmt: skip


def _id(draw: random.Random) -> UUID:
    return UUID(int=draw.getrandbits(128), version=4)


def _hash(draw: random.Random, op: str) -> bytes:
    """Of what is asked: a round that is sent again after a kill draws from less, and may ask something else under an id."""
    return hashlib.sha256(op.encode() + draw.randbytes(32)).digest()


def _amount(draw: random.Random) -> int:
    return draw.randint(*draw.choices(BANDS, (20, 50, 25, 5))[0])


async def run(
    settings: DatabaseSettings, *, seed: int, operations: int, connections: int = 8, progress: Path | None = None
) -> Counter[str]:
    """Post so many operations, look, and say what became of them. Raises BrokenError."""
    kept = _kept(progress) or {"seed": seed, "round": 0, "operations": 0}
    if kept["seed"] != seed:
        raise SystemExit(f"the directory is of the run with seed {kept['seed']}, not {seed}")
    draw = random.Random(seed)
    owners, pots = [_id(draw) for _ in range(PLAYERS)], [_id(draw) for _ in range(POTS)]
    pool = Pool(lambda: connect(settings, "fuzz", limits=False), connections)
    wanted = [*((owner, bucket) for owner in owners for bucket in BUCKETS), *((pot, "pot") for pot in pots)]
    accounts = dict(zip(wanted, await AccountIndex().have(Reads(pool), wanted), strict=True))
    workers = [Worker(number, seed, pool, accounts, owners, pots) for number in range(connections)]
    engine = create_engine(settings, "fuzz-checks", limits=False, connections=1)
    sessions = create_sessions(engine)
    number, done, looked, begun = kept["round"], kept["operations"], kept["operations"], time.monotonic()
    while done < operations:
        # Workers are not in step: each has several batches of its own to do.
        made = await asyncio.gather(*(_rounds(worker, number, 10) for worker in workers))
        number, done = number + 10, done + sum(made)
        if done - looked >= max(20_000, done // 5) or done >= operations:
            looked = done
            async with sessions() as session:
                found = await checks_repository.found(session, 5)
            if found:
                raise BrokenError(f"seed {seed}, round {number}: {found}")
            if progress:
                _keep(progress, {"seed": seed, "round": number, "operations": done})
                rate = (done - kept["operations"]) / (time.monotonic() - begun)
                sys.stderr.write(f"{done} operations, {rate:.0f}/s, no break\n")
    await engine.dispose()
    await pool.close()
    return sum((worker.statuses for worker in workers), Counter())


def _kept(progress: Path | None) -> dict[str, int] | None:
    return dict(json.loads(progress.read_text())) if progress and progress.exists() else None


def _keep(progress: Path, reached: dict[str, int]) -> None:
    progress.write_text(json.dumps(reached))


async def _rounds(worker: Worker, first: int, count: int) -> int:
    return sum([await worker.round(number) for number in range(first, first + count)])


def main() -> int:
    """Exit code 0 when nothing broke."""
    from tests.services.wallet.stage import stage  # only a run by hand has a server of its own

    parser = argparse.ArgumentParser(description="a long random load on the wallet's ledger")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--directory", type=Path, default=Path(".matchday/fuzz-wallet"))
    asked = parser.parse_args()
    sys.stderr.write(f"seed {asked.seed}, in {asked.directory}\n")
    with stage(asked.directory) as settings:
        statuses = asyncio.run(
            run(
                settings, seed=asked.seed, operations=asked.operations, connections=asked.connections,
                progress=asked.directory / "progress.json",
            )
        )  # fmt: skip
    sys.stdout.write(json.dumps({"seed": asked.seed, "statuses": dict(statuses)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
