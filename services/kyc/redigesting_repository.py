"""The queries on digests that are made anew."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.kyc import repository
from services.kyc.models import Item
from services.kyc.states import ItemState

_BATCH = 50


async def by_another(session: AsyncSession, present: bytes) -> Sequence[Item]:
    """A batch of items whose digest is by another secret than the `present` one; the newest first."""
    others = select(Item).where(Item.digest_by.is_distinct_from(present), Item.digest_kept.is_(False))
    return (await session.scalars(others.order_by(Item.id.desc()).limit(_BATCH))).all()


async def replace(session: AsyncSession, item_id: UUID, digest: bytes, present: bytes) -> bool:
    """Keep an item's new digest; False where it and another player's are both verified: then it stays as it was."""
    await repository.lock_document(session, [digest])
    item = await session.get(Item, item_id, populate_existing=True)
    if item is None:
        return True
    verified = item.state == ItemState.VERIFIED
    kept = verified and await repository.verifies_other(session, item.player_id, item.kind, digest)
    changed = {"digest_kept": True} if kept else {"digest": digest, "digest_by": present}
    await session.execute(update(Item).where(Item.id == item_id).values(**changed))
    return not kept
