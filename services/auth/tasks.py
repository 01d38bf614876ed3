"""Auth's background work: keys are rotated, ended sessions forgotten."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import keys, repository
from services.auth.settings import SESSIONS_KEPT, AuthSecrets
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.common.settings import load

jobs = Jobs()


@jobs.on_schedule("auth.rotate_keys", "17 * * * *")
async def rotate_keys(session: AsyncSession, clock: Clock) -> None:
    """Hourly look whether the signing key has served its time."""
    sealer = keys.sealer_of(load(AuthSecrets).signing_kek.get_secret_value())
    await keys.rotate(session, sealer, clock.now())


@jobs.on_schedule("auth.forget_sessions", "41 3 * * *")
async def forget_sessions(session: AsyncSession, clock: Clock) -> None:
    """Nightly delete what ended long ago."""
    await repository.forget_sessions(session, clock.now() - SESSIONS_KEPT)
