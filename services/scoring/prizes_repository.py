"""The queries of pay-outs: proposed, approved, sent to the wallet, paid or refused, and compared with its postings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Text, Uuid, bindparam, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.models import Contest, ContestState, Payout, PrizeReport
from services.scoring.states import PayoutState
from services.scoring.wallet import Paid, Posting

_MOMENT = DateTime(timezone=True)
_UUIDS = ARRAY(Uuid())


async def add(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep proposed pay-outs, one for each team."""
    if rows:
        await session.execute(insert(Payout).on_conflict_do_nothing(), list(rows))


async def payout(session: AsyncSession, payout_id: UUID, *, lock: bool = False) -> Payout | None:
    """The pay-out; it is changed by setting its attributes."""
    chosen = select(Payout).where(Payout.id == payout_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def page(
    session: AsyncSession, contest_id: UUID, state: PayoutState | None, after: UUID | None, count: int
) -> Sequence[Payout]:
    """A contest's pay-outs, best first; `after`: the last that is known."""
    chosen = select(Payout).where(Payout.contest_id == contest_id).execution_options(populate_existing=True)
    if state is not None:
        chosen = chosen.where(Payout.state == state)
    if after is not None:
        last = select(Payout.rank, Payout.id).where(Payout.id == after).scalar_subquery()
        chosen = chosen.where(tuple_(Payout.rank, Payout.id) > last)
    return (await session.scalars(chosen.order_by(Payout.rank, Payout.id).limit(count))).all()


async def refused(session: AsyncSession, after: UUID, count: int) -> Sequence[Payout]:
    """What the wallet refused, of all contests, by id."""
    chosen = select(Payout).where((Payout.state == PayoutState.REFUSED) & (Payout.id > after))
    return (await session.scalars(chosen.order_by(Payout.id).limit(count))).all()


async def sums(session: AsyncSession, contest_id: UUID) -> dict[str, tuple[int, int]]:
    """State → how many of a contest's pay-outs, and their paise."""
    grouped = select(Payout.state, func.count(), func.sum(Payout.amount)).where(Payout.contest_id == contest_id)
    return {
        state: (count, int(amount)) for state, count, amount in await session.execute(grouped.group_by(Payout.state))
    }


async def proposed(session: AsyncSession, after: UUID, count: int) -> Sequence[Contest]:
    """Contests whose pay-outs wait for a second person, by id."""
    chosen = select(Contest).where((Contest.state == ContestState.PROPOSED) & (Contest.id > after))
    return (await session.scalars(chosen.order_by(Contest.id).limit(count))).all()


async def wins(session: AsyncSession, contest_id: UUID, player: UUID) -> bool:
    """Whether a pay-out of a contest is somebody's."""
    of = (Payout.contest_id == contest_id) & (Payout.owner_id == player)
    return (await session.scalars(select(Payout.id).where(of).limit(1))).first() is not None


_APPROVE = text("""
    UPDATE payouts SET state = 'approved', ordered_at = :now, due_at = :due WHERE contest_id = :contest AND state = 'waiting'
""").bindparams(bindparam("contest", type_=Uuid()), bindparam("now", type_=_MOMENT), bindparam("due", type_=_MOMENT))


async def approve(session: AsyncSession, contest_id: UUID, now: datetime, due: datetime) -> None:
    """Have a contest's pay-outs paid; the contest is locked."""
    await session.execute(_APPROVE, {"contest": contest_id, "now": now, "due": due})


@dataclass(frozen=True, slots=True)
class Order:
    """What the wallet is asked to pay."""

    id: UUID
    contest: UUID
    player: UUID
    amount: int


_SEND = (
    text("""
    WITH next AS (
        SELECT p.id, p.state FROM payouts p JOIN contests c ON c.id = p.contest_id AND c.state = 'ordered'
        WHERE p.contest_id = :contest AND p.id > :after AND p.state IN ('approved', 'sent')
        ORDER BY p.id LIMIT :count FOR UPDATE OF p
    ), sent AS (
        UPDATE payouts SET state = 'sent' FROM next WHERE payouts.id = next.id AND next.state = 'approved'
    )
    SELECT p.id, p.contest_id, p.owner_id, p.amount FROM payouts p JOIN next USING (id) ORDER BY p.id
""")
    .bindparams(bindparam("contest", type_=Uuid()), bindparam("after", type_=Uuid()))
    .columns(id=Uuid(), contest_id=Uuid(), owner_id=Uuid())
)


async def send(session: AsyncSession, contest_id: UUID, after: UUID, count: int) -> list[Order]:
    """Pay-outs that the wallet is about to be asked for, by id: approved ones, and those of which no answer is known."""
    given = {"contest": contest_id, "after": after, "count": count}
    return [Order(*row) for row in await session.execute(_SEND, given)]


_PAID = text("""
    UPDATE payouts SET state = 'paid', posted_at = given.at, reason = '', due_at = NULL
    FROM unnest(:ids, :moments) AS given (id, at) WHERE payouts.id = given.id AND payouts.state <> 'paid'
""").bindparams(bindparam("ids", type_=_UUIDS), bindparam("moments", type_=ARRAY(_MOMENT)))
_REFUSED = text("""
    UPDATE payouts SET state = 'refused', reason = given.reason, due_at = NULL
    FROM unnest(:ids, :reasons) AS given (id, reason) WHERE payouts.id = given.id AND payouts.state = 'sent'
""").bindparams(bindparam("ids", type_=_UUIDS), bindparam("reasons", type_=ARRAY(Text())))


async def settle(session: AsyncSession, paid: Sequence[Paid], refused: Mapping[UUID, str]) -> None:
    """What the wallet has posted is paid; what it refused, and nobody has settled otherwise, is refused."""
    if paid:
        await session.execute(_PAID, {"ids": [each.id for each in paid], "moments": [each.at for each in paid]})
    if refused:
        await session.execute(_REFUSED, {"ids": list(refused), "reasons": list(refused.values())})


#: What a task of the release before has ordered: its pay-outs have no state yet.
_ADOPT = text("""
    UPDATE payouts SET state = 'approved', ordered_at = coalesce(ordered_at, :now), due_at = :now
    FROM contests c WHERE payouts.state = 'waiting' AND c.id = payouts.contest_id AND c.state = 'ordered'
""").bindparams(bindparam("now", type_=_MOMENT))
_OVERDUE = (
    text("""
    WITH overdue AS (
        UPDATE payouts SET due_at = :next
        WHERE id IN (
            SELECT id FROM payouts WHERE state IN ('approved', 'sent') AND due_at <= :now ORDER BY id LIMIT :count
            FOR UPDATE SKIP LOCKED
        ) RETURNING contest_id
    )
    SELECT contest_id, count(*) AS lines FROM overdue GROUP BY contest_id ORDER BY contest_id
""")
    .bindparams(bindparam("now", type_=_MOMENT), bindparam("next", type_=_MOMENT))
    .columns(contest_id=Uuid())
)


async def overdue(session: AsyncSession, now: datetime, again: datetime, count: int) -> list[tuple[UUID, int]]:
    """Contests with pay-outs that should be paid by now, and how many of at most `count`; they are due anew at `again`."""
    await session.execute(_ADOPT, {"now": now})
    rows = await session.execute(_OVERDUE, {"now": now, "next": again, "count": count})
    return [(row.contest_id, row.lines) for row in rows]


#: Each difference once, lines and postings from both sides. A posting's line is looked for by its id, whenever it was posted.
_COMPARE = (
    text("""
    WITH postings AS (
        SELECT * FROM unnest(:ids, :players, :amounts, :reversed) AS g (id, player, amount, reversed)
    ), lines AS (
        SELECT id, amount FROM payouts WHERE state = 'paid' AND posted_at >= :since AND posted_at < :until
    ), found AS (
        SELECT g.id, CASE
            WHEN p.id IS NULL THEN 'no_line'
            WHEN p.amount <> g.amount THEN 'amount_differs'
            WHEN p.owner_id <> g.player THEN 'player_differs'
            WHEN p.state <> 'paid' THEN 'not_paid_here'
            WHEN g.reversed <> 0 THEN 'reversed' END AS kind,
            p.amount AS line, g.amount AS posting
        FROM postings g LEFT JOIN payouts p ON p.id = g.id
        UNION ALL
        SELECT l.id, 'no_posting', l.amount, NULL FROM lines l WHERE NOT EXISTS (SELECT 1 FROM postings g WHERE g.id = l.id)
    ), differing AS (
        SELECT * FROM found WHERE kind IS NOT NULL ORDER BY id
    )
    SELECT (SELECT count(*) FROM lines) AS lines, (SELECT coalesce(sum(amount), 0)::bigint FROM lines) AS amount,
        (SELECT count(*) FROM differing) AS differences,
        coalesce((SELECT jsonb_agg(d) FROM (SELECT * FROM differing LIMIT :kept) d), '[]') AS discrepancies
""")
    .bindparams(
        bindparam("ids", type_=_UUIDS),
        bindparam("players", type_=_UUIDS),
        bindparam("amounts", type_=ARRAY(BigInteger())),
        bindparam("reversed", type_=ARRAY(BigInteger())),
        bindparam("since", type_=_MOMENT),
        bindparam("until", type_=_MOMENT),
    )
    .columns(discrepancies=JSONB())
)


async def compare(
    session: AsyncSession, postings: Sequence[Posting], since: datetime, until: datetime, kept: int
) -> dict[str, Any]:
    """Pay-outs that were posted in a time beside the wallet's postings of it: counts, and the first `kept` differences."""
    given = {
        "ids": [each.id for each in postings],
        "players": [each.player for each in postings],
        "amounts": [each.amount for each in postings],
        "reversed": [int(each.reversed) for each in postings],
    }
    row = (await session.execute(_COMPARE, given | {"since": since, "until": until, "kept": kept})).one()
    return dict(row._mapping) | {"postings": len(postings)}


async def keep_report(session: AsyncSession, day: date, values: Mapping[str, Any]) -> None:
    """Store what the comparison of a day found, in place of what it found before."""
    kept = insert(PrizeReport).values(day=day, **values)
    await session.execute(kept.on_conflict_do_update(index_elements=["day"], set_=dict(values)))


async def report(session: AsyncSession, day: date) -> PrizeReport | None:
    """What the newest comparison of a day found."""
    return (await session.scalars(select(PrizeReport).where(PrizeReport.day == day))).one_or_none()
