"""Auth over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from services.auth.errors import AuthCode
from services.auth.keys import KeyRing
from services.auth.schemas import (
    AccessToken,
    ClientCredentials,
    JsonWebKeySet,
    LoginRequest,
    Profile,
    RefreshRequest,
    Registered,
    RegisterRequest,
    TokenPair,
)
from services.auth.service import AuthService
from services.common import callers
from services.common.callers import Player
from services.common.client_address import client_address
from services.common.database import Session
from services.common.errors import Code, responses

router = APIRouter(prefix="/auth", tags=["auth"])


async def _service(request: Request) -> AuthService:
    service: AuthService = request.app.state.service
    return service


async def _address(request: Request) -> str:
    return client_address(request, request.app.state.trusted_proxies)


async def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


async def _form(request: Request) -> ClientCredentials:
    """The form of a token request; by hand, since the framework's own forms need a package for uploads."""
    try:
        return ClientCredentials.model_validate(dict(parse_qsl((await request.body()).decode("utf-8", "replace"))))
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)]
        raise RequestValidationError(problems) from None


Service = Annotated[AuthService, Depends(_service)]
Address = Annotated[str, Depends(_address)]
Form = Annotated[ClientCredentials, Depends(_form)]

LIMITS = (Code.RATE_LIMITED, AuthCode.LIMITER_UNAVAILABLE)
TOKENS = [Depends(_no_store)]
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": ClientCredentials.model_json_schema()}},
    }
}


@router.post("/register", status_code=202, responses=responses(*LIMITS))
async def register(body: RegisterRequest, service: Service, session: Session, address: Address) -> Registered:
    """Make an account, then log in.

    The answer does not say whether the address had one already; that account stays as it is. So the request may be repeated:
    its effect and its answer are the same.
    """
    return await service.register(session, body, address)


@router.post("/login", dependencies=TOKENS, responses=responses(AuthCode.CREDENTIALS_WRONG, *LIMITS))
async def login(
    request: Request, body: LoginRequest, service: Service, session: Session, address: Address
) -> TokenPair:
    """Begin a session."""
    who = await service.authenticate(request.app.state.sessions, body, address)
    return await service.open_session(session, who)


@router.post("/refresh", dependencies=TOKENS, responses=responses(AuthCode.REFRESH_REFUSED, Code.RATE_LIMITED))
async def refresh(body: RefreshRequest, service: Service, session: Session) -> TokenPair:
    """Get the next tokens. For 30 seconds the same refresh token gets the same successor."""
    return await service.refresh(session, body.refresh_token.get_secret_value())


@router.post("/logout", status_code=204)
async def logout(body: RefreshRequest, service: Service, session: Session) -> None:
    """End the session. An access token of it stays valid until it expires, at most 15 minutes."""
    await service.log_out(session, body.refresh_token.get_secret_value())


@router.get("/me", responses=responses(Code.NOT_FOUND, *callers.REFUSALS))
async def me(player: Player, service: Service, session: Session) -> Profile:
    """Who the access token stands for."""
    user_id: UUID = player
    return await service.profile(session, user_id)


@router.post(
    "/token",
    dependencies=[Depends(callers.inside), *TOKENS],
    openapi_extra=FORM,
    responses=responses(
        Code.NOT_FOUND, AuthCode.CLIENT_REFUSED, AuthCode.GRANT_UNSUPPORTED, AuthCode.SCOPE_REFUSED, *LIMITS
    ),
)
async def token(form: Form, service: Service, address: Address) -> AccessToken:
    """A client's own access token (OAuth 2 client credentials); from inside of the platform only."""
    return await service.client_token(form, address)


@router.get("/.well-known/jwks.json")
async def jwks(request: Request, response: Response) -> JsonWebKeySet:
    """The keys that access tokens are signed with: those of now, of next, and of late."""
    ring: KeyRing = request.app.state.ring
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet(keys=await ring.public())
