"""A share of what one reviewer decided alone is decided again by a second one, who does not know how: drawn, not chosen.

The draw is by the service's secret and the review's id: nobody can tell before, and everybody with the secret can afterwards.
Where the two differ, the item is reviewed anew, and what approves it then takes two persons. Nothing here commits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.kyc import repository
from services.kyc.findings import Finding
from services.kyc.models import Case, Item, Review
from services.kyc.settings import Digests
from services.kyc.states import DECIDED, CaseEvent, ItemState, Level, State, after, level_of

#: Of decisions, drawn: one in twenty; within how long a second reviewer decides; and, where they differ, somebody anew.
SHARE, SLA, ANEW = 0.05, timedelta(days=7), timedelta(hours=24)

#: What is drawn from: an approval or a rejection, by one person.
DRAWN = frozenset({CaseEvent.APPROVE, CaseEvent.REJECT})

log = logging.getLogger(__name__)


def is_drawn(digests: Digests, review: UUID) -> bool:
    """Whether a second reviewer decides, too; the same for a review whenever it is asked."""
    number = int.from_bytes(digests.all(f"sample {review}")[0][:8], "big")
    return number < SHARE * 2**64


async def draw(session: AsyncSession, clock: Clock, digests: Digests, review: Review, item: Item, actor: str) -> None:
    """Have a decided review decided again, if it is drawn."""
    if is_drawn(digests, review.id):
        now = clock.now()
        await repository.open_review(session, item, now, now + SLA, checks=actor)


async def decide(
    session: AsyncSession, clock: Clock, case: Case, review: Review, item: Item, event: CaseEvent, actor: str,
    reasons: Sequence[str],
) -> None:  # fmt: skip
    """The second reviewer's own decision; `case` is locked. It changes something only where it is another one."""
    now = clock.now()
    review.closed_at = now
    if DECIDED[event] == item.state:
        await repository.log_decision(session, case, item.id, actor, "quality_agreed", reasons, now)
        return
    log.warning("a second reviewer decides otherwise", extra={"review": str(review.id), "item": str(item.id)})
    state = after(State(case.state), CaseEvent.REOPEN)
    if state is None or item.state not in (ItemState.VERIFIED, ItemState.REJECTED):
        # The case went on meanwhile: what is decided there next is decided by a person who sees this in the history.
        await repository.log_decision(session, case, item.id, actor, "quality_differs", reasons, now)
        return
    case.state, item.state = state.value, ItemState.REVIEW.value
    item.findings = [*item.findings, Finding.CONTESTED.value]
    case.level = level_of(await repository.verified_kinds(session, case.player_id)).value
    if case.level == Level.NONE:
        case.approved_at, case.expires_at = None, None
    await repository.log_decision(session, case, item.id, actor, "quality_differs", reasons, now)
    await repository.open_review(session, item, now, now + ANEW)
