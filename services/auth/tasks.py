"""Auth's background work: keys are rotated, letters sent, accounts closed, what is no longer needed forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, factors_repository, keys, letters, repository
from services.auth.audit import Happened
from services.auth.events import AccountClosed
from services.auth.settings import GUESSES_KEPT, SESSIONS_KEPT, USED_TOKENS_KEPT, KeySecrets
from services.common import events, outbox
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.common.rotating import accepted
from services.common.settings import load

jobs = Jobs(emits=True)
jobs.on_message_outside(letters.TASK, letters.SendLetter())

_CLOSED_AT_ONCE = 100


@jobs.on_schedule("auth.rotate_keys", "17 * * * *", late_after=timedelta(hours=3), runbook="auth-signing-keys")
async def rotate_keys(session: AsyncSession, clock: Clock) -> None:
    """Hourly look whether the signing key has served its time."""
    sealer = keys.sealer_of(accepted(load(KeySecrets).signing_kek, "SIGNING_KEK"))
    await keys.rotate(session, sealer, clock.now())


@jobs.clean_up("auth.forget_sessions", "41 3 * * *", late_after=timedelta(hours=26))
async def forget_sessions(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete what ended long ago."""
    return await repository.forget_sessions(session, clock.now() - SESSIONS_KEPT)


@jobs.clean_up("auth.forget_tokens", "11 4 * * *", late_after=timedelta(hours=26))
async def forget_tokens(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete refresh tokens that were used long ago; those of ended sessions go with these."""
    return await repository.forget_used_tokens(session, clock.now() - USED_TOKENS_KEPT)


@jobs.clean_up("auth.forget_events", "51 4 * * *", late_after=timedelta(hours=26))
async def forget_events(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete events that nobody asks for any more."""
    return await events.forget(session)


@jobs.clean_up("auth.close_accounts", "7 * * * *", late_after=timedelta(hours=26))
async def close_accounts(session: AsyncSession, clock: Clock) -> int:
    """Close and erase the accounts whose owners asked for it, when their time to change their minds is over."""
    now = clock.now()
    due = await repository.due_to_close(session, now, _CLOSED_AT_ONCE)
    for user in due:
        await repository.revoke_all(session, user.id, "closed", now)
        await repository.erase(session, user.id)
        await audit.record(session, now, Happened.CLOSED, user.id, actor=audit.SYSTEM)
        await events.emit(session, AccountClosed(account=user.id, closed_at=now))
    return len(due)


@jobs.clean_up("auth.forget_flows", "21 3 * * *", late_after=timedelta(hours=26))
async def forget_flows(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete what was begun and can no longer be finished."""
    return await factors_repository.forget_flows(session, clock.now())


@jobs.clean_up("auth.forget_guesses", "31 3 * * *", late_after=timedelta(hours=26))
async def forget_guesses(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete events that concern no account."""
    return await repository.forget_guesses(session, clock.now() - GUESSES_KEPT)


@jobs.clean_up("auth.forget_letters", "1 4 * * *", late_after=timedelta(hours=26))
async def forget_letters(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete letters that were sent long ago."""
    return await outbox.forget(session)
