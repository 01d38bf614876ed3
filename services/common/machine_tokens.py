"""Access tokens of a service's own client, for its calls to other services: asked of auth, kept until they nearly expire."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from services.common.rotating import accepted
from services.common.settings import variable

#: A token is renewed when it is good for less than this: a call that begins now has to be over by then.
MARGIN_SECONDS = 60.0


@dataclass(frozen=True)
class Credentials:
    """What a client proves itself with, and where."""

    auth_url: str
    client: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, client: str) -> Credentials:
        """From the environment (docs/contracts.md). Raises SettingsError."""
        name = f"CLIENT_SECRET_{client.upper().replace('-', '_')}"
        current, *_ = accepted(SecretStr(variable(name)), name)
        return cls(variable("AUTH_URL"), client, current)


class MachineTokens:
    """The tokens of one client, for all its scopes."""

    def __init__(self, credentials: Credentials, http: httpx.AsyncClient) -> None:
        self._credentials, self._http = credentials, http
        self._token, self._good_until = "", 0.0
        self._asking: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """A token that is good for some time yet. Raises httpx.HTTPError if there is none and auth gives none."""
        if time.monotonic() >= self._good_until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            await asyncio.shield(self._asking)
        return self._token

    def forget(self) -> None:
        """The token is no good any more: the next is asked for."""
        self._good_until = 0.0

    async def _ask(self) -> None:
        asked, who = time.monotonic(), self._credentials
        form = {"grant_type": "client_credentials", "client_id": who.client, "client_secret": who.secret}
        answer = await self._http.post(f"{who.auth_url}/auth/token", data=form)
        answer.raise_for_status()
        document = answer.json()
        self._token = str(document["access_token"])
        self._good_until = asked + float(document["expires_in"]) - MARGIN_SECONDS
