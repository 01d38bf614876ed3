"""Auth over HTTP, for who is logged in: profile, contacts, password, sessions, second factors, events, play."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.requests import HTTPConnection

from services.auth.endpoints import HALF_WAY, LIMITS, PROVIDER, TOKENS, half_way
from services.auth.errors import AuthCode
from services.auth.schemas import (
    AccessToken,
    BirthRequest,
    CodeRequest,
    ContactRequest,
    Devices,
    ExclusionRequest,
    Factors,
    NewPasskey,
    PasskeyOptions,
    PasswordRequest,
    Profile,
    ProofRequest,
    ProviderAnswer,
    RecoveryCodes,
    SecurityEvents,
    TokenPair,
    TotpSecret,
    VerifyRequest,
)
from services.auth.services import Auth
from services.auth.visitor import FromWhere
from services.common.callers import REFUSALS, STEP_UP_REFUSALS, Bearer
from services.common.database import Session
from services.common.errors import Code, ServiceError, responses
from services.common.tokens import Caller

router = APIRouter(prefix="/auth", tags=["person"])


class PersonBearer(Bearer):
    """Whoever is a person, player or not."""

    async def __call__(self, request: HTTPConnection) -> Any:
        """The Caller."""
        found = await self.caller(request)
        if not found.is_person:
            raise ServiceError(Code.FORBIDDEN, "A person's token is needed.")
        return found


Person = Annotated[Caller, Depends(PersonBearer())]
SteppedUp = Annotated[Caller, Depends(PersonBearer(step_up=True))]


def _id(caller: Caller) -> UUID:
    return UUID(caller.subject)


HERE = (Code.NOT_FOUND, *REFUSALS)
SENSITIVE = (Code.NOT_FOUND, *STEP_UP_REFUSALS)


@router.get("/me", responses=responses(*HERE))
async def me(person: Person, auth: Auth, session: Session) -> Profile:
    """Who the access token stands for."""
    return await auth.accounts.profile(session, _id(person))


@router.put("/me/birth", status_code=204, responses=responses(AuthCode.STATE_REFUSED, *HERE))
async def birth(body: BirthRequest, person: Person, auth: Auth, session: Session) -> None:
    """Give the date of birth; needed to play, and given once."""
    await auth.play.set_birth(session, _id(person), body.birth_date)


@router.post("/me/closing", status_code=204, responses=responses(AuthCode.STATE_REFUSED, *SENSITIVE))
async def close(person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Ask for the account to be closed and erased in 30 days. Every session ends; logging in again is how to withdraw it."""
    await auth.sessions.may_change(session, person)
    await auth.accounts.ask_to_close(session, _id(person), visitor)


@router.delete("/me/closing", status_code=204, responses=responses(AuthCode.STATE_REFUSED, *HERE))
async def stay(person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Withdraw that."""
    await auth.accounts.stay(session, _id(person), visitor)


@router.post("/contacts", status_code=202, responses=responses(*SENSITIVE, *LIMITS))
async def send_code(body: ContactRequest, person: Person, auth: Auth, session: Session) -> None:
    """Have a code sent to a contact: one's own, to verify it, or another one, to have that from now on."""
    await auth.accounts.send_code(session, person, body.contact)


@router.post("/contacts/verify", responses=responses(AuthCode.CODE_REFUSED, *HERE))
async def verify(body: VerifyRequest, person: Person, auth: Auth, session: Session, visitor: FromWhere) -> Profile:
    """Enter the code. The next access token says that a contact is verified."""
    return await auth.accounts.verify(session, _id(person), body.kind, body.code.get_secret_value(), visitor)


@router.post(
    "/password",
    dependencies=TOKENS,
    response_model=TokenPair,
    responses=HALF_WAY
    | responses(
        AuthCode.CREDENTIALS_WRONG,
        AuthCode.PASSWORD_COMMON,
        AuthCode.STATE_REFUSED,
        AuthCode.ACCOUNT_FROZEN,
        *HERE,
        *LIMITS,
    ),
)
async def change_password(
    request: Request,
    body: PasswordRequest,
    person: Person,
    auth: Auth,
    session: Session,
    visitor: FromWhere,
) -> Any:
    """Change the password. Every session ends, this one too; a new one begins."""
    old, new = body.old.get_secret_value(), body.new.get_secret_value()
    sessions = request.app.state.sessions
    return half_way(await auth.accounts.change_password(sessions, session, _id(person), old, new, visitor))


@router.get("/sessions", responses=responses(*REFUSALS))
async def sessions(person: Person, auth: Auth, session: Session) -> Devices:
    """Where one is logged in."""
    return await auth.sessions.show(session, _id(person), person.session)


@router.delete("/sessions/{session_id}", status_code=204, responses=responses(*HERE))
async def end_session(session_id: UUID, person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """End one of one's sessions."""
    if not await auth.sessions.end(session, _id(person), session_id, "owner", visitor):
        raise ServiceError(Code.NOT_FOUND, "There is no such session of yours.")


@router.delete("/sessions", status_code=204, responses=responses(*REFUSALS))
async def end_sessions(person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """End all of one's sessions, this one too."""
    await auth.sessions.end_all(session, _id(person), "owner", visitor)


PROOFS = (AuthCode.FACTOR_REFUSED, AuthCode.FLOW_REFUSED, AuthCode.CREDENTIALS_WRONG, *HERE, *LIMITS)


@router.post("/step-up", dependencies=TOKENS, responses=responses(*PROOFS))
async def step_up(
    request: Request, body: ProofRequest, person: Person, auth: Auth, session: Session, visitor: FromWhere
) -> AccessToken:
    """Show a second factor (or the password anew): an access token for sensitive acts, good for these for five minutes."""
    return await auth.factors.step_up(request.app.state.sessions, session, person, body, visitor)


@router.post("/step-up/passkey/options", responses=responses(*REFUSALS))
async def step_up_options(person: Person, auth: Auth, session: Session) -> PasskeyOptions:
    """Begin a step-up with a passkey."""
    return await auth.passkeys.begin_step_up(session, _id(person))


@router.get("/factors", responses=responses(*REFUSALS))
async def factors(person: Person, auth: Auth, session: Session) -> Factors:
    """One's second factors."""
    return await auth.factors.show(session, _id(person))


@router.post("/factors/totp", dependencies=TOKENS, responses=responses(AuthCode.FACTOR_EXISTS, *SENSITIVE))
async def begin_totp(person: Person, auth: Auth, session: Session) -> TotpSecret:
    """A secret for an authenticator app; it counts once a code is confirmed."""
    return await auth.factors.begin_totp(session, person)


@router.post(
    "/factors/totp/confirm",
    dependencies=TOKENS,
    responses=responses(AuthCode.FACTOR_REFUSED, *SENSITIVE, *LIMITS),
)
async def confirm_totp(
    body: CodeRequest, person: Person, auth: Auth, session: Session, visitor: FromWhere
) -> RecoveryCodes:
    """Confirm the app by a code of it; recovery codes come with it, once."""
    return await auth.factors.confirm_totp(session, person, body.code.get_secret_value(), visitor)


@router.delete("/factors/totp", status_code=204, responses=responses(AuthCode.STATE_REFUSED, *SENSITIVE))
async def remove_totp(person: SteppedUp, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Forget the app."""
    await auth.factors.remove_totp(session, _id(person), visitor)


@router.post("/factors/recovery-codes", dependencies=TOKENS, responses=responses(*SENSITIVE))
async def recovery_codes(person: SteppedUp, auth: Auth, session: Session, visitor: FromWhere) -> RecoveryCodes:
    """New recovery codes in the place of all earlier ones."""
    return await auth.factors.make_recovery_codes(session, _id(person), visitor)


@router.post("/factors/passkeys/options", responses=responses(AuthCode.FACTOR_EXISTS, *SENSITIVE))
async def passkey_options(person: Person, auth: Auth, session: Session) -> PasskeyOptions:
    """Begin to add a passkey."""
    return await auth.factors.begin_passkey(session, person)


@router.post(
    "/factors/passkeys",
    status_code=204,
    responses=responses(AuthCode.FLOW_REFUSED, AuthCode.FACTOR_REFUSED, AuthCode.FACTOR_EXISTS, *SENSITIVE),
)
async def add_passkey(body: NewPasskey, person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Add the passkey that the authenticator has made."""
    await auth.factors.add_passkey(session, person, body, visitor)


@router.delete("/factors/passkeys/{passkey}", status_code=204, responses=responses(AuthCode.STATE_REFUSED, *SENSITIVE))
async def remove_passkey(
    passkey: Annotated[str, Path(max_length=512)], person: SteppedUp, auth: Auth, session: Session, visitor: FromWhere
) -> None:
    """Forget a passkey."""
    await auth.factors.remove_passkey(session, _id(person), passkey, visitor)


@router.post("/me/providers", status_code=204, responses=responses(*PROVIDER, *STEP_UP_REFUSALS, *LIMITS))
async def link_provider(body: ProviderAnswer, person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Log in by the provider, too, from now on."""
    await auth.provider.link(session, person, body, visitor)


@router.get("/events", responses=responses(*REFUSALS))
async def security_events(
    person: Person, auth: Auth, session: Session, before: Annotated[UUID | None, Query()] = None
) -> SecurityEvents:
    """What happened to one's account, the newest first."""
    return await auth.staff.own_events(session, _id(person), before)


@router.post("/exclusions", status_code=204, responses=responses(*HERE))
async def exclude(body: ExclusionRequest, person: Person, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Take a time-out or exclude oneself from play, from now on. It cannot be taken back. Every session ends."""
    await auth.play.exclude(session, _id(person), body, visitor)
