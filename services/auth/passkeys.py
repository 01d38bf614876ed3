"""Passkeys (WebAuthn): made, logged in with, shown at a step-up. What is signed is checked by py_webauthn.

User verification is always wanted: a passkey then is two factors in one, what somebody has and what they are or know.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.auth import factors_repository
from services.auth.errors import AuthCode
from services.auth.flows import FlowKind, Flows
from services.auth.models import Flow, Passkey
from services.auth.schemas import PasskeyOptions
from services.common.clock import Clock
from services.common.errors import ServiceError

#: More than anybody has devices; keeps lists and options short.
MOST = 20

_VERIFIED = UserVerificationRequirement.REQUIRED

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PasskeyService:
    """What can be done with passkeys at one `origin` (scheme, host, port)."""

    clock: Clock
    flows: Flows
    origin: str

    @property
    def _host(self) -> str:
        return urlsplit(self.origin).hostname or ""

    async def begin_adding(self, session: AsyncSession, user_id: UUID, name: str) -> PasskeyOptions:
        """What to ask an authenticator for, so that it makes a passkey. Raises ServiceError (factor_exists)."""
        known = await factors_repository.passkeys_of(session, user_id)
        if len(known) >= MOST:
            raise ServiceError(AuthCode.FACTOR_EXISTS, f"There are {MOST} passkeys; remove one first.")
        options = generate_registration_options(
            rp_id=self._host,
            rp_name="Matchday",
            user_id=user_id.bytes,
            user_name=name,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each.id) for each in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
            ),
        )
        challenge = bytes_to_base64url(options.challenge)
        flow = await self.flows.begin(session, FlowKind.ADD_PASSKEY, user_id, challenge=challenge)
        return PasskeyOptions(flow=flow, options=json.loads(options_to_json(options)))

    async def add(
        self, session: AsyncSession, user_id: UUID, token: str, credential: dict[str, Any], name: str
    ) -> None:
        """Store a passkey that an authenticator has made. Raises ServiceError (flow_refused, factor_refused, factor_exists)."""
        flow = await self.flows.finish(session, FlowKind.ADD_PASSKEY, token)
        if flow.user_id != user_id:
            raise ServiceError(AuthCode.FLOW_REFUSED, "It was begun by somebody else.", keeps_changes=True)
        try:
            made = verify_registration_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(flow.data["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except Exception as error:  # untrusted bytes: the library and its parsers raise whatever they meet
            raise _refused(error) from None
        row = Passkey(
            id=made.credential_id,
            user_id=user_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=name,
            created_at=self.clock.now(),
            last_used_at=None,
        )
        if not await factors_repository.add_passkey(session, row):
            raise ServiceError(AuthCode.FACTOR_EXISTS, "That passkey is known already.", keeps_changes=True)

    async def begin_log_in(self, session: AsyncSession) -> PasskeyOptions:
        """What to ask an authenticator for at a log-in: any passkey of ours; nobody is named, so nothing is told."""
        return await self._begin(session, FlowKind.LOG_IN_PASSKEY, None)

    async def begin_step_up(self, session: AsyncSession, user_id: UUID) -> PasskeyOptions:
        """The same for one of a person's own."""
        return await self._begin(session, FlowKind.STEP_UP_PASSKEY, user_id)

    async def log_in(self, session: AsyncSession, token: str, credential: dict[str, Any]) -> UUID:
        """Whose passkey has signed the challenge. Raises ServiceError (flow_refused, factor_refused)."""
        flow = await self.flows.finish(session, FlowKind.LOG_IN_PASSKEY, token)
        owner = await self._check(session, flow, credential)
        if owner is None:
            raise ServiceError(AuthCode.FACTOR_REFUSED, "It is not accepted.", keeps_changes=True)
        return owner

    async def proves(self, session: AsyncSession, user_id: UUID, token: str, credential: dict[str, Any]) -> bool:
        """Whether a passkey of that person has signed the challenge of a step-up. Raises ServiceError (flow_refused)."""
        flow = await self.flows.finish(session, FlowKind.STEP_UP_PASSKEY, token)
        return flow.user_id == user_id and await self._check(session, flow, credential) == user_id

    async def _begin(self, session: AsyncSession, kind: FlowKind, user_id: UUID | None) -> PasskeyOptions:
        mine = await factors_repository.passkeys_of(session, user_id) if user_id else []
        options = generate_authentication_options(
            rp_id=self._host,
            allow_credentials=[PublicKeyCredentialDescriptor(id=each.id) for each in mine],
            user_verification=_VERIFIED,
        )
        flow = await self.flows.begin(session, kind, user_id, challenge=bytes_to_base64url(options.challenge))
        return PasskeyOptions(flow=flow, options=json.loads(options_to_json(options)))

    async def _check(self, session: AsyncSession, flow: Flow, credential: dict[str, Any]) -> UUID | None:
        """Whose passkey has signed `flow`'s challenge; None if that is nobody's, or its counter went back (a copy)."""
        identity = credential_bytes(str(credential.get("rawId")))
        known = await factors_repository.passkey(session, identity) if identity is not None else None
        if known is None:
            return None
        try:
            shown = verify_authentication_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(flow.data["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self.origin,
                credential_public_key=known.public_key,
                credential_current_sign_count=known.sign_count,
                require_user_verification=True,
            )
        except Exception as error:  # as above
            log.warning("passkey refused", extra={"reason": type(error).__name__, "subject": str(known.user_id)})
            return None
        if not await factors_repository.use_passkey(session, known, shown.new_sign_count, self.clock.now()):
            return None
        return known.user_id


def credential_text(credential: bytes) -> str:
    """A credential's id as WebAuthn writes it."""
    return bytes_to_base64url(credential)


def credential_bytes(text: str) -> bytes | None:
    """The id that was written so; None if that is none."""
    try:
        return base64url_to_bytes(text)
    except ValueError:
        return None


def _refused(error: Exception) -> ServiceError:
    log.warning("passkey refused", extra={"reason": type(error).__name__})
    return ServiceError(AuthCode.FACTOR_REFUSED, "What the authenticator made is not accepted.", keeps_changes=True)
