"""Who calls: FastAPI dependencies that turn a bearer token into a Caller, and refuse a caller without the scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.common import logs
from services.common.errors import Code, ServiceError
from services.common.tokens import PLAYER, Caller, TokenVerifier, unauthenticated

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="An access token of the auth service")


#: What a load balancer puts on each request that it forwards and nobody can take off: such a request comes from outside.
#: Service Connect's proxies, through which services reach each other, put none.
OUTSIDE_HEADER = "X-Amzn-Trace-Id"


def from_outside(request: Request) -> bool:
    """Whether the request came through the load balancer."""
    return OUTSIDE_HEADER in request.headers


async def inside(request: Request) -> None:
    """A dependency that hides an endpoint from the outside; the load balancer's rules do so before (`internal`)."""
    if from_outside(request):
        raise ServiceError(Code.NOT_FOUND, "There is nothing here.")


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The caller of any endpoint that needs one."""
    if credentials is None:
        raise unauthenticated("There is no bearer token in the Authorization header.")
    verifier: TokenVerifier = request.app.state.verifier
    found = await verifier.verify(credentials.credentials)
    logs.user_id.set(found.subject)
    if not found.is_player and from_outside(request):
        raise ServiceError(Code.FORBIDDEN, "A client's token is taken from inside of the platform only.")
    return found


def needs(scope: str) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only callers with `scope` in."""

    async def check(found: Annotated[Caller, Depends(caller)]) -> Caller:
        if scope not in found.scopes:
            raise ServiceError(Code.FORBIDDEN, f"The scope {scope!r} is needed.")
        return found

    return check


async def player(found: Annotated[Caller, Depends(needs(PLAYER))]) -> UUID:
    """The user's id of a player."""
    try:
        return UUID(found.subject)
    except ValueError:
        raise unauthenticated("The access token is not a player's.") from None


AnyCaller = Annotated[Caller, Depends(caller)]
Player = Annotated[UUID, Depends(player)]

#: What an endpoint behind these can refuse with.
REFUSALS = (Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.KEYS_UNAVAILABLE)
