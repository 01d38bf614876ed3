"""What follows from what was found in an item: it is approved, or a person looks. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.kyc import repository
from services.kyc.deciding import SYSTEM, decide
from services.kyc.findings import Finding
from services.kyc.models import Case, Item
from services.kyc.states import CaseEvent, ItemState, Kind

#: Within how long a person has decided.
SLA = timedelta(hours=24)


async def conclude(
    session: AsyncSession, clock: Clock, case: Case, item: Item, found: Sequence[Finding], digests: Sequence[bytes]
) -> None:
    """Approve what leaves no doubt; a person looks at the rest. `digests` of the document by every key in use."""
    await repository.lock_document(session, digests)
    if await repository.has_other(session, case.player_id, Kind(item.kind), digests):
        found = [*found, Finding.DUPLICATE]
    item.findings, item.confirm_until = [each.value for each in found], None
    if not found:
        await decide(session, clock, case, item, CaseEvent.APPROVE, SYSTEM, [])
    else:
        item.state = ItemState.REVIEW.value
        await repository.open_review(session, item, clock.now(), clock.now() + SLA)
