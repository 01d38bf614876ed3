"""Auth's background work: keys are rotated, ended sessions forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import keys, repository
from services.auth.settings import SESSIONS_KEPT, USED_TOKENS_KEPT, KeySecrets
from services.common import events
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.common.rotating import accepted
from services.common.settings import load

jobs = Jobs(emits=True)


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
