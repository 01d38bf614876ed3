"""What is known of a person ends: by the law's periods every night, and at once where a player asks and the law allows.

Periods and laws are rows of `retention_rules`. Functions of the database delete rows, and refuse what is not due; objects in S3
are deleted by messages of the same transaction, with all their versions. Nothing here commits.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.kyc import documents_repository, repository, retention_repository
from services.kyc.deciding import SYSTEM
from services.kyc.documents import DELETE
from services.kyc.models import Case
from services.kyc.schemas import ErasureAnswer, RetentionView
from services.kyc.states import CaseEvent, Kind, State
from services.kyc.store import agreement_prefix, kept_prefix, prefixes_of, upload_key

#: A decision of the log that is none on an item.
REFUSED = "erasure_refused"


class AccountClosed(BaseModel):
    """What is read of auth's event `account-closed`."""

    account: UUID
    closed_at: datetime


async def close(session: AsyncSession, event: AccountClosed) -> None:
    """The player's account is closed: from now on the time runs that identities are kept for. Who has no case leaves none."""
    case = await repository.case(session, event.account)
    if case is not None and case.closed_at is None:
        case.closed_at = event.closed_at


async def purge(session: AsyncSession, clock: Clock) -> int:
    """A batch of what is due: items that were not taken, cases, then logs of erased cases; how many."""
    now = clock.now()
    items = await retention_repository.due_items(session, now)
    for item in items:
        for document in await documents_repository.all_of_item(session, item):
            for prefix in (upload_key(document.player_id, document.id), kept_prefix(document.player_id, document.id)):
                await outbox.enqueue(session, DELETE, {"prefix": prefix})
        found = await repository.item(session, item)
        if found is not None and found.kind == Kind.AGREEMENT:
            await outbox.enqueue(session, DELETE, {"prefix": agreement_prefix(found.player_id, item)})
        await retention_repository.erase_item(session, item, now)
    players = await retention_repository.due_cases(session, now)
    for player in players:
        await _erase(session, player, SYSTEM, now)
    forgotten = await retention_repository.due_logs(session, now)
    for player in forgotten:
        await retention_repository.forget_case(session, player, now)
    return len(items) + len(players) + len(forgotten)


async def _erase(session: AsyncSession, player: UUID, actor: str, now: datetime) -> Case:
    """Erase the case of `player`, which is locked; its state is "erased" afterwards."""
    held = await retention_repository.held(session, player, now)
    await retention_repository.erase_case(session, player, now)
    for prefix in prefixes_of(player):
        await outbox.enqueue(session, DELETE, {"prefix": prefix})
    case = await repository.case(session, player)
    assert case is not None, "only its logs' end deletes it"
    await repository.log_decision(session, case, None, actor, CaseEvent.ERASE.value, [held.rule], now)
    return case


async def asked(session: AsyncSession, clock: Clock, player: UUID) -> ErasureAnswer:
    """What becomes of a player's wish to be erased: done, or refused with the rule and the day, which is logged."""
    case = await repository.case(session, player)
    if case is None or case.state == State.ERASED:
        return ErasureAnswer(outcome="nothing_held", kept=None)
    now = clock.now()
    held = await retention_repository.held(session, player, now)
    if held.until is not None and held.until <= now:
        await _erase(session, player, str(player), now)
        return ErasureAnswer(outcome="erased", kept=None)
    await repository.log_decision(session, case, None, str(player), REFUSED, [held.rule], now)
    return ErasureAnswer(outcome="refused", kept=_view(held))


def _view(held: retention_repository.Held) -> RetentionView:
    return RetentionView.model_validate(held._asdict())


async def view(session: AsyncSession, clock: Clock, player: UUID) -> RetentionView | None:
    """By which rule and until when what is known of a player is kept; None where nothing is."""
    case = await repository.case(session, player)
    if case is None or case.state == State.ERASED:
        return None
    return _view(await retention_repository.held(session, player, clock.now()))
