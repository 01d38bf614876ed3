"""Who calls: FastAPI dependencies that turn a bearer token into a Caller, and refuse a caller without the scope."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from services.common import logs
from services.common.errors import Code, ServiceError
from services.common.middleware import from_outside, header
from services.common.permissions import Permission
from services.common.tokens import (
    PLAY,
    PLAYER,
    STAFF,
    STEP_UP_AGE,
    TWO_FACTORS,
    VERIFIED,
    Caller,
    TokenVerifier,
    unauthenticated,
)


async def inside(request: Request) -> None:
    """A dependency that hides an endpoint from the outside; the load balancer's rules do so before (`internal`)."""
    if from_outside(request.scope):
        raise ServiceError(Code.NOT_FOUND, "There is nothing here.")


#: Where a request's caller is kept, in the scope's "state".
_CALLER = "caller"


class Bearer(HTTPBearer):
    """A dependency that lets in who has a good token, with `scope` if one is named. A request's token is checked once.

    With `staff` it has to be somebody who works here, in a session of two factors; no client is. With `step_up` the person has
    to have shown two factors a moment ago. One object and not a chain of small ones: each link of a chain costs a request as
    much as a statement.
    """

    def __init__(self, scope: str = "", *, step_up: bool = False, staff: bool = False) -> None:
        super().__init__(
            scheme_name="HTTPBearer",
            auto_error=False,
            bearerFormat="JWT",
            description="An access token of the auth service",
        )
        self._scope, self._step_up, self._staff = scope, step_up, staff

    async def __call__(self, request: HTTPConnection) -> Any:
        """The Caller."""
        return await self.caller(request)

    async def caller(self, request: HTTPConnection) -> Caller:
        """Who calls. Raises ServiceError (unauthenticated, forbidden, keys_unavailable, step_up_needed)."""
        state = request.scope["state"]
        found: Caller | None = state.get(_CALLER)
        verifier: TokenVerifier = request.app.state.verifier
        if found is None:
            scheme, _, token = header(request.scope, b"authorization").decode("latin-1").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise unauthenticated("There is no bearer token in the Authorization header.")
            found = state[_CALLER] = await verifier.verify(token)
            logs.user_id.set(found.subject)
        if not found.is_person and from_outside(request.scope):
            raise ServiceError(Code.FORBIDDEN, "A client's token is taken from inside of the platform only.")
        if self._scope and self._scope not in found.scopes:
            raise ServiceError(Code.FORBIDDEN, f"The scope {self._scope!r} is needed.")
        if self._staff and not (STAFF in found.scopes and found.acr == TWO_FACTORS):
            raise ServiceError(Code.FORBIDDEN, "Only a member of staff may do this.")
        if self._step_up and not verifier.is_stepped_up(found):
            raise step_up_needed()
        return found


def step_up_needed() -> ServiceError:
    """The refusal of a sensitive act whose caller has to show a second factor first (RFC 9470)."""
    age = int(STEP_UP_AGE.total_seconds())
    challenge = f'Bearer error="insufficient_user_authentication", acr_values="{TWO_FACTORS}", max_age={age}'
    return ServiceError(
        Code.STEP_UP_NEEDED, "Show a second factor, then send this again.", headers={"WWW-Authenticate": challenge}
    )


class PlayerBearer(Bearer):
    """The same for players only; auth gives nobody else one of their scopes."""

    def __init__(self, scope: str = PLAYER, *, step_up: bool = False) -> None:
        super().__init__(scope, step_up=step_up)

    async def __call__(self, request: HTTPConnection) -> Any:
        """The user's id."""
        try:
            return UUID((await self.caller(request)).subject)
        except ValueError:
            raise unauthenticated("The access token is not a player's.") from None


def needs(scope: str) -> Bearer:
    """A dependency that lets only callers with `scope` in: for what other services and operators' clients do."""
    return Bearer(scope)


def may(permission: Permission, *, step_up: bool = False) -> Bearer:
    """A dependency that lets only staff with `permission` in; with `step_up`, for what changes something, after two factors
    that were shown a moment ago."""
    return Bearer(permission.value, step_up=step_up, staff=True)


def refuse_own(caller: Caller, player: UUID) -> None:
    """Refuse staff an act on what is their own: their account may have been a player's. Raises ServiceError (forbidden)."""
    if caller.subject == str(player):
        raise ServiceError(Code.FORBIDDEN, "It is your own; leave it to a colleague.")


Player = Annotated[UUID, Depends(PlayerBearer())]

#: A player with a verified contact: for whatever moves money.
VerifiedPlayer = Annotated[UUID, Depends(PlayerBearer(VERIFIED))]

#: One who may play besides: of age, in no exclusion. For deposits and contests.
PlayingPlayer = Annotated[UUID, Depends(PlayerBearer(PLAY))]

#: One with a verified contact who has shown two factors a moment ago: for withdrawals, bank accounts, identity documents.
SteppedUpPlayer = Annotated[UUID, Depends(PlayerBearer(VERIFIED, step_up=True))]

#: What an endpoint behind these can refuse with.
REFUSALS = (Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.KEYS_UNAVAILABLE)

#: The same of endpoints that want two factors.
STEP_UP_REFUSALS = (*REFUSALS, Code.STEP_UP_NEEDED)
