"""The queries on agreements that are to be signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.postgres import Reads
from services.kyc.models import Case, Signing
from services.kyc.states import SigningState

_BATCH = 200

_OPEN = (SigningState.PREPARING.value, SigningState.AWAITING.value, SigningState.ANSWERED.value)


async def add(session: AsyncSession, signing: Signing) -> None:
    """Begin one."""
    await session.flush()  # one that ended in this transaction has to be over in the database before
    session.add(signing)


async def find(session: AsyncSession, signing: UUID) -> Signing | None:
    """One, not locked."""
    return await session.get(Signing, signing)


async def locked(session: AsyncSession, signing: UUID) -> Signing | None:
    """One, with its case locked before it, as everybody locks them."""
    player = (await session.scalars(select(Signing.player_id).where(Signing.id == signing))).one_or_none()
    await session.execute(select(Case.player_id).where(Case.player_id == player).with_for_update())
    found = select(Signing).where(Signing.id == signing).with_for_update()
    return (await session.scalars(found.execution_options(populate_existing=True))).one_or_none()


async def open_of(session: AsyncSession, player: UUID) -> Signing | None:
    """The one that a player has on its way; the case is locked."""
    await session.execute(select(Case.player_id).where(Case.player_id == player).with_for_update())
    mine = select(Signing).where(Signing.player_id == player, Signing.state.in_(_OPEN))
    return (await session.scalars(mine.with_for_update())).one_or_none()


async def read_awaiting(reads: Reads, signing: UUID) -> tuple[UUID, bytes] | None:
    """Player and wrapped key of one that a response may come for."""
    row = await reads.fetchrow(
        "SELECT c.player_id, c.data_key FROM signings s JOIN cases c ON c.player_id = s.player_id"
        " WHERE s.id = $1 AND s.state = 'awaiting' AND c.data_key IS NOT NULL",
        signing,
    )
    return None if row is None else (row[0], row[1])


async def left_over(session: AsyncSession, before: datetime) -> Sequence[Signing]:
    """A batch of those that nobody signed until that moment; locked."""
    old = select(Signing).where(Signing.state.in_(_OPEN), Signing.until <= before)
    return (await session.scalars(old.limit(_BATCH).with_for_update(skip_locked=True))).all()
