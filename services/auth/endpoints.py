"""Auth over HTTP, for who has no access token yet: registration, log-in in all its forms, refresh, reset, clients, keys."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from services.auth.ended import Ended
from services.auth.errors import AuthCode
from services.auth.keys import KeyRing
from services.auth.schemas import (
    AccessToken,
    ClientCredentials,
    ContactRequest,
    EndedList,
    FinishRequest,
    JsonWebKeySet,
    LoginRequest,
    PasskeyAnswer,
    PasskeyOptions,
    ProviderAnswer,
    ProviderRedirect,
    RefreshRequest,
    Registered,
    RegisterRequest,
    ResetRequest,
    SecondFactorNeeded,
    SecondFactorRequest,
    TokenPair,
)
from services.auth.services import Auth
from services.auth.visitor import FromWhere
from services.common import callers
from services.common.database import Session
from services.common.errors import Code, responses

router = APIRouter(prefix="/auth", tags=["auth"])


async def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


async def _form(request: Request) -> ClientCredentials:
    """The form of a token request; by hand, since the framework's own forms need a package for uploads."""
    try:
        return ClientCredentials.model_validate(dict(parse_qsl((await request.body()).decode("utf-8", "replace"))))
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)]
        raise RequestValidationError(problems) from None


Form = Annotated[ClientCredentials, Depends(_form)]

LIMITS = (Code.RATE_LIMITED, AuthCode.LIMITER_UNAVAILABLE)
TOKENS = [Depends(_no_store)]
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": ClientCredentials.model_json_schema()}},
    }
}
#: A first factor gives tokens (200), or says that a second one is wanted (202).
HALF_WAY: dict[int | str, dict[str, Any]] = {
    202: {"model": SecondFactorNeeded, "description": "A second factor is wanted: `/auth/login/second-factor`"}
}


def half_way(answer: TokenPair | SecondFactorNeeded) -> TokenPair | Response:
    """`answer`, with its status."""
    return JSONResponse(answer.model_dump(), 202) if isinstance(answer, SecondFactorNeeded) else answer


@router.post("/register", status_code=202, responses=responses(AuthCode.PASSWORD_COMMON, *LIMITS))
async def register(body: RegisterRequest, auth: Auth, session: Session, visitor: FromWhere) -> Registered:
    """Make an account; a code is sent, which `/auth/register/finish` takes. Until then nobody logs in.

    The answer does not say whether the contact had one already; that account stays as it is. So the request may be repeated:
    its effect and its answer are the same, and the newest code and password are good.
    """
    return await auth.accounts.register(session, body, visitor)


@router.post(
    "/register/finish",
    dependencies=TOKENS,
    response_model=TokenPair,
    responses=HALF_WAY | responses(AuthCode.CODE_REFUSED, AuthCode.ACCOUNT_FROZEN, Code.NOT_FOUND, *LIMITS),
)
async def finish_registration(
    request: Request, body: FinishRequest, auth: Auth, session: Session, visitor: FromWhere
) -> Any:
    """Enter the code, with the password: the contact is verified, and a session begins."""
    sessions = request.app.state.sessions
    return half_way(await auth.accounts.finish_registration(sessions, session, body, visitor))


@router.post(
    "/login",
    dependencies=TOKENS,
    response_model=TokenPair,
    responses=HALF_WAY | responses(AuthCode.CREDENTIALS_WRONG, AuthCode.ACCOUNT_FROZEN, *LIMITS),
)
async def login(request: Request, body: LoginRequest, auth: Auth, session: Session, visitor: FromWhere) -> Any:
    """Begin a session."""
    return half_way(await auth.accounts.log_in(request.app.state.sessions, session, body, visitor))


@router.post(
    "/login/second-factor",
    dependencies=TOKENS,
    responses=responses(
        AuthCode.FLOW_REFUSED, AuthCode.FACTOR_REFUSED, AuthCode.ACCOUNT_FROZEN, Code.NOT_FOUND, *LIMITS
    ),
)
async def second_factor(body: SecondFactorRequest, auth: Auth, session: Session, visitor: FromWhere) -> TokenPair:
    """Show the second factor that a log-in wants."""
    return await auth.factors.log_in(session, body, visitor)


@router.post("/login/passkey/options", dependencies=TOKENS, responses=responses(*LIMITS))
async def passkey_log_in_options(auth: Auth, session: Session, visitor: FromWhere) -> PasskeyOptions:
    """Begin to log in with a passkey."""
    return await auth.factors.begin_passkey_log_in(session, visitor)


@router.post(
    "/login/passkey",
    dependencies=TOKENS,
    responses=responses(
        AuthCode.FLOW_REFUSED, AuthCode.FACTOR_REFUSED, AuthCode.ACCOUNT_FROZEN, Code.NOT_FOUND, *LIMITS
    ),
)
async def passkey_log_in(body: PasskeyAnswer, auth: Auth, session: Session, visitor: FromWhere) -> TokenPair:
    """Log in with a passkey: two factors in one."""
    return await auth.factors.log_in_by_passkey(session, body, visitor)


@router.post("/refresh", dependencies=TOKENS, responses=responses(AuthCode.REFRESH_REFUSED, Code.RATE_LIMITED))
async def refresh(body: RefreshRequest, auth: Auth, session: Session, visitor: FromWhere) -> TokenPair:
    """Get the next tokens. For 30 seconds the same refresh token gets the same successor."""
    return await auth.sessions.refresh(session, body.refresh_token.get_secret_value(), visitor)


@router.post("/logout", status_code=204)
async def logout(body: RefreshRequest, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """End the session. Its access token is refused everywhere within a minute."""
    await auth.sessions.log_out(session, body.refresh_token.get_secret_value(), visitor)


@router.post("/resets", status_code=202, responses=responses(*LIMITS))
async def begin_reset(body: ContactRequest, auth: Auth, session: Session, visitor: FromWhere) -> Registered:
    """Have a token sent that sets a new password. The answer does not say whether the contact has an account."""
    await auth.accounts.begin_reset(session, body.contact, visitor)
    return Registered(email=body.email, phone=body.phone)


@router.post(
    "/resets/finish",
    status_code=204,
    responses=responses(AuthCode.FLOW_REFUSED, AuthCode.PASSWORD_COMMON, Code.NOT_FOUND, *LIMITS),
)
async def finish_reset(body: ResetRequest, auth: Auth, session: Session, visitor: FromWhere) -> None:
    """Set a new password by a token, once. Every session ends; second factors stay."""
    await auth.accounts.finish_reset(session, body.token.get_secret_value(), body.password.get_secret_value(), visitor)


@router.post(
    "/providers/begin",
    responses=responses(Code.NOT_FOUND, AuthCode.PROVIDER_UNAVAILABLE, AuthCode.PROVIDER_REFUSED, *LIMITS),
)
async def begin_provider(auth: Auth, session: Session, visitor: FromWhere) -> ProviderRedirect:
    """Begin to log in by the provider: where to send the person."""
    return await auth.provider.begin(session, visitor)


PROVIDER = (
    Code.NOT_FOUND,
    AuthCode.PROVIDER_UNAVAILABLE,
    AuthCode.PROVIDER_REFUSED,
    AuthCode.FLOW_REFUSED,
    AuthCode.FACTOR_EXISTS,
)


@router.post(
    "/providers/finish",
    dependencies=TOKENS,
    response_model=TokenPair,
    responses=HALF_WAY | responses(*PROVIDER, AuthCode.ACCOUNT_FROZEN, *LIMITS),
)
async def finish_provider(body: ProviderAnswer, auth: Auth, session: Session, visitor: FromWhere) -> Any:
    """Log in with what the provider sent the person back with; who is new gets an account."""
    return half_way(await auth.provider.finish(session, body, visitor))


@router.post(
    "/token",
    dependencies=[Depends(callers.inside), *TOKENS],
    openapi_extra=FORM,
    responses=responses(
        Code.NOT_FOUND, AuthCode.CLIENT_REFUSED, AuthCode.GRANT_UNSUPPORTED, AuthCode.SCOPE_REFUSED, *LIMITS
    ),
)
async def token(form: Form, auth: Auth, visitor: FromWhere) -> AccessToken:
    """A client's own access token (OAuth 2 client credentials); from inside of the platform only."""
    return await auth.clients.token(form, visitor.address)


@router.get("/.well-known/jwks.json")
async def jwks(request: Request, response: Response) -> JsonWebKeySet:
    """The keys that access tokens are signed with: those of now, of next, and of late."""
    ring: KeyRing = request.app.state.ring
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet(keys=await ring.public())


@router.get("/internal/ended-sessions", dependencies=[Depends(callers.inside)], responses=responses(Code.NOT_FOUND))
async def ended_sessions(request: Request) -> EndedList:
    """The sessions that ended while access tokens of theirs may still be good; from inside of the platform only."""
    ended: Ended = request.app.state.ended
    return EndedList(sessions=ended.all())
