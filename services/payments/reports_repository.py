"""The queries of payments' reports: settlement lines, what differs, what was settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.money import Paise
from services.payments.models import Deposit, PaymentRow, Report, Settled
from services.payments.providers.port import SettlementLine


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
