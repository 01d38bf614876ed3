"""Bonuses: given under a rule of `bonus_rules`, played through, and ended by a job."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.common.clock import Clock
from services.common.postgres import Reads, Transaction
from services.common.tokens import Caller
from services.wallet import bonus_repository, ledger, movements
from services.wallet.accounts_repository import AccountIndex
from services.wallet.bonus_rules import Standing, standings, terms
from services.wallet.bonus_schemas import BonusesView, BonusRequest, BonusView
from services.wallet.ledger import NO_CAP, SHARDS, Item, Statements, digest, house
from services.wallet.refusals import done

#: Ids of what ends a bonus: one for each bonus, whoever tries and how often.
_ENDS = UUID("5f3a0c7e-8d14-5f0b-9a55-2f1d6f0e7c32")

#: Players that one run of the job looks at, and how long after their last movement it does.
PLAYERS_AT_ONCE = 200
MOVED_WITHIN = timedelta(days=1)

log = logging.getLogger(__name__)


async def give(
    reads: Reads, transaction: Transaction, accounts: AccountIndex, clock: Clock, caller: Caller, asked: BonusRequest
) -> BonusView:
    """Give a bonus under a rule, once for its id. Raises ServiceError (refusals.POSTING, limit_exceeded, forbidden)."""
    movements.allowed(caller, "bonus", asked.amount)
    # What a bonus becomes is made before the transaction takes its connection.
    bonus, _ = await accounts.have(reads, [(asked.player, "bonus"), (asked.player, "winnings")])
    item = ledger.move(
        id=asked.id,
        kind="bonus",
        by=caller.subject,
        hash=digest(caller.subject, asked),
        sources=[(house("promotions", asked.id.int % SHARDS), NO_CAP)],
        destinations=[(bonus, asked.amount)],
        reference=asked.reference,
        note=asked.rule,
    )
    (outcome,) = await ledger.post(transaction, [item], clock.now())
    done(outcome)
    required, expires_at, forfeits = terms(asked.rule, asked.amount, outcome.at)
    values = asked.player, asked.rule, asked.amount, required, expires_at, forfeits, outcome.at
    await bonus_repository.give(transaction, asked.id, *values)
    return BonusView(
        id=asked.id, amount=asked.amount, left=asked.amount, required=required, wagered=0, expires_at=expires_at,
        forfeits=forfeits,
    )  # fmt: skip


async def read(reads: Reads, clock: Clock, player: UUID) -> BonusesView:
    """A player's open bonuses, the oldest first, and how far each is played through."""
    found = await bonus_repository.open_of(reads, player)
    if found is None:
        return BonusesView(bonuses=[])
    return BonusesView(
        bonuses=[
            BonusView(
                id=each.bonus.id, amount=each.bonus.amount, left=each.left, required=each.bonus.required,
                wagered=each.wagered, expires_at=each.bonus.expires_at, forfeits=each.bonus.forfeits,
            )
            for each in standings(found.bonuses, found.played, found.pots.balance, clock.now())
            if each.state is None
        ]
    )  # fmt: skip


async def end_due(statements: Statements, clock: Clock) -> int:
    """End the bonuses of players that are released, expired or forfeited by now; how many ended."""
    now = clock.now()
    players = await bonus_repository.due(statements, now, now - MOVED_WITHIN, PLAYERS_AT_ONCE)
    return sum([await end_of(statements, player, now) for player in sorted(players)])


async def end_of(statements: Statements, player: UUID, now: datetime) -> int:
    """End the bonuses of a player that have ended; how many. Those of a frozen player wait."""
    await bonus_repository.take_turn(statements, player)
    found = await bonus_repository.open_of(statements, player)
    if found is None or found.pots.frozen:
        return 0
    ended = [each for each in standings(found.bonuses, found.played, found.pots.balance, now) if each.state]
    items = {each.bonus.id: _item(found.pots, each) for each in ended if each.left}
    outcomes = await ledger.post(statements, list(items.values()), now) if items else []
    # What was played at this moment is no longer there: it is looked at again in a minute.
    moved = {bonus for bonus, outcome in zip(items, outcomes, strict=True) if outcome.status.done}
    rows = [
        (each.bonus.id, each.state or "", each.left, items[each.bonus.id].id if each.left else None, each.at or now)
        for each in ended
        if not each.left or each.bonus.id in moved
    ]
    if rows:
        await bonus_repository.end(statements, rows)
        log.info("bonuses ended", extra={"bonuses": len(rows)})
    return len(rows)


def _item(pots: bonus_repository.Pots, ended: Standing) -> Item:
    movement = uuid5(_ENDS, str(ended.bonus.id))
    released = ended.state == "released"
    to = pots.winnings if released and pots.winnings else house("promotions", movement.int % SHARDS)
    return ledger.move(
        id=movement,
        kind="bonus_release" if released else "bonus_expiry",
        by="wallet",
        hash=hashlib.sha256(str(ended.bonus.id).encode()).digest(),
        sources=[(pots.bonus, NO_CAP)],
        destinations=[(to, ended.left)],
        note=ended.state or "",
    )
