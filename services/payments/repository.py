"""The queries of payments: plain statements for requests, mapped rows for background work and staff."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, bindparam, case, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.ids import uuid7
from services.common.money import Paise
from services.common.postgres import Reads, Transaction
from services.payments.jurisdiction import Activity, Request, Verdict
from services.payments.models import (
    Attempt,
    Base,
    Decision,
    Deposit,
    Dispute,
    Downtime,
    Instrument,
    PaymentRow,
    Payout,
    Prize,
    Refund,
    Report,
    Settled,
    Webhook,
)
from services.payments.providers.port import SettlementLine
from services.payments.states import AttemptState, DepositState, PayoutState, RefundState

_FORGET_BATCH = 2000

# --- requests: turns, decisions, what was done today

_DAY = {
    Activity.DEPOSIT: "SELECT coalesce(sum(amount), 0), count(*) FROM deposits WHERE player_id = $1"
    " AND created_at >= date_trunc('day', now(), 'UTC') AND state <> 'ended'",
    Activity.PAYOUT: "SELECT coalesce(sum(amount), 0), count(*) FROM payouts WHERE player_id = $1"
    " AND created_at >= date_trunc('day', now(), 'UTC') AND state NOT IN ('declined', 'rejected', 'failed')",
    Activity.CONTEST_ENTRY: "SELECT coalesce(sum(amount), 0), count(*) FROM decisions WHERE player_id = $1"
    " AND created_at >= date_trunc('day', now(), 'UTC') AND activity = 'contest_entry' AND allowed",
}


async def take_turn(transaction: Transaction, player: UUID) -> None:
    """One request of a player at a time: limits are counted and used in one step."""
    await transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(player))


async def day_of(transaction: Transaction, player: UUID, activity: Activity) -> tuple[Paise, int, date]:
    """What the player did of `activity` since midnight (UTC): paise and times; and which day it is."""
    row = await transaction.fetchrow(_DAY[activity], player)
    day = await transaction.fetchrow("SELECT (now() AT TIME ZONE 'UTC')::date")
    return Paise(int(row[0])), int(row[1]), day[0]


async def log_decision(transaction: Transaction, player: UUID, asked: Request, verdict: Verdict) -> None:
    """Keep what the gate said."""
    await transaction.execute(
        "INSERT INTO decisions (id, player_id, activity, jurisdiction, amount, allowed, reason, version)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        uuid7(), player, asked.activity.value, asked.jurisdiction, asked.amount, verdict.allowed, verdict.reason,
        verdict.version,
    )  # fmt: skip


# --- requests: deposits


async def new_deposit(transaction: Transaction, deposit: UUID, player: UUID, amount: Paise, jurisdiction: str) -> None:
    """Keep what a player wants to pay in."""
    await transaction.execute(
        "INSERT INTO deposits (id, player_id, amount, jurisdiction, state) VALUES ($1, $2, $3, $4, 'pending')",
        deposit, player, amount, jurisdiction,
    )  # fmt: skip


async def new_attempt(
    transaction: Transaction, attempt: UUID, deposit: UUID, number: int, provider: str, life: timedelta
) -> datetime:
    """Keep an attempt before its provider is called; when it expires. The janitor looks after it from two minutes on."""
    row = await transaction.fetchrow(
        "INSERT INTO attempts (id, deposit_id, number, provider, state, expires_at, next_look_at)"
        " VALUES ($1, $2, $3, $4, 'new', now() + $5::interval, now() + interval '2 minutes') RETURNING expires_at",
        attempt, deposit, number, provider, life,
    )  # fmt: skip
    expires: datetime = row[0]
    return expires


async def settle_attempt(
    transaction: Transaction, attempt: UUID, state: AttemptState, order: str, checkout: Mapping[str, str], reason: str
) -> None:
    """What the creation of an order came to; nothing where the janitor knows more already."""
    await transaction.execute(
        "UPDATE attempts SET state = $2, provider_order = $3, checkout = $4, reason = $5,"
        " next_look_at = CASE WHEN $2 = 'refused' THEN NULL ELSE next_look_at END WHERE id = $1 AND state = 'new'",
        attempt, state.value, order, json.dumps(dict(checkout)), reason[:200],
    )  # fmt: skip


async def end_deposit(transaction: Transaction, deposit: UUID) -> None:
    """A deposit none of whose attempts can be paid any more has ended."""
    await transaction.execute(
        "UPDATE deposits SET state = 'ended' WHERE id = $1 AND state = 'pending' AND NOT EXISTS"
        " (SELECT FROM attempts WHERE deposit_id = $1 AND state IN ('new', 'open', 'failed'))",
        deposit,
    )


async def reopen_deposit(transaction: Transaction, deposit: UUID, player: UUID) -> Any:
    """The player's deposit, locked: its amount, jurisdiction, state."""
    return await transaction.fetchrow(
        "SELECT amount, jurisdiction, state FROM deposits WHERE id = $1 AND player_id = $2 FOR UPDATE", deposit, player
    )


_DEPOSIT = """
    SELECT d.id, d.amount, d.state, d.created_at, a.provider, a.state AS attempt, a.checkout
    FROM deposits d LEFT JOIN LATERAL (
        SELECT provider, state, checkout FROM attempts WHERE deposit_id = d.id
        ORDER BY state = 'open' DESC, number DESC LIMIT 1
    ) a ON true
    WHERE d.player_id = $1
"""


async def deposit_view(reads: Reads | Transaction, player: UUID, deposit: UUID) -> Any:
    """A player's deposit with its attempt that can be paid, or the newest one."""
    return await reads.fetchrow(f"{_DEPOSIT} AND d.id = $2", player, deposit)


async def deposit_views(reads: Reads, player: UUID, limit: int) -> list[Any]:
    """A player's newest deposits."""
    return await reads.fetch(f"{_DEPOSIT} ORDER BY d.created_at DESC LIMIT $2", player, limit)


async def attempts_for_request(transaction: Transaction, deposit: UUID) -> list[Any]:
    """The attempts of a deposit, in order."""
    return await transaction.fetch(
        "SELECT id, number, provider, state, expires_at FROM attempts WHERE deposit_id = $1 ORDER BY number", deposit
    )


async def attempt_of_order(transaction: Transaction, player: UUID, deposit: UUID, order: str) -> Any:
    """The attempt of a player's deposit that has the provider's order."""
    return await transaction.fetchrow(
        "SELECT a.id, a.provider FROM attempts a JOIN deposits d ON d.id = a.deposit_id"
        " WHERE d.player_id = $1 AND d.id = $2 AND a.provider_order = $3",
        player, deposit, order,
    )  # fmt: skip


async def down(transaction: Transaction) -> set[str]:
    """Providers that said within ten minutes that payments fail there."""
    rows = await transaction.fetch(
        "SELECT provider FROM downtimes WHERE down AND asked_at > now() - interval '10 minutes'"
    )
    return {row[0] for row in rows}


async def keep_webhook(transaction: Transaction, webhook: UUID, provider: str, key: str, body: str) -> bool:
    """Keep a webhook; False if it is there."""
    return bool(
        await transaction.fetchrow(
            "INSERT INTO webhooks (id, provider, key, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
            webhook, provider, key, body,
        )
    )  # fmt: skip


# --- requests: instruments and payouts


async def keep_instrument(
    transaction: Transaction, instrument: UUID, player: UUID, kind: str, shown: str, sealed: bytes, digest: bytes
) -> Any:
    """Keep a player's account, or find it again: its row."""
    row = await transaction.fetchrow(
        "INSERT INTO instruments (id, player_id, kind, shown, sealed, digest) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (player_id, digest) DO NOTHING RETURNING id, kind, shown, verified_at",
        instrument, player, kind, shown, sealed, digest,
    )  # fmt: skip
    return row or await transaction.fetchrow(
        "SELECT id, kind, shown, verified_at FROM instruments WHERE player_id = $1 AND digest = $2", player, digest
    )


async def instruments_of(reads: Reads, player: UUID) -> list[Any]:
    """A player's accounts."""
    return await reads.fetch(
        "SELECT id, kind, shown, verified_at FROM instruments WHERE player_id = $1 ORDER BY created_at LIMIT 50", player
    )


async def instrument_of(transaction: Transaction, player: UUID, instrument: UUID) -> Any:
    """Whether a player's account is there, and confirmed."""
    return await transaction.fetchrow(
        "SELECT verified_at FROM instruments WHERE id = $1 AND player_id = $2", instrument, player
    )


async def new_payout(
    transaction: Transaction,
    payout: UUID,
    player: UUID,
    instrument: UUID,
    amount: Paise,
    jurisdiction: str,
    reason: str,
) -> Any:
    """Keep a payout that is asked for: its row."""
    return await transaction.fetchrow(
        "INSERT INTO payouts (id, player_id, instrument_id, amount, jurisdiction, state, reason)"
        " VALUES ($1, $2, $3, $4, $5, 'requested', $6) RETURNING id, amount, state, utr, created_at",
        payout, player, instrument, amount, jurisdiction, reason,
    )  # fmt: skip


async def payouts_of(reads: Reads, player: UUID, limit: int) -> list[Any]:
    """A player's newest payouts."""
    return await reads.fetch(
        "SELECT id, amount, state, utr, created_at FROM payouts WHERE player_id = $1 ORDER BY created_at DESC LIMIT $2",
        player, limit,
    )  # fmt: skip


async def payout_of(reads: Reads, player: UUID, payout: UUID) -> Any:
    """A player's payout."""
    return await reads.fetchrow(
        "SELECT id, amount, state, utr, created_at FROM payouts WHERE id = $1 AND player_id = $2", payout, player
    )


# --- background: rows to be changed by setting their attributes


async def lock_attempt(session: AsyncSession, attempt: UUID) -> tuple[Attempt, Deposit] | None:
    """An attempt and its deposit, both locked, the deposit first: attempts of one deposit take turns."""
    deposit = await session.scalar(
        select(Deposit)
        .join(Attempt, Attempt.deposit_id == Deposit.id)
        .where(Attempt.id == attempt)
        .with_for_update(of=Deposit)
        .execution_options(populate_existing=True)
    )
    found = await session.get(Attempt, attempt, with_for_update=True, populate_existing=True)
    return (found, deposit) if found is not None and deposit is not None else None


async def attempt(session: AsyncSession, attempt_id: UUID) -> Attempt | None:
    """An attempt."""
    return await session.get(Attempt, attempt_id)


async def find_attempt(session: AsyncSession, provider: str, order: str, payment: str) -> UUID | None:
    """The attempt of a provider's order, of our reference, or of a payment that is known."""
    if order:
        chosen = select(Attempt.id).where(Attempt.provider == provider, Attempt.provider_order == order)
        found = await session.scalar(chosen)
        if found is None and _uuid(order) is not None:
            found = await session.scalar(select(Attempt.id).where(Attempt.id == _uuid(order)))
        if found is not None:
            return found
    known = select(PaymentRow.attempt_id).where(PaymentRow.provider == provider, PaymentRow.id == payment)
    return await session.scalar(known) if payment else None


async def attempts_of(session: AsyncSession, deposit: UUID) -> Sequence[Attempt]:
    """The attempts of a deposit."""
    chosen = select(Attempt).where(Attempt.deposit_id == deposit).order_by(Attempt.number)
    return (await session.scalars(chosen.execution_options(populate_existing=True))).all()


async def deposit(session: AsyncSession, deposit_id: UUID, *, lock: bool = False) -> Deposit | None:
    """A deposit."""
    return await session.get(Deposit, deposit_id, with_for_update=lock or None, populate_existing=lock)


async def payment(session: AsyncSession, provider: str, payment_id: str, *, lock: bool = False) -> PaymentRow | None:
    """A payment."""
    return await session.get(PaymentRow, (provider, payment_id), with_for_update=lock or None, populate_existing=lock)


async def payments_of(session: AsyncSession, deposit_id: UUID) -> Sequence[PaymentRow]:
    """The payments of a deposit."""
    chosen = select(PaymentRow).where(PaymentRow.deposit_id == deposit_id).order_by(PaymentRow.created_at)
    return (await session.scalars(chosen)).all()


async def add(session: AsyncSession, *rows: Base) -> None:
    """Keep new rows, now: what the database refuses is refused here."""
    session.add_all(rows)
    await session.flush()


async def refunded(session: AsyncSession, provider: str, payment_id: str) -> Paise:
    """What of a payment goes back or went back; refunds that ended without it do not count."""
    over = (RefundState.FAILED.value, RefundState.DECLINED.value)
    of = (Refund.provider == provider) & (Refund.payment == payment_id) & Refund.state.not_in(over)
    return Paise(int(await session.scalar(select(func.coalesce(func.sum(Refund.amount), 0)).where(of)) or 0))


async def refund(session: AsyncSession, refund_id: UUID, *, lock: bool = False) -> Refund | None:
    """A refund."""
    return await session.get(Refund, refund_id, with_for_update=lock or None, populate_existing=lock)


async def refunds_of(session: AsyncSession, provider: str, payment_id: str) -> Sequence[Refund]:
    """The refunds of a payment."""
    chosen = select(Refund).where(Refund.provider == provider, Refund.payment == payment_id).order_by(Refund.id)
    return (await session.scalars(chosen)).all()


async def payout(session: AsyncSession, payout_id: UUID, *, lock: bool = False) -> Payout | None:
    """A payout."""
    return await session.get(Payout, payout_id, with_for_update=lock or None, populate_existing=lock)


async def waiting_payouts(session: AsyncSession) -> Sequence[Payout]:
    """Payouts that wait for a second person, the oldest first."""
    waiting = select(Payout).where(Payout.state == PayoutState.WAITING.value).order_by(Payout.created_at).limit(200)
    return (await session.scalars(waiting)).all()


async def frozen(session: AsyncSession, player: UUID) -> bool:
    """Whether a payment of the player's is disputed: nothing leaves meanwhile."""
    of = select(PaymentRow.id).join(Deposit, Deposit.id == PaymentRow.deposit_id)
    return await session.scalar(of.where(Deposit.player_id == player, PaymentRow.frozen).limit(1)) is not None


async def instrument(session: AsyncSession, instrument_id: UUID, *, lock: bool = False) -> Instrument | None:
    """A player's account."""
    return await session.get(Instrument, instrument_id, with_for_update=lock or None, populate_existing=lock)


async def prize(session: AsyncSession, contest: UUID, line: str, *, lock: bool = False) -> Prize | None:
    """A line of a contest's prizes."""
    return await session.get(Prize, (contest, line), with_for_update=lock or None, populate_existing=lock)


async def order_prizes(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Keep lines that are new; which those are."""
    statement = insert(Prize).values(list(rows)).on_conflict_do_nothing().returning(Prize.line)
    return set((await session.scalars(statement)).all())


async def prizes_of(session: AsyncSession, contest: UUID) -> Sequence[Prize]:
    """The lines of a contest's prizes."""
    return (await session.scalars(select(Prize).where(Prize.contest_id == contest).order_by(Prize.line))).all()


# --- background: webhooks, disputes, downtimes


async def webhook(session: AsyncSession, webhook_id: UUID) -> Webhook | None:
    """A webhook that was kept."""
    return await session.get(Webhook, webhook_id)


async def strange_webhooks(session: AsyncSession) -> Sequence[Webhook]:
    """Webhooks that nobody knows what to make of, the newest first."""
    chosen = select(Webhook).where(Webhook.state == "strange").order_by(Webhook.received_at.desc()).limit(100)
    return (await session.scalars(chosen)).all()


async def forget_webhooks(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of webhooks that were worked off long ago."""
    old = select(Webhook.id).where(Webhook.received_at < before, Webhook.state == "done").limit(_FORGET_BATCH)
    return (await session.execute(delete(Webhook).where(Webhook.id.in_(old)))).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def keep_dispute(
    session: AsyncSession, provider: str, dispute_id: str, payment_id: str, amount: Paise, status: str
) -> None:
    """Keep a dispute, or how it stands now."""
    made = insert(Dispute).values(provider=provider, id=dispute_id, payment=payment_id, amount=amount, status=status)
    await session.execute(
        made.on_conflict_do_update(index_elements=["provider", "id"], set_={"status": made.excluded.status})
    )


async def open_disputes(session: AsyncSession, provider: str, payment_id: str, over: Sequence[str]) -> int:
    """How many disputes of a payment are not over."""
    of = (Dispute.provider == provider) & (Dispute.payment == payment_id) & Dispute.status.not_in(over)
    return int(await session.scalar(select(func.count()).select_from(Dispute).where(of)) or 0)


async def note_downtime(session: AsyncSession, provider: str, is_down: bool) -> None:
    """Keep what a provider says of itself."""
    made = insert(Downtime).values(provider=provider, down=is_down, asked_at=func.now())
    await session.execute(
        made.on_conflict_do_update(
            index_elements=["provider"], set_={"down": made.excluded.down, "asked_at": made.excluded.asked_at}
        )
    )


# --- background: the janitor

_KINDS: Mapping[str, type[Attempt] | type[Refund] | type[Payout]] = {
    "attempt": Attempt,
    "refund": Refund,
    "payout": Payout,
}


async def due(
    session: AsyncSession, kind: str, schedule: Sequence[timedelta], limit: int
) -> list[tuple[UUID, int, str]]:
    """What is to be asked about now: id, how often it was, state. The next time is set by `schedule`; after its end, never."""
    model = _KINDS[kind]
    picked = (
        select(model.id)
        .where(model.next_look_at <= func.now())
        .order_by(model.next_look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    pauses = {number: bindparam(None, pause, Interval()) for number, pause in enumerate(schedule)}
    again = func.now() + case(pauses, value=model.looks, else_=None)
    statement = (
        update(model)
        .where(model.id.in_(picked))
        .values(next_look_at=again, looks=model.looks + 1)
        .returning(model.id, model.looks, model.state)
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


async def overdue(session: AsyncSession, wallet_patience: timedelta) -> dict[str, int]:
    """What is stuck: of each kind how many have no next look and no end, or wait for the wallet for too long."""
    found: dict[str, int] = {}
    ends: Mapping[str, tuple[str, ...]] = {
        "attempt": ("refused", "expired", "paid"),
        "refund": ("declined", "failed", "processed", "requested"),
        "payout": ("declined", "rejected", "failed", "processed", "reversed", "requested", "waiting"),
    }
    for kind, model in _KINDS.items():
        stuck = model.next_look_at.is_(None) & model.state.not_in(ends[kind])
        found[kind] = int(await session.scalar(select(func.count()).select_from(model).where(stuck)) or 0)
    late = func.now() - bindparam(None, wallet_patience, Interval())
    paid = (Deposit.state == DepositState.PAID.value) & (Deposit.created_at < late)
    found["deposit"] = int(await session.scalar(select(func.count()).select_from(Deposit).where(paid)) or 0)
    ordered = (Prize.state == "ordered") & (Prize.created_at < late)
    found["prize"] = int(await session.scalar(select(func.count()).select_from(Prize).where(ordered)) or 0)
    return {kind: count for kind, count in found.items() if count}


# --- background: reports


async def keep_lines(session: AsyncSession, provider: str, day: date, lines: Sequence[SettlementLine]) -> None:
    """Keep what a provider's report says; lines that are there stay as they are."""
    rows = [
        {
            "provider": provider, "day": day, "kind": line.kind, "id": line.id, "amount": line.amount, "fee": line.fee,
            "tax": line.tax, "settlement": line.settlement,
        }
        for line in lines
    ]  # fmt: skip
    for start in range(0, len(rows), 500):
        await session.execute(insert(Settled).values(rows[start : start + 500]).on_conflict_do_nothing())
    await session.execute(_MARK_PAYMENTS, {"provider": provider, "day": day})
    await session.execute(_MARK_REFUNDS, {"provider": provider, "day": day})


_MARK_PAYMENTS = text("""
    UPDATE payments p SET fee = s.fee, tax = s.tax, settlement = s.settlement FROM settled s
    WHERE s.provider = :provider AND s.day = :day AND s.kind = 'payment' AND p.provider = s.provider AND p.id = s.id
""")
_MARK_REFUNDS = text("""
    UPDATE refunds r SET settlement = s.settlement FROM settled s
    WHERE s.provider = :provider AND s.day = :day AND s.kind = 'refund' AND r.provider = s.provider
        AND s.id IN (r.provider_refund, r.id::text)
""")

#: What the report says and our records do not, or differently; what our records say and no report up to that day does.
_DIFFERENCES = text("""
    SELECT 'payment_unknown' AS kind, s.id, s.amount AS theirs, NULL::bigint AS ours FROM settled s
        LEFT JOIN payments p ON p.provider = s.provider AND p.id = s.id
        WHERE s.provider = :provider AND s.day = :day AND s.kind = 'payment' AND p.id IS NULL
    UNION ALL SELECT 'payment_differs', s.id, s.amount, p.amount FROM settled s
        JOIN payments p ON p.provider = s.provider AND p.id = s.id
        WHERE s.provider = :provider AND s.day = :day AND s.kind = 'payment' AND p.amount <> s.amount
    UNION ALL SELECT 'refund_unknown', s.id, s.amount, NULL FROM settled s
        LEFT JOIN refunds r ON r.provider = s.provider AND s.id IN (r.provider_refund, r.id::text)
        WHERE s.provider = :provider AND s.day = :day AND s.kind = 'refund' AND r.id IS NULL
    UNION ALL SELECT 'refund_differs', s.id, s.amount, r.amount FROM settled s
        JOIN refunds r ON r.provider = s.provider AND s.id IN (r.provider_refund, r.id::text)
        WHERE s.provider = :provider AND s.day = :day AND s.kind = 'refund' AND r.amount <> s.amount
    UNION ALL SELECT 'payment_not_settled', p.id, NULL, p.amount FROM payments p
        WHERE p.provider = :provider AND p.settlement IS NULL AND p.created_at < :late
    UNION ALL SELECT 'refund_not_settled', r.id::text, NULL, r.amount FROM refunds r
        WHERE r.provider = :provider AND r.settlement IS NULL AND r.state = 'processed' AND r.created_at < :late
    UNION ALL SELECT 'not_credited', d.id::text, NULL, d.amount FROM deposits d
        JOIN payments p ON p.deposit_id = d.id AND p.role = 'credit'
        WHERE p.provider = :provider AND d.state <> 'credited' AND p.created_at < :late
    UNION ALL SELECT 'refunded_too_much', p.id, sum(r.amount), p.amount FROM payments p
        JOIN refunds r ON r.provider = p.provider AND r.payment = p.id AND r.state = 'processed'
        WHERE p.provider = :provider GROUP BY p.provider, p.id, p.amount HAVING sum(r.amount) > p.amount
    ORDER BY 1, 2 LIMIT 500
""")


async def differences(session: AsyncSession, provider: str, day: date, late: datetime) -> list[dict[str, Any]]:
    """Where the provider's report of `day` and our records disagree; what is older than `late` should be in a report."""
    found = await session.execute(_DIFFERENCES, {"provider": provider, "day": day, "late": late})
    return [dict(row._mapping) for row in found]


async def charges(session: AsyncSession, provider: str, day: date) -> tuple[int, Paise, Paise]:
    """How many lines a report has, and the fees and taxes in it."""
    sums = select(func.count(), func.coalesce(func.sum(Settled.fee), 0), func.coalesce(func.sum(Settled.tax), 0))
    row = (await session.execute(sums.where(Settled.provider == provider, Settled.day == day))).one()
    return int(row[0]), Paise(int(row[1])), Paise(int(row[2]))


async def gross(session: AsyncSession, provider: str, day: date) -> Paise:
    """What a day's report comes to before charges: payments less refunds."""
    sign = case((Settled.kind == "payment", 1), (Settled.kind == "refund", -1), else_=0)
    total = select(func.coalesce(func.sum(sign * Settled.amount), 0))
    return Paise(int(await session.scalar(total.where(Settled.provider == provider, Settled.day == day)) or 0))


async def credited_on(session: AsyncSession, provider: str, day: date) -> list[tuple[UUID, UUID, Paise]]:
    """The deposits of a day's report that the wallet should have: deposit, player, amount."""
    chosen = (
        select(PaymentRow.deposit_id, Deposit.player_id, PaymentRow.amount)
        .join(Deposit, Deposit.id == PaymentRow.deposit_id)
        .join(Settled, (Settled.provider == PaymentRow.provider) & (Settled.id == PaymentRow.id))
        .where(Settled.provider == provider, Settled.day == day, Settled.kind == "payment", PaymentRow.role == "credit")
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(chosen)]


async def keep_report(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Keep a report of a day, or a newer one of it."""
    made = insert(Report).values(**values)
    changed = {name: made.excluded[name] for name in ("lines", "fees", "taxes", "discrepancies")}
    await session.execute(
        made.on_conflict_do_update(index_elements=["provider", "day"], set_={**changed, "created_at": func.now()})
    )


async def report(session: AsyncSession, provider: str, day: date, *, lock: bool = False) -> Report | None:
    """A report of a day."""
    chosen = select(Report).where(Report.provider == provider, Report.day == day)
    return await session.scalar(chosen.with_for_update() if lock else chosen)


async def decisions_of(session: AsyncSession, player: UUID) -> Sequence[Decision]:
    """What the gate said of a player, the newest first."""
    chosen = select(Decision).where(Decision.player_id == player).order_by(Decision.created_at.desc()).limit(200)
    return (await session.scalars(chosen)).all()


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
