"""Flows: what is begun now and has to be finished in time, once. Tokens of 256 bits are found by their hash; codes of six
digits belong to a person and are tried a few times only."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import factors_repository, repository
from services.auth.errors import AuthCode
from services.auth.models import Flow
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.sealing import Sealer

#: How often a code of six digits may be tried.
CODE_ATTEMPTS = 5


class FlowKind(StrEnum):
    """What can be begun."""

    VERIFY_EMAIL = "verify-email"
    VERIFY_PHONE = "verify-phone"
    RESET = "reset"
    SECOND_FACTOR = "second-factor"
    ADD_PASSKEY = "add-passkey"
    LOG_IN_PASSKEY = "log-in-passkey"
    STEP_UP_PASSKEY = "step-up-passkey"
    PROVIDER = "provider"


LIFE = {
    FlowKind.VERIFY_EMAIL: timedelta(minutes=30),
    FlowKind.VERIFY_PHONE: timedelta(minutes=10),
    FlowKind.RESET: timedelta(minutes=30),
    FlowKind.SECOND_FACTOR: timedelta(minutes=5),
    FlowKind.ADD_PASSKEY: timedelta(minutes=5),
    FlowKind.LOG_IN_PASSKEY: timedelta(minutes=5),
    FlowKind.STEP_UP_PASSKEY: timedelta(minutes=5),
    FlowKind.PROVIDER: timedelta(minutes=10),
}


class Flows:
    """Begins and finishes flows. `secret` keys the digests of codes, which are few enough to be tried out."""

    def __init__(self, clock: Clock, secret: str) -> None:
        self._clock, self._codes = clock, Sealer(secret, "auth/codes")

    async def begin(self, session: AsyncSession, kind: FlowKind, user_id: UUID | None = None, **data: Any) -> str:
        """Begin; the token that finishes it."""
        token = secrets.token_urlsafe(32)
        await self._add(session, kind, user_id, token_digest(token), data)
        return token

    async def finish(self, session: AsyncSession, kind: FlowKind, token: str) -> Flow:
        """The flow of `token`, which is finished by this. Raises ServiceError (flow_refused)."""
        flow = await factors_repository.use_flow(session, kind, token_digest(token), self._clock.now())
        if flow is None:
            raise ServiceError(AuthCode.FLOW_REFUSED, "Begin again.")
        return flow

    async def begin_code(self, session: AsyncSession, kind: FlowKind, user_id: UUID, **data: Any) -> str:
        """Begin; the six digits that finish it. Those of an earlier one of that kind are good no more."""
        code = f"{secrets.randbelow(10**6):06}"
        await self._add(session, kind, user_id, self._code_digest(user_id, kind, code), data)
        return code

    async def finish_code(self, session: AsyncSession, kind: FlowKind, user_id: UUID, code: str) -> Flow:
        """The person's newest flow of that kind, if `code` is its. Raises ServiceError (code_refused), counting the attempt."""
        now = self._clock.now()
        flow = await factors_repository.try_code(session, user_id, kind, now, CODE_ATTEMPTS)
        if flow is None or not secrets.compare_digest(flow.digest, self._code_digest(user_id, kind, code)):
            raise ServiceError(AuthCode.CODE_REFUSED, "Ask for a new code if this goes on.", keeps_changes=True)
        await factors_repository.use_newest(session, flow.id, now)
        return flow

    async def void(self, session: AsyncSession, kind: FlowKind, user_id: UUID) -> None:
        """Nothing of that kind can be finished any more."""
        await factors_repository.void_flows(session, user_id, kind, self._clock.now())

    async def _add(
        self, session: AsyncSession, kind: FlowKind, user_id: UUID | None, digest: bytes, data: dict[str, Any]
    ) -> None:
        now = self._clock.now()
        flow = Flow(
            id=uuid7(),
            kind=kind,
            digest=digest,
            user_id=user_id,
            data=data,
            created_at=now,
            expires_at=now + LIFE[kind],
        )
        await repository.add(session, flow)

    def _code_digest(self, user_id: UUID, kind: FlowKind, code: str) -> bytes:
        return self._codes.digest(f"{user_id}/{kind}/{code}")


def token_digest(token: str) -> bytes:
    """What a token is found by: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(f"flow/{token}".encode()).digest()
