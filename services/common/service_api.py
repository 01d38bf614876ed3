"""Another service's internal API, asked as one client of the manifest: what it answers is an answer, a refusal or neither."""

from __future__ import annotations

from typing import Any

import httpx

from services.common.errors import Code
from services.common.exchange import exchange
from services.common.machine_tokens import Credentials, MachineTokens
from services.common.outside import NotDone, Refused, Unknown
from services.common.settings import variable
from services.common.telemetry.carried import ServiceClient

#: They say nothing of the matter: of a path that a release has not, of a token that was just withdrawn or lacks a scope that a
#: deployment brings, of our haste, of the same request that is under way.
_NOT_FINAL = frozenset(
    {
        Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.BODY_TOO_SLOW,
        Code.IDEMPOTENCY_KEY_IN_USE,
    }
)  # fmt: skip

_UNAUTHENTICATED = 401


def connect(
    service: str, timeout: float | httpx.Timeout, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """To a service of ours, by its address in the environment; `timeout` in seconds. Raises SettingsError."""
    return ServiceClient(
        base_url=variable(f"{service.upper()}_URL"), timeout=timeout, transport=transport, trust_env=False
    )


class ServiceApi:
    """The API of the service that `http` reaches; `seconds`: of a call. Raises SettingsError if `client` has no secret."""

    def __init__(self, http: httpx.AsyncClient, client: str, seconds: float) -> None:
        self._http, self._seconds = http, seconds
        self._tokens = MachineTokens(Credentials.of(client), http)

    async def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The JSON object of a good answer. Raises Refused (the service's own code), NotDone, Unknown."""
        status, document = await self._exchange(method, path, request)
        if status == _UNAUTHENTICATED:
            # Nothing is done for a token that is no good: it was withdrawn, or its key was.
            self._tokens.forget()
            status, document = await self._exchange(method, path, request)
        if not isinstance(document, dict):
            raise Unknown("answer is no JSON object")
        if status < 400:
            return document
        code = str(document.get("code", ""))[:80]
        if not code or code in _NOT_FINAL:
            raise Unknown(code or f"status {status}")
        raise Refused(code)

    async def _exchange(self, method: str, path: str, request: dict[str, Any]) -> tuple[int, Any]:
        try:
            token = await self._tokens.token()
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise NotDone(f"no token: {type(error).__name__}") from None
        headers = {"Authorization": f"Bearer {token}"}
        return await exchange(self._http, method, path, seconds=self._seconds, headers=headers, **request)
