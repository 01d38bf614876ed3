"""Second factors: an authenticator app, recovery codes, and proofs of any kind at a log-in and at a step-up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, factors_repository, repository, totp
from services.auth.accounts import AccountService, refuse_frozen
from services.auth.audit import Happened
from services.auth.errors import AuthCode
from services.auth.flows import FlowKind, Flows
from services.auth.letters import Letter
from services.auth.limiter import BEGINNINGS, BY_ADDRESS, BY_FACTOR, Limiter
from services.auth.minting import Minter
from services.auth.models import Totp
from services.auth.passkeys import PasskeyService, credential_bytes, credential_text
from services.auth.passwords import Passwords
from services.auth.repository import Holder
from services.auth.schemas import (
    AccessToken,
    Factors,
    NewPasskey,
    PasskeyAnswer,
    PasskeyOptions,
    PasskeyView,
    ProofRequest,
    RecoveryCodes,
    SecondFactorRequest,
    TokenPair,
    TotpSecret,
)
from services.auth.sessions import SessionService
from services.auth.visitor import Visitor
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.errors import Code, ServiceError
from services.common.sealing import Sealer
from services.common.tokens import TWO_FACTORS, Caller

RECOVERY_CODES = 10


@dataclass(frozen=True)
class FactorService:
    """What can be done with second factors. `seal` seals the apps' secrets and keys the recovery codes' digests."""

    clock: Clock
    limiter: Limiter
    passwords: Passwords
    minter: Minter
    accounts: AccountService
    sessions: SessionService
    flows: Flows
    passkeys: PasskeyService
    seal: Sealer

    async def show(self, session: AsyncSession, user_id: UUID) -> Factors:
        """What a person has."""
        found = await factors_repository.totp_of(session, user_id)
        return Factors(
            totp=found is not None and found.confirmed_at is not None,
            passkeys=[
                PasskeyView(
                    id=credential_text(each.id),
                    name=each.name,
                    created_at=each.created_at,
                    last_used_at=each.last_used_at,
                )
                for each in await factors_repository.passkeys_of(session, user_id)
            ],
            recovery_codes_left=await factors_repository.recovery_codes_left(session, user_id),
        )

    async def begin_totp(self, session: AsyncSession, caller: Caller) -> TotpSecret:
        """A secret for an app. Raises ServiceError (factor_exists, step_up_needed)."""
        holder = await self.sessions.may_change(session, caller)
        secret, now = totp.new_secret(), self.clock.now()
        sealed = self.seal.seal(secret, f"{holder.user_id}/totp")
        row = Totp(user_id=holder.user_id, secret_sealed=sealed, created_at=now, confirmed_at=None, last_step=0)
        if not await factors_repository.begin_totp(session, row):
            raise ServiceError(AuthCode.FACTOR_EXISTS, "Remove the present app first.")
        profile = await self.accounts.profile(session, holder.user_id)
        return TotpSecret(
            secret=totp.base32(secret), uri=totp.uri(secret, profile.email or profile.phone or str(holder.user_id))
        )

    async def confirm_totp(self, session: AsyncSession, caller: Caller, code: str, visitor: Visitor) -> RecoveryCodes:
        """The app shows the right code: it counts from now on. Raises ServiceError (factor_refused, step_up_needed)."""
        holder = await self.sessions.may_change(session, caller)
        await self.limiter.attempt(BY_FACTOR, str(holder.user_id))
        if not await self._is_totp(session, holder.user_id, code, confirm=True):
            raise await self._refused(session, holder.user_id, visitor, "totp")
        await self.limiter.forgive(BY_FACTOR, str(holder.user_id))
        await self._prove(session, holder, ["otp"])
        await self.tell_added(session, holder.user_id, "totp", visitor)
        return await self.make_recovery_codes(session, holder.user_id, visitor)

    async def remove_totp(self, session: AsyncSession, user_id: UUID, visitor: Visitor) -> None:
        """Forget the app. Raises ServiceError (state_refused)."""
        if await factors_repository.remove_totp(session, user_id):
            await self._removed(session, user_id, "totp", visitor)

    async def remove_passkey(self, session: AsyncSession, user_id: UUID, credential: str, visitor: Visitor) -> None:
        """Forget a passkey. Raises ServiceError (not_found, state_refused)."""
        found = credential_bytes(credential)
        if found is None or not await factors_repository.remove_passkey(session, user_id, found):
            raise ServiceError(Code.NOT_FOUND, "There is no such passkey of yours.")
        await self._removed(session, user_id, "passkey", visitor)

    async def begin_passkey(self, session: AsyncSession, caller: Caller) -> PasskeyOptions:
        """Begin to add a passkey. Raises ServiceError (factor_exists, step_up_needed)."""
        holder = await self.sessions.may_change(session, caller)
        profile = await self.accounts.profile(session, holder.user_id)
        return await self.passkeys.begin_adding(session, holder.user_id, profile.email or profile.phone or "player")

    async def add_passkey(self, session: AsyncSession, caller: Caller, made: NewPasskey, visitor: Visitor) -> None:
        """Add what the authenticator has made. Raises ServiceError (flow_refused, factor_refused, factor_exists, …)."""
        holder = await self.sessions.may_change(session, caller)
        await self.passkeys.add(session, holder.user_id, made.flow.get_secret_value(), made.credential, made.name)
        await self.tell_added(session, holder.user_id, "passkey", visitor)

    async def begin_passkey_log_in(self, session: AsyncSession, visitor: Visitor) -> PasskeyOptions:
        """Begin to log in with a passkey. Raises ServiceError (rate_limited)."""
        await self.limiter.attempt(BEGINNINGS, visitor.address)
        return await self.passkeys.begin_log_in(session)

    async def log_in_by_passkey(self, session: AsyncSession, given: PasskeyAnswer, visitor: Visitor) -> TokenPair:
        """A session of two factors. Raises ServiceError (flow_refused, factor_refused, account_frozen, rate_limited)."""
        attempt = await self.limiter.attempt(BY_ADDRESS, visitor.address)
        owner = await self.passkeys.log_in(session, given.flow.get_secret_value(), given.credential)
        refuse_frozen(await self.accounts.user(session, owner))
        await self.limiter.give_back(attempt)
        return await self.sessions.open(session, owner, visitor, ["hwk", "user", "mfa"], TWO_FACTORS)

    async def _removed(self, session: AsyncSession, user_id: UUID, factor: str, visitor: Visitor) -> None:
        user = await self.accounts.user(session, user_id)
        left = await factors_repository.factors_of(session, user_id)
        if not left & {"totp", "passkey"}:
            if user.roles:
                raise ServiceError(
                    AuthCode.STATE_REFUSED, "Who works here keeps a second factor; add another one first."
                )
            await factors_repository.remove_recovery_codes(session, user_id)
        now = self.clock.now()
        await audit.record(session, now, Happened.FACTOR_REMOVED, user_id, visitor, factor=factor)
        await self.accounts.tell(session, user, Letter.FACTORS_CHANGED)

    async def tell_added(self, session: AsyncSession, user_id: UUID, factor: str, visitor: Visitor) -> None:
        """Note and tell that a person has one more second factor."""
        await audit.record(session, self.clock.now(), Happened.FACTOR_ADDED, user_id, visitor, factor=factor)
        await self.accounts.tell(session, await self.accounts.user(session, user_id), Letter.FACTORS_CHANGED)

    async def make_recovery_codes(self, session: AsyncSession, user_id: UUID, visitor: Visitor) -> RecoveryCodes:
        """New codes in the place of all earlier ones."""
        codes = [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)]
        now = self.clock.now()
        digests = [self._code_digest(user_id, code) for code in codes]
        await factors_repository.replace_recovery_codes(session, user_id, digests, now)
        await audit.record(session, now, Happened.RECOVERY_CODES_MADE, user_id, visitor)
        return RecoveryCodes(codes=codes)

    async def log_in(self, session: AsyncSession, given: SecondFactorRequest, visitor: Visitor) -> TokenPair:
        """The second half of a log-in. Raises ServiceError (flow_refused, factor_refused, account_frozen, rate_limited).

        A wrong factor uses the flow up: the first one has to be shown again, which is limited by account.
        """
        flow = await self.flows.finish(session, FlowKind.SECOND_FACTOR, given.flow.get_secret_value())
        assert flow.user_id is not None
        user = await self.accounts.user(session, flow.user_id)
        refuse_frozen(user)
        method = await self._method(session, user.id, given.totp, given.recovery_code, None, visitor)
        return await self.sessions.open(session, user.id, visitor, [*flow.data["amr"], *method, "mfa"], TWO_FACTORS)

    async def step_up(
        self, sessions: Sessions, session: AsyncSession, caller: Caller, given: ProofRequest, visitor: Visitor
    ) -> AccessToken:
        """An access token for sensitive acts: who calls has just shown another factor, or the password anew.

        Raises ServiceError (factor_refused, flow_refused, credentials_wrong, rate_limited).
        """
        holder = await self.sessions.holder(session, caller)
        if given.password is not None:
            await self._check_password(sessions, holder, given.password, visitor, session)
            # The password anew takes nothing away from a session of two factors, and gives it nothing.
            proved = await self._prove(session, holder, ["pwd"], acr=holder.acr if holder.acr != TWO_FACTORS else "")
        else:
            passkey = (given.flow, given.credential) if given.flow and given.credential is not None else None
            method = await self._method(session, holder.user_id, given.totp, given.recovery_code, passkey, visitor)
            proved = await self._prove(session, holder, method)
        await audit.record(
            session,
            self.clock.now(),
            Happened.STEPPED_UP,
            holder.user_id,
            visitor,
            session_id=holder.session_id,
            amr=sorted(proved.amr),
        )
        return await self.minter.person(proved)

    async def _check_password(
        self, sessions: Sessions, holder: Holder, password: SecretStr, visitor: Visitor, session: AsyncSession
    ) -> None:
        await self.limiter.attempt(BY_FACTOR, str(holder.user_id))
        async with sessions() as reading:
            user = await self.accounts.user(reading, holder.user_id)
        if not await self.passwords.verify(user.password_hash, password.get_secret_value()):
            now = self.clock.now()
            await audit.record(session, now, Happened.FACTOR_REFUSED, user.id, visitor, factor="password")
            raise ServiceError(AuthCode.CREDENTIALS_WRONG, "The password is another one.", keeps_changes=True)
        await self.limiter.forgive(BY_FACTOR, str(holder.user_id))

    async def _method(
        self,
        session: AsyncSession,
        user_id: UUID,
        code: SecretStr | None,
        recovery: SecretStr | None,
        passkey: tuple[SecretStr, dict[str, object]] | None,
        visitor: Visitor,
    ) -> list[str]:
        """How the person has proved themselves (`amr`). Raises ServiceError (factor_refused, rate_limited)."""
        await self.limiter.attempt(BY_FACTOR, str(user_id))
        if code is not None:
            good, amr = await self._is_totp(session, user_id, code.get_secret_value()), ["otp"]
        elif recovery is not None:
            digest = self._code_digest(user_id, recovery.get_secret_value().strip().lower())
            good = await factors_repository.use_recovery_code(session, user_id, digest, self.clock.now())
            amr = ["recovery"]
        else:
            assert passkey is not None
            flow, credential = passkey
            good = await self.passkeys.proves(session, user_id, flow.get_secret_value(), credential)
            amr = ["hwk", "user"]
        if not good:
            raise await self._refused(session, user_id, visitor, amr[0])
        await self.limiter.forgive(BY_FACTOR, str(user_id))
        return amr

    async def _refused(self, session: AsyncSession, user_id: UUID, visitor: Visitor, factor: str) -> ServiceError:
        await audit.record(session, self.clock.now(), Happened.FACTOR_REFUSED, user_id, visitor, factor=factor)
        return ServiceError(AuthCode.FACTOR_REFUSED, "It is wrong, used, or not yours.", keeps_changes=True)

    async def _is_totp(self, session: AsyncSession, user_id: UUID, code: str, *, confirm: bool = False) -> bool:
        """Whether a code is right and later than every one before: taken by one conditional UPDATE."""
        found = await factors_repository.totp_of(session, user_id)
        if found is None:
            return False
        now = self.clock.now()
        step = totp.matching_step(self.seal.open(found.secret_sealed, f"{user_id}/totp"), code, now)
        return step is not None and await factors_repository.take_step(
            session, user_id, step, confirm=now if confirm else None
        )

    async def _prove(self, session: AsyncSession, holder: Holder, amr: list[str], *, acr: str = TWO_FACTORS) -> Holder:
        """Note in the session what was shown just now. An empty `acr` leaves the session's time of proof as it is."""
        if acr:
            now = self.clock.now()
            shown = sorted({*holder.amr, *amr})
            await repository.step_up(session, holder.session_id, shown, acr, now)
        proved = await repository.holder(session, holder.session_id, self.clock.now())
        assert proved is not None
        return proved

    def _code_digest(self, user_id: UUID, code: str) -> bytes:
        return self.seal.digest(f"{user_id}/recovery/{code}")
