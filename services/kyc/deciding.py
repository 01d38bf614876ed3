"""How a decision on an item takes effect, whoever made it: item, case, level, log. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.errors import ServiceError
from services.kyc import repository
from services.kyc.errors import KycCode
from services.kyc.models import Case, Item
from services.kyc.states import DECIDED, CaseEvent, Level, State, after, level_of

#: Who decides where no person does.
SYSTEM = "system"

#: How long an approval holds; then the player is asked again.
VALID = timedelta(days=730)


def move(case: Case, event: CaseEvent) -> None:
    """Have `event` happen to a case. Raises ServiceError (state_forbids)."""
    state = after(State(case.state), event)
    if state is None:
        raise ServiceError(KycCode.STATE_FORBIDS, f"The case is {case.state}.")
    case.state = state.value


async def decide(
    session: AsyncSession, clock: Clock, case: Case, item: Item, event: CaseEvent, actor: str, reasons: Sequence[str]
) -> None:
    """Give the decision `event` on `item` its effect; `case` is locked. Raises ServiceError (state_forbids, document_taken)."""
    if event is CaseEvent.APPROVE:
        await repository.lock_document(session, [item.digest])
        if await repository.verifies_other(session, case.player_id, item.kind, item.digest):
            raise ServiceError(KycCode.DOCUMENT_TAKEN, "Reject it, or have the other player's case decided anew.")
    move(case, event)
    item.state = DECIDED[event].value
    if event is CaseEvent.REJECT:
        case.level, case.approved_at, case.expires_at = Level.NONE.value, None, None
    else:
        if event is CaseEvent.APPROVE and case.level == Level.NONE:  # a higher level does not hold longer
            case.approved_at, case.expires_at = clock.now(), clock.now() + VALID
        case.level = level_of(await repository.verified_kinds(session, case.player_id)).value
    await repository.log_decision(session, case, item.id, actor, event.value, reasons, clock.now())


async def expire(session: AsyncSession, clock: Clock) -> int:
    """A batch of cases whose approval is over; how many."""
    over = await repository.expired_cases(session, clock.now())
    for case in over:
        move(case, CaseEvent.EXPIRE)
        case.level = Level.NONE.value
        await repository.expire_items(session, case.player_id)
        await repository.log_decision(session, case, None, SYSTEM, CaseEvent.EXPIRE.value, ["too_old"], clock.now())
    return len(over)
