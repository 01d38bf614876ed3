"""The queries on pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.postgres import Reads
from services.kyc.models import Document, Item
from services.kyc.states import DocumentState, ItemState, Kind

_BATCH = 200


async def awaited(reads: Reads, player: UUID) -> dict[bytes, UUID]:
    """What a player announced and has not handed in: SHA-256 → id."""
    rows = await reads.fetch("SELECT sha256, id FROM documents WHERE player_id = $1 AND state = 'awaited'", player)
    return {row[0]: row[1] for row in rows}


async def count_awaited(session: AsyncSession, player: UUID) -> int:
    """How many pictures a player announced and has not handed in."""
    mine = (Document.player_id == player, Document.state == DocumentState.AWAITED.value)
    return (await session.scalars(select(func.count()).select_from(Document).where(*mine))).one()


async def announced_size(reads: Reads, player: UUID, document: UUID) -> int | None:
    """Of an awaited picture of the player's; None if there is none of that id."""
    row = await reads.fetchrow(
        "SELECT size FROM documents WHERE id = $1 AND player_id = $2 AND state = 'awaited'", document, player
    )
    return None if row is None else int(row[0])


async def add(session: AsyncSession, document: Document) -> bool:
    """Note an announcement; whether it is there now under this id (and not under that of a request at the same moment)."""
    names = ("id", "player_id", "kind", "state", "media_type", "size", "sha256", "masked", "created_at")
    values = {name: getattr(document, name) for name in names}
    await session.execute(insert(Document).values(**values).on_conflict_do_nothing())
    return await session.get(Document, document.id) is not None


async def link(
    session: AsyncSession, player: UUID, document: UUID, kinds: Sequence[str], item: UUID, place: int
) -> bool:
    """Give an awaited picture of the player's to an item; whether there was one."""
    mine = update(Document).where(
        Document.id == document, Document.player_id == player, Document.kind.in_(kinds),
        Document.state == DocumentState.AWAITED.value,
    )  # fmt: skip
    linked = mine.values(state=DocumentState.LINKED.value, item_id=item, place=place).returning(Document.id)
    return (await session.scalars(linked)).first() is not None


async def of_item(session: AsyncSession, item: UUID) -> Document | None:
    """The picture that was handed in with an item; of several the first."""
    first = select(Document).where(Document.item_id == item).order_by(Document.place).limit(1)
    return (await session.scalars(first)).one_or_none()


async def all_of_item(session: AsyncSession, item: UUID) -> Sequence[Document]:
    """The pictures that were handed in with an item, in their order."""
    return (await session.scalars(select(Document).where(Document.item_id == item).order_by(Document.place))).all()


async def kept_card(session: AsyncSession, player: UUID) -> Document | None:
    """The picture of a player's verified PAN card, if it is kept."""
    kept = select(Document).join(Item, Item.id == Document.item_id).where(
        Item.player_id == player, Item.kind == Kind.PAN.value, Item.state == ItemState.VERIFIED.value,
        Document.state == DocumentState.KEPT.value,
    )  # fmt: skip
    return (await session.scalars(kept)).one_or_none()


async def of_items(session: AsyncSession, items: Sequence[UUID]) -> set[UUID]:
    """Which of the items have a picture that can be looked at."""
    kept = select(Document.item_id).where(Document.item_id.in_(items), Document.state == DocumentState.KEPT.value)
    return {each for each in await session.scalars(kept) if each is not None}


async def forgotten(session: AsyncSession, before: datetime) -> Sequence[Document]:
    """A batch of pictures announced before that moment and handed in with nothing, locked."""
    old = select(Document).where(Document.state == DocumentState.AWAITED.value, Document.created_at < before)
    return (await session.scalars(old.limit(_BATCH).with_for_update(skip_locked=True))).all()


async def unswept(session: AsyncSession, before: datetime) -> Sequence[Document]:
    """A batch of pictures announced before that moment that wait for nothing any more, and were deleted once only; locked."""
    waiting = (DocumentState.AWAITED.value, DocumentState.LINKED.value)
    left = select(Document).where(
        Document.swept.is_(False), Document.state.not_in(waiting), Document.created_at < before
    )
    return (await session.scalars(left.limit(_BATCH).with_for_update(skip_locked=True))).all()


async def all_of(session: AsyncSession, player: UUID) -> Sequence[Document]:
    """Every picture of a player's, the oldest first."""
    mine = select(Document).where(Document.player_id == player).order_by(Document.created_at, Document.id)
    return (await session.scalars(mine)).all()
