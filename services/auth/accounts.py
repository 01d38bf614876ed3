"""Accounts: registered, logged in to, verified, changed, reset, closed. Nothing here commits, or says who is registered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, factors_repository, repository
from services.auth.audit import Happened
from services.auth.contacts import Contact, Contacts, Kind
from services.auth.errors import AuthCode
from services.auth.events import AccountRegistered
from services.auth.flows import FlowKind, Flows
from services.auth.letters import Letter, Post
from services.auth.limiter import BEGINNINGS, BY_ACCOUNT, BY_ADDRESS, MESSAGES, REGISTRATIONS, Attempt, Limiter
from services.auth.models import State, User
from services.auth.passwords import Passwords, refuse_easy
from services.auth.schemas import (
    FinishRequest,
    LoginRequest,
    Profile,
    Registered,
    RegisterRequest,
    SecondFactorNeeded,
    TokenPair,
)
from services.auth.sessions import SessionService
from services.auth.settings import CLOSING_TIME
from services.auth.visitor import Visitor
from services.common import events
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.tokens import ONE_FACTOR, Caller

log = logging.getLogger(__name__)

_VERIFY = {Kind.EMAIL: FlowKind.VERIFY_EMAIL, Kind.PHONE: FlowKind.VERIFY_PHONE}


@dataclass(frozen=True)
class Authenticated:
    """A person who gave the right password; `new_hash` is to be stored where the old one has outdated parameters."""

    user: User
    new_hash: str | None


class AccountService:
    """What can be done with accounts."""

    def __init__(
        self,
        *,
        clock: Clock,
        passwords: Passwords,
        limiter: Limiter,
        contacts: Contacts,
        sessions: SessionService,
        flows: Flows,
        post: Post,
    ) -> None:
        self._clock, self._passwords, self._limiter, self._contacts = clock, passwords, limiter, contacts
        self._sessions, self._flows, self._post = sessions, flows, post

    async def register(self, session: AsyncSession, wanted: RegisterRequest, visitor: Visitor) -> Registered:
        """Make an account where the contact has none. Raises ServiceError (rate_limited, limiter_unavailable, password_common).

        The answer is the same either way, and either way a letter goes out: it does not say who has an account, and who repeats
        the request after a lost answer gets that answer. Nobody logs in before the code has come back (`finish_registration`),
        or that would say it. An account that nobody has proved to be theirs takes the newest registration's password.
        """
        contact = wanted.contact
        refuse_easy(wanted.password.get_secret_value(), contact.value.partition("@")[0])
        await self._limiter.attempt(REGISTRATIONS, visitor.address)
        # Before the first query: hashing must not hold a database connection.
        password_hash = await self._passwords.hash(wanted.password.get_secret_value())
        writes = await self._may_write(contact)
        user_id, now = uuid7(), self._clock.now()
        user = User(id=user_id, password_hash=password_hash, created_at=now, state=State.ACTIVE, roles=[])
        user.birth_date = wanted.birth_date
        digest, sealed = self._contacts.digest(contact), self._contacts.seal(contact, user_id)
        if contact.kind is Kind.EMAIL:
            user.email_digest, user.email_sealed = digest, sealed
        else:
            user.phone_digest, user.phone_sealed = digest, sealed
        if await repository.add_user(session, user):
            await events.emit(session, AccountRegistered(account=user_id, registered_at=now))
            await audit.record(session, now, Happened.REGISTERED, user_id, visitor)
            code = await self._flows.begin_code(session, _VERIFY[contact.kind], user_id, contact=digest.hex())
            letter, secret = Letter.VERIFY, code
            log.info("registered", extra={"subject": str(user_id)})
        else:
            known = await repository.user_by_digest(session, digest)
            kind = Happened.REGISTRATION_REPEATED
            await audit.record(session, now, kind, known.id if known else None, visitor)
            letter, secret = Letter.REGISTERED_AGAIN, ""
            if known is not None and not known.is_verified and writes:
                known = await repository.user_by_id(session, known.id, lock=True)  # whoever entered the code is first
            if known is not None and not known.is_verified and writes:
                given = {"password_hash": password_hash, "birth_date": wanted.birth_date}
                await repository.change_user(session, known.id, **given)
                code = await self._flows.begin_code(session, _VERIFY[contact.kind], known.id, contact=digest.hex())
                letter, secret = Letter.VERIFY, code
        if writes:
            await self._post.send(session, contact, letter, secret=secret)
        return Registered(email=wanted.email, phone=wanted.phone)

    async def finish_registration(
        self, sessions: Sessions, session: AsyncSession, given: FinishRequest, visitor: Visitor
    ) -> TokenPair | SecondFactorNeeded:
        """The code of a registration came back with its password: the contact is verified, a session begins.

        Whatever is wrong, and whosever the contact is, the refusal is one. Raises ServiceError (rate_limited,
        limiter_unavailable, code_refused, account_frozen).
        """
        contact, now = given.contact, self._clock.now()
        found, right, of_address = await self._find(sessions, contact, given.password.get_secret_value(), visitor)
        # Of nobody, too: that takes as long.
        whose = found.id if right and found is not None and not found.is_verified else uuid7()
        await self._flows.finish_code(session, _VERIFY[contact.kind], whose, given.code.get_secret_value())
        user = await self.user(session, whose, lock=True)
        await repository.change_user(session, user.id, **{f"{contact.kind}_verified_at": now})
        await audit.record(session, now, Happened.CONTACT_VERIFIED, user.id, visitor, contact=contact.kind)
        await self._forgive(contact, of_address)
        return await self.begin_session(session, user, visitor, ["pwd"])

    async def log_in(
        self, sessions: Sessions, session: AsyncSession, given: LoginRequest, visitor: Visitor
    ) -> TokenPair | SecondFactorNeeded:
        """A session's first tokens, or what is still to be shown for them.

        Raises ServiceError (rate_limited, limiter_unavailable, credentials_wrong, account_frozen).
        """
        who = await self._authenticate(sessions, session, given, visitor)
        # The password was checked without a lock. From here on it stays what it is: a change of it that was first ends this
        # log-in, one that comes later ends the session.
        user = await repository.user_by_id(session, who.user.id, lock=True)
        if user is None or (
            user.password_hash != who.user.password_hash
            and not await self._passwords.verify(user.password_hash, given.password.get_secret_value())
        ):
            raise ServiceError(AuthCode.CREDENTIALS_WRONG, "Check both, or register.")
        if who.new_hash is not None:
            await repository.set_password_hash(session, user.id, old=who.user.password_hash, new=who.new_hash)
        return await self.begin_session(session, user, visitor, ["pwd"])

    async def begin_session(
        self, session: AsyncSession, user: User, visitor: Visitor, amr: list[str]
    ) -> TokenPair | SecondFactorNeeded:
        """What follows on one factor: a session, or for who has a second factor the flow that wants it."""
        refuse_frozen(user)
        factors = await factors_repository.factors_of(session, user.id)
        if factors & {"totp", "passkey"}:
            flow = await self._flows.begin(session, FlowKind.SECOND_FACTOR, user.id, amr=amr)
            return SecondFactorNeeded(flow=flow, factors=sorted(factors))
        return await self._sessions.open(session, user.id, visitor, amr, ONE_FACTOR)

    async def _authenticate(
        self, sessions: Sessions, session: AsyncSession, given: LoginRequest, visitor: Visitor
    ) -> Authenticated:
        """Whose contact and password these are, if a contact of theirs is verified: until then the refusal is the same."""
        password = given.password.get_secret_value()
        user, right, of_address = await self._find(sessions, given.contact, password, visitor)
        if not right or user is None or not user.is_verified:
            log.warning("log-in refused", extra={"subject": str(user.id) if user else "unknown"})
            now = self._clock.now()
            # Noted of nobody, too: an unknown name takes as long as a wrong password, to the last statement.
            await audit.record(session, now, Happened.LOG_IN_REFUSED, user.id if user else None, visitor)
            raise ServiceError(AuthCode.CREDENTIALS_WRONG, "Check both, or register.", keeps_changes=True)
        await self._forgive(given.contact, of_address)
        outdated = self._passwords.outdated(user.password_hash or "")
        return Authenticated(user, await self._passwords.hash(password) if outdated else None)

    async def _find(
        self, sessions: Sessions, contact: Contact, password: str, visitor: Visitor
    ) -> tuple[User | None, bool, Attempt]:
        """Whose contact it is, whether the password is theirs; the address's attempt, counted besides the account's.

        It reads in a session of its own, so that no connection is held while the password is checked.
        """
        digest = self._contacts.digest(contact)
        of_address = await self._limiter.attempt(BY_ADDRESS, visitor.address)
        await self._limiter.attempt(BY_ACCOUNT, digest.hex())
        async with sessions() as reading:
            user = await repository.user_by_digest(reading, digest)
        return user, await self._passwords.verify(user.password_hash if user else None, password), of_address

    async def _forgive(self, contact: Contact, of_address: Attempt) -> None:
        await self._limiter.forgive(BY_ACCOUNT, self._contacts.digest(contact).hex())
        await self._limiter.give_back(of_address)

    async def profile(self, session: AsyncSession, user_id: UUID) -> Profile:
        """Who a person is. Raises ServiceError (not_found)."""
        user = await self.user(session, user_id)
        email = self._contacts.open(Kind.EMAIL, user.email_sealed, user.id)
        phone = self._contacts.open(Kind.PHONE, user.phone_sealed, user.id)
        exclusion = await repository.excluded_until(session, user_id, self._clock.now())
        return Profile(
            id=user.id,
            email=email.value if email else None,
            email_verified=user.email_verified_at is not None,
            phone=phone.value if phone else None,
            phone_verified=user.phone_verified_at is not None,
            birth_date=user.birth_date,
            state=State(user.state),
            closes_at=user.closes_at,
            roles=user.roles,
            factors=sorted(await factors_repository.factors_of(session, user_id)),
            excluded_until=exclusion.ends_at if exclusion else None,
            created_at=user.created_at,
        )

    async def user(self, session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
        """A person that is still there. Raises ServiceError (not_found)."""
        user = await repository.user_by_id(session, user_id, lock=lock)
        if user is None or user.state == State.CLOSED:
            raise ServiceError(Code.NOT_FOUND, "There is no such account any more.")
        return user

    async def send_code(self, session: AsyncSession, caller: Caller, contact: Contact) -> None:
        """Send a code to a contact that the person says is theirs. It becomes theirs when they enter the code.

        Whoever's it is: nothing here says whether somebody else has it. Raises ServiceError (rate_limited, step_up_needed).
        """
        user, digest = await self.user(session, UUID(caller.subject)), self._contacts.digest(contact)
        if digest not in (user.email_digest, user.phone_digest):
            await self._sessions.may_change(session, caller)
        await self._limiter.attempt(MESSAGES, digest.hex())
        await self._limiter.attempt(MESSAGES, str(user.id))
        sealed, found = self._contacts.seal(contact, user.id).hex(), digest.hex()
        code = await self._flows.begin_code(session, _VERIFY[contact.kind], user.id, contact=found, sealed=sealed)
        await self._post.send(session, contact, Letter.VERIFY, secret=code)

    async def verify(self, session: AsyncSession, user_id: UUID, kind: Kind, code: str, visitor: Visitor) -> Profile:
        """A code came back: the contact is the person's. Raises ServiceError (code_refused).

        A contact that another account has, even unverified, is not taken over: the code is refused like a wrong one.
        """
        flow = await self._flows.finish_code(session, _VERIFY[kind], user_id, code)
        digest, now = bytes.fromhex(flow.data["contact"]), self._clock.now()
        user = await self.user(session, user_id, lock=True)
        mine = user.email_digest if kind is Kind.EMAIL else user.phone_digest
        if digest != mine:
            if await repository.user_by_digest(session, digest) is not None:
                raise ServiceError(AuthCode.CODE_REFUSED, "Ask for a new code if this goes on.", keeps_changes=True)
            sealed = bytes.fromhex(flow.data["sealed"])
            await repository.change_user(
                session, user_id, **{f"{kind}_digest": digest, f"{kind}_sealed": sealed, f"{kind}_verified_at": now}
            )
            await audit.record(session, now, Happened.CONTACT_CHANGED, user_id, visitor, contact=kind)
        else:
            await repository.change_user(session, user_id, **{f"{kind}_verified_at": now})
        await audit.record(session, now, Happened.CONTACT_VERIFIED, user_id, visitor, contact=kind)
        return await self.profile(session, user_id)

    async def begin_reset(self, session: AsyncSession, contact: Contact, visitor: Visitor) -> None:
        """Send a token that sets a new password, where the contact has an account. The answer is the same either way."""
        await self._limiter.attempt(BEGINNINGS, visitor.address)
        digest, now = self._contacts.digest(contact), self._clock.now()
        writes = await self._may_write(contact)
        user = await repository.user_by_digest(session, digest)
        await audit.record(session, now, Happened.RESET_REQUESTED, user.id if user else None, visitor)
        if user is not None and user.is_verified and writes:
            token = await self._flows.begin(session, FlowKind.RESET, user.id)
            await self._post.send(session, contact, Letter.RESET, secret=token)

    async def finish_reset(self, session: AsyncSession, token: str, password: str, visitor: Visitor) -> None:
        """Set a new password by a token, once. Raises ServiceError (flow_refused, password_common). Every session ends.

        A second factor stays: whoever reads somebody's mail has their password by this, and no more.
        """
        await self._limiter.attempt(BEGINNINGS, visitor.address)
        refuse_easy(password)
        new = await self._passwords.hash(password)
        flow = await self._flows.finish(session, FlowKind.RESET, token)
        assert flow.user_id is not None
        user = await self.user(session, flow.user_id, lock=True)
        await repository.change_user(session, user.id, password_hash=new)
        await self._flows.void(session, FlowKind.RESET, user.id)
        await self._password_changed(session, user, visitor, "reset")

    async def change_password(
        self, sessions: Sessions, session: AsyncSession, user_id: UUID, old: str, new: str, visitor: Visitor
    ) -> TokenPair | SecondFactorNeeded:
        """Change the password. Every session ends; a new one begins here. Raises ServiceError (credentials_wrong, …)."""
        refuse_easy(new)
        await self._limiter.attempt(BY_ACCOUNT, str(user_id))
        async with sessions() as reading:
            user = await self.user(reading, user_id)
        if not await self._passwords.verify(user.password_hash, old):
            raise ServiceError(AuthCode.CREDENTIALS_WRONG, "The present password is another one.")
        await self._limiter.forgive(BY_ACCOUNT, str(user_id))
        made = await self._passwords.hash(new)
        if not await repository.set_password_hash(session, user_id, old=user.password_hash, new=made):
            raise ServiceError(AuthCode.STATE_REFUSED, "The password was changed at the same moment.")
        await self._flows.void(session, FlowKind.RESET, user_id)
        await self._password_changed(session, user, visitor, "changed")
        return await self.begin_session(session, user, visitor, ["pwd"])

    async def _password_changed(self, session: AsyncSession, user: User, visitor: Visitor, how: str) -> None:
        now = self._clock.now()
        await self._flows.void(session, FlowKind.SECOND_FACTOR, user.id)
        await self._sessions.end_all(session, user.id, "password", visitor)
        await audit.record(session, now, Happened.PASSWORD_CHANGED, user.id, visitor, how=how)
        await self.tell(session, user, Letter.CHANGED)

    async def tell(self, session: AsyncSession, user: User, letter: Letter) -> None:
        """Write to a person, at their address or else at their number."""
        to = self._contacts.open(Kind.EMAIL, user.email_sealed, user.id) or self._contacts.open(
            Kind.PHONE, user.phone_sealed, user.id
        )
        if to is not None:
            await self._post.send(session, to, letter)

    async def ask_to_close(self, session: AsyncSession, user_id: UUID, visitor: Visitor) -> None:
        """Close the account in CLOSING_TIME; until then it can be withdrawn. Every session ends."""
        user, now = await self.user(session, user_id, lock=True), self._clock.now()
        if user.state != State.ACTIVE:
            raise ServiceError(AuthCode.STATE_REFUSED, f"The account is {user.state}; accepted: active.")
        await repository.change_user(session, user_id, state=State.CLOSING, closes_at=now + CLOSING_TIME)
        await audit.record(session, now, Happened.CLOSING_REQUESTED, user_id, visitor)
        await self._sessions.end_all(session, user_id, "closing", visitor)

    async def stay(self, session: AsyncSession, user_id: UUID, visitor: Visitor) -> None:
        """Withdraw that."""
        user = await self.user(session, user_id, lock=True)
        if user.state != State.CLOSING:
            raise ServiceError(AuthCode.STATE_REFUSED, f"The account is {user.state}; accepted: closing.")
        await repository.change_user(session, user_id, state=State.ACTIVE, closes_at=None)
        await audit.record(session, self._clock.now(), Happened.CLOSING_WITHDRAWN, user_id, visitor)

    async def _may_write(self, contact: Contact) -> bool:
        """Whether the contact was not written to too often; nobody is told."""
        try:
            await self._limiter.attempt(MESSAGES, self._contacts.digest(contact).hex())
        except ServiceError as refusal:
            if refusal.code is not Code.RATE_LIMITED:
                raise
            return False
        return True


def refuse_frozen(user: User) -> None:
    """Refuse who is frozen; only said to whom has proved to be them. Raises ServiceError (account_frozen)."""
    if user.state == State.FROZEN:
        raise ServiceError(AuthCode.ACCOUNT_FROZEN, "Write to support.")
