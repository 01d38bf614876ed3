"""The queries of kyc."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.ids import uuid7
from services.common.postgres import Reads
from services.kyc.models import Case, Consent, Decision, Item, Look, Review, SealedField
from services.kyc.states import ItemState, Kind, Level, State

_BATCH = 200


class Sealed(NamedTuple):
    """What of an item is encrypted, and with which key."""

    player: UUID
    data_key: bytes
    fields: Mapping[str, bytes]


async def make_case(session: AsyncSession, player: UUID, now: datetime) -> Case:
    """A player's case, made if there is none; locked."""
    values = {"player_id": player, "state": State.CREATED.value, "level": Level.NONE.value, "opened_at": now}
    await session.execute(insert(Case).values(**values).on_conflict_do_nothing())
    found = await case(session, player)
    assert found is not None
    return found


async def case(session: AsyncSession, player: UUID) -> Case | None:
    """A player's case, locked: of a case one thing happens at a time."""
    return (await session.scalars(select(Case).where(Case.player_id == player).with_for_update())).one_or_none()


async def standing(reads: Reads, player: UUID, purpose: str) -> tuple[bytes | None, str | None]:
    """A player's wrapped key, and the version of the text that they agree to; None where there is none."""
    row = await reads.fetchrow(
        "SELECT c.data_key, (SELECT CASE WHEN given THEN version END FROM consents"
        " WHERE player_id = c.player_id AND purpose = $2 ORDER BY at DESC, id DESC LIMIT 1)"
        " FROM cases c WHERE player_id = $1",
        player, purpose,
    )  # fmt: skip
    return (None, None) if row is None else (row[0], row[1])


async def level(reads: Reads, player: UUID) -> Sequence[object] | None:
    """Level, since when and until when, of a player whose level holds now; None where there is none."""
    row: Sequence[object] | None = await reads.fetchrow(
        "SELECT level, approved_at, expires_at FROM cases"
        " WHERE player_id = $1 AND level <> 'none' AND approved_at IS NOT NULL AND expires_at > now()",
        player,
    )
    return row


async def overview(
    session: AsyncSession, player: UUID, *, limit: int | None = 20
) -> tuple[Case | None, Sequence[Item]]:
    """A player's case, not locked, and what they handed in, the newest first; None for all of it."""
    found = await session.get(Case, player)
    items = select(Item).where(Item.player_id == player).order_by(Item.created_at.desc(), Item.id.desc()).limit(limit)
    return found, (await session.scalars(items)).all()


async def read_overview(reads: Reads, player: UUID, limit: int = 20) -> Sequence[Any]:
    """The same in one statement: rows of the case, each with one of the items (`item` is None in the only row without one)."""
    rows: Sequence[Any] = await reads.fetch(
        "SELECT c.state, c.level, c.expires_at, i.id AS item, i.kind, i.state AS item_state, i.shown, i.created_at"
        " FROM cases c LEFT JOIN LATERAL (SELECT * FROM items WHERE player_id = c.player_id"
        " ORDER BY created_at DESC, id DESC LIMIT $2) i ON true"
        " WHERE c.player_id = $1 ORDER BY i.created_at DESC, i.id DESC",
        player, limit,
    )  # fmt: skip
    return rows


# --- consents


async def log_consent(
    session: AsyncSession, player: UUID, purpose: str, version: str, given: bool, at: datetime
) -> None:
    """Add to the log."""
    session.add(Consent(id=uuid7(), player_id=player, purpose=purpose, version=version, given=given, at=at))


async def consent(session: AsyncSession, player: UUID, purpose: str) -> Consent | None:
    """What the player said last."""
    of_player = select(Consent).where(Consent.player_id == player, Consent.purpose == purpose)
    return (await session.scalars(of_player.order_by(Consent.at.desc(), Consent.id.desc()).limit(1))).one_or_none()


# --- items


async def add_item(session: AsyncSession, item: Item, sealed: Mapping[str, bytes]) -> None:
    """Keep what was handed in."""
    session.add(item)
    await session.flush()
    add_fields(session, item.id, sealed)


def add_fields(session: AsyncSession, item_id: UUID, sealed: Mapping[str, bytes]) -> None:
    """Keep more of an item."""
    session.add_all(SealedField(item_id=item_id, name=name, sealed=value) for name, value in sealed.items())


async def item(session: AsyncSession, item_id: UUID) -> Item | None:
    """An item; its case is locked where it is changed."""
    return await session.get(Item, item_id, populate_existing=True)


async def sealed_fields(session: AsyncSession, item_id: UUID) -> Sealed | None:
    """What of an item is encrypted; None where it is gone."""
    rows = await session.execute(select(SealedField.name, SealedField.sealed).where(SealedField.item_id == item_id))
    key = await session.execute(
        select(Case.player_id, Case.data_key).join(Item, Item.player_id == Case.player_id).where(Item.id == item_id)
    )
    return _sealed([tuple(row) for row in key], [tuple(row) for row in rows])


async def read_sealed_fields(reads: Reads, item_id: UUID) -> Sealed | None:
    """The same outside of a transaction."""
    rows = await reads.fetch("SELECT name, sealed FROM sealed_fields WHERE item_id = $1", item_id)
    key = await reads.fetch(
        "SELECT c.player_id, c.data_key FROM cases c JOIN items i ON i.player_id = c.player_id WHERE i.id = $1", item_id
    )
    return _sealed([tuple(row) for row in key], [tuple(row) for row in rows])


def _sealed(
    keys: Sequence[tuple[UUID, bytes | None]] | Sequence[tuple[object, ...]], rows: Sequence[tuple[object, ...]]
) -> Sealed | None:
    for player, key in keys:
        if isinstance(player, UUID) and isinstance(key, bytes) and rows:
            return Sealed(player, key, {str(name): value for name, value in rows if isinstance(value, bytes)})
    return None


async def read_all_sealed(reads: Reads, player: UUID) -> tuple[bytes | None, Sequence[tuple[UUID, str, bytes]]]:
    """A player's wrapped key, and item, name and value of everything that is encrypted of them."""
    row = await reads.fetchrow("SELECT data_key FROM cases WHERE player_id = $1", player)
    fields = await reads.fetch(
        "SELECT f.item_id, f.name, f.sealed FROM sealed_fields f JOIN items i ON i.id = f.item_id WHERE i.player_id = $1",
        player,
    )
    return None if row is None else row[0], [(field[0], field[1], field[2]) for field in fields]


async def read_verified_kinds(reads: Reads, player: UUID) -> set[Kind]:
    """What of a player is verified."""
    rows = await reads.fetch("SELECT kind FROM items WHERE player_id = $1 AND state = 'verified'", player)
    return {Kind(row[0]) for row in rows}


async def verified(session: AsyncSession, player: UUID, kind: Kind) -> tuple[UUID, Sealed] | None:
    """A player's verified item of a kind, with what is encrypted of it."""
    mine = select(Item.id).where(
        Item.player_id == player, Item.kind == kind.value, Item.state == ItemState.VERIFIED.value
    )
    found = (await session.scalars(mine.limit(1))).one_or_none()
    sealed = None if found is None else await sealed_fields(session, found)
    return None if found is None or sealed is None else (found, sealed)


async def read_verified(reads: Reads, player: UUID, kind: Kind) -> tuple[UUID, Sealed] | None:
    """A player's verified item of a kind, with what is encrypted of it."""
    row = await reads.fetchrow(
        "SELECT id FROM items WHERE player_id = $1 AND kind = $2 AND state = 'verified' LIMIT 1", player, kind.value
    )
    sealed = None if row is None else await read_sealed_fields(reads, row[0])
    return None if row is None or sealed is None else (row[0], sealed)


async def lock_document(session: AsyncSession, digests: Sequence[bytes]) -> None:
    """Who handed in the same document takes turns: of two that are checked at once the second sees the first.

    By each of its digests, in one order: while their secret rotates, one process knows one of them and another process two.
    """
    for digest in sorted(digests):
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(digest.hex(), 0))))


async def has_other(session: AsyncSession, player: UUID, kind: Kind, digests: Sequence[bytes]) -> bool:
    """Whether another player handed in that document, and was not told to bring another one."""
    gone = (ItemState.REJECTED.value, ItemState.RESUBMIT.value)
    others = select(Item.id).where(
        Item.kind == kind.value, Item.digest.in_(digests), Item.player_id != player, Item.state.not_in(gone)
    )
    return (await session.scalars(others.limit(1))).first() is not None


async def verifies_other(session: AsyncSession, player: UUID, kind: str, digest: bytes) -> bool:
    """Whether the document is another player's for now."""
    others = select(Item.id).where(
        Item.kind == kind, Item.digest == digest, Item.player_id != player, Item.state == ItemState.VERIFIED.value
    )
    return (await session.scalars(others)).first() is not None


async def verified_kinds(session: AsyncSession, player: UUID) -> set[Kind]:
    """What of a player is verified."""
    rows = await session.scalars(
        select(Item.kind).where(Item.player_id == player, Item.state == ItemState.VERIFIED.value)
    )
    return {Kind(each) for each in rows}


async def expire_items(session: AsyncSession, player: UUID) -> None:
    """What was verified is no more; its documents are free."""
    verified = update(Item).where(Item.player_id == player, Item.state == ItemState.VERIFIED.value)
    await session.execute(verified.values(state=ItemState.EXPIRED.value))


async def expired_cases(session: AsyncSession, now: datetime) -> Sequence[Case]:
    """A batch of cases whose approval is over, locked; not those that are checked: what is decided there comes first."""
    held = (State.APPROVED.value, State.RESUBMIT.value)
    over = select(Case).where(Case.level != Level.NONE.value, Case.state.in_(held), Case.expires_at <= now)
    return (await session.scalars(over.limit(_BATCH).with_for_update(skip_locked=True))).all()


async def unconfirmed_items(session: AsyncSession, now: datetime) -> Sequence[tuple[UUID, UUID]]:
    """Player and id of a batch of items whose provider did not answer in time. Cases are locked before they are changed."""
    over = select(Item.player_id, Item.id).where(Item.state == ItemState.CONFIRMING.value, Item.confirm_until <= now)
    return [(row[0], row[1]) for row in await session.execute(over.order_by(Item.player_id).limit(_BATCH))]


# --- reviews


async def open_review(
    session: AsyncSession, item: Item, now: datetime, due: datetime, checks: str | None = None
) -> None:
    """Have a person look at an item; another one than `checks`, who decided on it."""
    # What was closed in this transaction is so in the database before: an item has one open review.
    await session.flush()
    session.add(Review(id=uuid7(), item_id=item.id, player_id=item.player_id, opened_at=now, due_at=due, checks=checks))


async def queue(session: AsyncSession, actor: str, now: datetime, limit: int) -> Sequence[tuple[Review, Item]]:
    """Open reviews that `actor` may take or holds, the most urgent first."""
    free = or_(Review.claimed_by.is_(None), Review.claimed_until <= now, Review.claimed_by == actor)
    others = Review.checks.is_distinct_from(actor)
    rows = await session.execute(
        select(Review, Item)
        .join(Item, Item.id == Review.item_id)
        .where(Review.closed_at.is_(None), free, others)
        .order_by(Review.due_at, Review.id)
        .limit(limit)
    )
    return [(review, item) for review, item in rows]


async def review(session: AsyncSession, review_id: UUID) -> Review | None:
    """An open review, locked."""
    found = select(Review).where(Review.id == review_id, Review.closed_at.is_(None)).with_for_update()
    return (await session.scalars(found)).one_or_none()


async def read_review(reads: Reads, review_id: UUID) -> tuple[UUID, str | None, datetime | None, str | None] | None:
    """Item, who holds it until when, and who proposed it, of an open review."""
    row = await reads.fetchrow(
        "SELECT item_id, claimed_by, claimed_until, proposed_by FROM reviews WHERE id = $1 AND closed_at IS NULL",
        review_id,
    )
    return None if row is None else (row[0], row[1], row[2], row[3])


async def overdue(session: AsyncSession, now: datetime) -> int:
    """How many open reviews are late."""
    late = select(func.count()).select_from(Review).where(Review.closed_at.is_(None), Review.due_at <= now)
    return (await session.scalars(late)).one()


async def waiting(session: AsyncSession, now: datetime) -> tuple[int, float]:
    """How many reviews are open that a player waits for, and for how many seconds the oldest has been.

    Nobody waits for a second reviewer's look at what was decided.
    """
    waits = Review.closed_at.is_(None), Review.checks.is_(None)
    asked = select(func.count(), func.min(Review.opened_at)).where(*waits)
    count, oldest = (await session.execute(asked)).one()
    return count, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


# --- what is only added to


async def log_decision(
    session: AsyncSession,
    case: Case,
    item_id: UUID | None,
    actor: str,
    outcome: str,
    reasons: Sequence[str],
    at: datetime,
) -> None:
    """Keep a decision, with the state that the case is in after it."""
    session.add(
        Decision(
            id=uuid7(), player_id=case.player_id, item_id=item_id, actor=actor, outcome=outcome, reasons=list(reasons),
            state=case.state, at=at,
        )
    )  # fmt: skip


async def log_look(
    session: AsyncSession, player: UUID, item_id: UUID, actor: str, fields: Sequence[str], at: datetime
) -> None:
    """Keep who was shown what."""
    session.add(Look(id=uuid7(), player_id=player, item_id=item_id, actor=actor, fields=list(fields), at=at))


async def history(
    session: AsyncSession, player: UUID, *, limit: int | None = _BATCH
) -> tuple[Sequence[Decision], Sequence[Look], Sequence[Consent]]:
    """Everything that is only added to, of a player, the newest first; `limit` of each at most, None for all."""
    decisions = select(Decision).where(Decision.player_id == player).order_by(Decision.at.desc(), Decision.id.desc())
    looks = select(Look).where(Look.player_id == player).order_by(Look.at.desc(), Look.id.desc())
    consents = select(Consent).where(Consent.player_id == player).order_by(Consent.at.desc(), Consent.id.desc())
    return (
        (await session.scalars(decisions.limit(limit))).all(),
        (await session.scalars(looks.limit(limit))).all(),
        (await session.scalars(consents.limit(limit))).all(),
    )
