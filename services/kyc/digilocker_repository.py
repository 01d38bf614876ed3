"""The queries on flows to DigiLocker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.kyc.models import Case, DigilockerFlow
from services.kyc.states import FlowState

_BATCH = 200


def add(session: AsyncSession, flow: DigilockerFlow) -> None:
    """Begin one."""
    session.add(flow)


async def find(session: AsyncSession, flow: UUID) -> DigilockerFlow | None:
    """A flow, not locked."""
    return await session.get(DigilockerFlow, flow)


async def locked(session: AsyncSession, flow: UUID) -> DigilockerFlow | None:
    """A flow, with its case locked before it, as everybody locks them."""
    player = (await session.scalars(select(DigilockerFlow.player_id).where(DigilockerFlow.id == flow))).one_or_none()
    await session.execute(select(Case.player_id).where(Case.player_id == player).with_for_update())
    found = select(DigilockerFlow).where(DigilockerFlow.id == flow).with_for_update()
    return (await session.scalars(found.execution_options(populate_existing=True))).one_or_none()


async def left_over(session: AsyncSession, before: datetime) -> Sequence[DigilockerFlow]:
    """A batch of flows that nobody came back from, or nobody fetched, until that moment; locked."""
    waiting = (FlowState.OPEN.value, FlowState.ANSWERED.value)
    old = select(DigilockerFlow).where(DigilockerFlow.state.in_(waiting), DigilockerFlow.until <= before)
    return (await session.scalars(old.limit(_BATCH).with_for_update(skip_locked=True))).all()
