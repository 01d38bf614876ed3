"""Recovery: what a player owes since a reversal is taken from what the player has, as far as there is any; the oldest first."""

from __future__ import annotations

from services.common.clock import Clock
from services.common.postgres import Reads, Transaction
from services.common.tokens import Caller
from services.wallet import ledger, movements, recovery_repository
from services.wallet.accounts_repository import AccountIndex
from services.wallet.internal_schemas import RecoveryRequest, RecoveryView
from services.wallet.kinds import KINDS
from services.wallet.ledger import SHARDS, Status, digest, house
from services.wallet.refusals import done


async def recover(
    reads: Reads, transaction: Transaction, accounts: AccountIndex, clock: Clock, caller: Caller, asked: RecoveryRequest
) -> RecoveryView:
    """Take what is owed, or `amount` of it, and no more than there is; the same id again changes nothing.

    Raises ServiceError (id_reused, account_frozen; insufficient_funds where money went at the same moment: ask again).
    """
    takes = KINDS["recovery"].takes
    known = await accounts.have(
        reads, [(asked.player, take.role.value) for take in takes]
    )  # before the transaction begins
    owed = await recovery_repository.owed(transaction, asked.player)
    made = await recovery_repository.is_made(transaction, asked.id)
    there = await recovery_repository.available(transaction, known)
    amount = min(owed, there, owed if asked.amount is None else asked.amount)
    if not amount and not made:
        return RecoveryView(id=asked.id, recovered=0, owed=owed)
    item = ledger.move(
        id=asked.id,
        kind="recovery",
        by=caller.subject,
        hash=digest(caller.subject, asked),
        sources=movements.sources(takes, amount, known),
        destinations=[(house("receivable", asked.id.int % SHARDS), amount or 1)],
    )
    (outcome,) = await ledger.post(transaction, [item], clock.now())
    done(outcome)
    taken = sum(entry.amount for entry in outcome.entries if entry.amount > 0)
    if outcome.status is Status.POSTED:
        await recovery_repository.settle(transaction, asked.id)
        owed -= taken
    return RecoveryView(id=asked.id, recovered=taken, owed=owed)
