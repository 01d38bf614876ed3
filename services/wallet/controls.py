"""What holds money back or puts it right: freezes, adjustments that one proposes and another approves, limits of players."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from services.common.callers import refuse_own
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.money import Paise
from services.common.postgres import Reads, Transaction
from services.common.tokens import Caller
from services.wallet import controls_repository, ledger
from services.wallet.accounts_repository import AccountIndex
from services.wallet.controls_repository import Proposed
from services.wallet.controls_schemas import (
    AdjustmentRequest,
    AdjustmentView,
    DecisionRequest,
    DepositCheckRequest,
    DepositCheckView,
    ExclusionRequest,
    FreezeRequest,
    FreezeView,
    LimitRequest,
    LimitsView,
    LimitView,
    ReconcileRequest,
    ReconcileView,
)
from services.wallet.errors import WalletCode
from services.wallet.kinds import BUCKETS
from services.wallet.ledger import NO_CAP, SHARDS, digest, house
from services.wallet.refusals import done

#: A limit that is raised or taken away is in force after this; one that is lowered, at once.
COOL_OFF = timedelta(days=7)

#: No limit looks further back than thirty days.
MINUTES_KEPT = timedelta(days=31)

log = logging.getLogger(__name__)


async def freeze(
    reads: Reads, transaction: Transaction, accounts: AccountIndex, clock: Clock, caller: Caller, asked: FreezeRequest
) -> FreezeView:
    """Freeze all that a player has: nothing is taken from it but by corrections. Raises ServiceError (id_reused)."""
    await accounts.have(reads, [(asked.player, bucket) for bucket in BUCKETS])  # what is made later would not be frozen
    if not await controls_repository.freeze(
        transaction, asked.id, asked.player, asked.reason, caller.subject, clock.now()
    ):
        raise ServiceError(WalletCode.ID_REUSED, "This id is of a freeze of another player.")
    log.warning("frozen", extra={"freeze": str(asked.id), "by": caller.subject})
    return FreezeView(id=asked.id, frozen=True)


async def lift(transaction: Transaction, clock: Clock, caller: Caller, freeze_id: UUID, reason: str) -> FreezeView:
    """End a freeze; the player stays frozen while there is another. Raises ServiceError (freeze_unknown)."""
    player = await controls_repository.player_of(transaction, freeze_id)
    if player is not None:
        refuse_own(caller, player)
    left = await controls_repository.lift(transaction, freeze_id, reason, caller.subject, clock.now())
    if left is None:
        raise ServiceError(WalletCode.FREEZE_UNKNOWN, f"No freeze has the id {freeze_id}.")
    return FreezeView(id=freeze_id, frozen=left)


async def propose(transaction: Transaction, clock: Clock, caller: Caller, asked: AdjustmentRequest) -> AdjustmentView:
    """Propose a correction; nothing moves until somebody else approves. Raises ServiceError (id_reused)."""
    refuse_own(caller, asked.player)
    wanted = Proposed(asked.player, asked.bucket, asked.amount, asked.reason, caller.subject, None)
    await controls_repository.propose(transaction, asked.id, wanted, clock.now())
    found = await controls_repository.proposed(transaction, asked.id)
    if found is None or (found.player, found.bucket, found.amount, found.reason) != (
        asked.player, asked.bucket, asked.amount, asked.reason,
    ):  # fmt: skip
        raise ServiceError(WalletCode.ID_REUSED, "This id is of another adjustment.")
    return AdjustmentView(id=asked.id, approved=found.approved)


async def decide(
    reads: Reads, transaction: Transaction, accounts: AccountIndex, clock: Clock, caller: Caller, adjustment: UUID,
    asked: DecisionRequest,
) -> AdjustmentView:  # fmt: skip
    """Approve a correction, which moves the money, or turn it down; whoever proposed it may not.

    Raises ServiceError (adjustment_unknown, own_adjustment, adjustment_decided, insufficient_funds).
    """
    found = await controls_repository.proposed(reads, adjustment)
    if found is None:
        raise ServiceError(WalletCode.ADJUSTMENT_UNKNOWN, f"No adjustment has the id {adjustment}.")
    if found.proposed_by == caller.subject:
        raise ServiceError(WalletCode.OWN_ADJUSTMENT, "Somebody else has to decide.")
    refuse_own(caller, found.player)
    (account,) = await accounts.have(
        reads, [(found.player, found.bucket)]
    )  # before the transaction takes its connection
    if not await controls_repository.decide(
        transaction, adjustment, found, asked.approved, caller.subject, clock.now()
    ):
        found = await controls_repository.proposed(transaction, adjustment)
        if found is not None and found.approved is asked.approved:
            return AdjustmentView(id=adjustment, approved=found.approved)
        raise ServiceError(WalletCode.ADJUSTMENT_DECIDED, "It was decided before.")
    if asked.approved:
        suspense = house("suspense", adjustment.int % SHARDS)
        source, destination = (suspense, account) if found.amount > 0 else (account, suspense)
        item = ledger.move(
            id=adjustment,
            kind="adjustment",
            by=caller.subject,
            hash=digest(found.proposed_by, asked),
            sources=[(source, NO_CAP)],
            destinations=[(destination, abs(found.amount))],
            note=found.reason,
        )
        (outcome,) = await ledger.post(transaction, [item], clock.now())
        done(outcome)
    return AdjustmentView(id=adjustment, approved=asked.approved)


async def set_limit(transaction: Transaction, clock: Clock, player: UUID, asked: LimitRequest) -> LimitsView:
    """Set a limit of the player's own: at once if it is lower than what is in force, else after COOL_OFF."""
    now = clock.now()
    in_force = {
        (each["measure"], each["days"]): each["amount"]
        for each in await controls_repository.limits(transaction, player, now)
    }
    current = in_force.get((asked.measure, asked.days))
    lower = asked.amount is not None and (current is None or asked.amount <= current)
    effective = now if lower else now + COOL_OFF
    await controls_repository.set_limit(
        transaction, player, asked.measure, asked.days, asked.amount, effective, None, now
    )
    return await read_limits(transaction, clock, player)


async def exclude(transaction: Transaction, clock: Clock, player: UUID, asked: ExclusionRequest) -> LimitsView:
    """Keep the player from play for so many days; nobody can take that back, and a shorter one changes nothing."""
    now = clock.now()
    until = now + timedelta(days=asked.days)
    await controls_repository.set_limit(transaction, player, "play", 30, 0, now, until, now)
    return await read_limits(transaction, clock, player)


async def read_limits(reads: Reads | Transaction, clock: Clock, player: UUID) -> LimitsView:
    """A player's limits: what is in force, what is used of it, what comes."""
    now = clock.now()
    found = await controls_repository.limits(reads, player, now)
    coming = await controls_repository.waiting(reads, player, now)
    until: datetime | None = max((each["until"] for each in found if each["measure"] == "play"), default=None)
    return LimitsView(
        excluded_until=until,
        limits=[_limit(each) for each in found if each["measure"] != "play"],
        waiting=[_limit(each) for each in coming],
    )


async def play(transaction: Transaction, clock: Clock, player: UUID) -> LimitsView:
    """Count this minute as played, once, and show the player's limits."""
    await controls_repository.note_minute(transaction, player, clock.now().replace(second=0, microsecond=0))
    return await read_limits(transaction, clock, player)


async def may_deposit(reads: Reads, clock: Clock, asked: DepositCheckRequest) -> DepositCheckView:
    """Whether a player may pay so much in: within each of their limits, and not while they keep from play."""
    found = await controls_repository.limits(reads, asked.player, clock.now())
    lefts = [each["amount"] - each["used"] - asked.pending for each in found if each["measure"] == "deposit"]
    left = Paise(max(0, min(lefts))) if lefts else None
    reason: Literal["limit_reached", "player_excluded"] | None = None
    if any(each["measure"] == "play" for each in found):
        reason = "player_excluded"
    elif left is not None and asked.amount > left:
        reason = "limit_reached"
    return DepositCheckView(allowed=reason is None, reason=reason, left=left)


def _limit(row: object) -> LimitView:
    return LimitView.model_validate(dict(row))  # type: ignore[call-overload] # a record of the database


async def reconcile_payments(
    transaction: Transaction, clock: Clock, asked: ReconcileRequest
) -> ReconcileView:  # fmt: skip
    """Compare a provider's records with what was posted with it, and keep what differs."""
    ours = await controls_repository.with_provider(transaction, asked.provider, asked.since, asked.until)
    theirs = {record.reference: record.amount for record in asked.records}
    # What a player paid in has left the clearing account: the other way round for the provider.
    findings = [
        {"kind": "missing_here", "reference": name, "amount": amount}
        for name, amount in theirs.items()
        if name not in ours
    ]
    findings += [
        {"kind": "missing_there", "reference": name, "amount": -amount}
        for name, amount in ours.items()
        if name not in theirs
    ]
    findings += [
        {"kind": "amount_differs", "reference": name, "amount": amount, "here": -ours[name]}
        for name, amount in theirs.items()
        if name in ours and -ours[name] != amount
    ]
    matched = sum(name in ours and -ours[name] == amount for name, amount in theirs.items())
    report = await controls_repository.keep_reconciliation(transaction, asked.provider, matched, findings, clock.now())
    if findings:
        fields = {"provider": asked.provider, "findings": len(findings), "report": str(report)}
        log.error("a provider's records differ from ours", extra={**fields, "runbook": "wallet-ledger-discrepancy"})
    return ReconcileView(id=report, matched=matched, findings=findings)
