"""The clients that may ask for tokens of their own (registered by the services' manifests), and their tokens."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from services.auth.errors import AuthCode
from services.auth.limiter import CLIENTS_BY_ADDRESS, Limiter
from services.auth.minting import Minter
from services.auth.schemas import AccessToken, ClientCredentials
from services.common.errors import ServiceError
from services.common.rotating import accepted
from services.common.settings import SettingsError


class _Registered(BaseModel):
    """One entry of CLIENTS (docs/contracts.md)."""

    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[frozenset[str], Field(min_length=1)]
    limits: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)


_REGISTRY = TypeAdapter(dict[str, _Registered])

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Client:
    """A client: what its tokens may be for, the most that one call may do under a scope, hashes of the accepted secrets."""

    scopes: frozenset[str]
    limits: Mapping[str, int]
    secret_hashes: tuple[bytes, ...] = field(repr=False)


def load_clients() -> dict[str, Client]:
    """Name → client, from CLIENTS and a CLIENT_SECRET_<NAME> for each. Raises SettingsError."""
    try:
        registered = _REGISTRY.validate_json(os.environ.get("CLIENTS", "{}"))
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "as a whole"
        raise SettingsError(f"the variable CLIENTS: {where}: {problem['msg']}") from None
    return {name: Client(each.scopes, each.limits, _secrets_of(name)) for name, each in registered.items()}


def is_secret(client: Client | None, given: str) -> bool:
    """Whether `given` is the client's secret, or the previous one while it is rotated.

    Compared by hash, so that length and time say nothing; where there is no such client something is compared as well.
    """
    expected = client.secret_hashes if client is not None else (_hash(secrets.token_urlsafe()),)
    matches = [hmac.compare_digest(_hash(given), each) for each in expected]
    return any(matches) and client is not None


@dataclass(frozen=True)
class ClientService:
    """Gives clients their tokens."""

    limiter: Limiter
    minter: Minter
    clients: Mapping[str, Client]

    async def token(self, form: ClientCredentials, address: str) -> AccessToken:
        """A client's own token. Raises ServiceError (grant_unsupported, client_refused, scope_refused, rate_limited)."""
        if form.grant_type != "client_credentials":
            raise ServiceError(AuthCode.GRANT_UNSUPPORTED, "Only client_credentials is accepted.")
        attempt = await self.limiter.attempt(CLIENTS_BY_ADDRESS, address)
        client = self.clients.get(form.client_id)
        if not is_secret(client, form.client_secret.get_secret_value()) or client is None:
            log.warning("client refused")
            raise ServiceError(
                AuthCode.CLIENT_REFUSED, "Check client_id and client_secret.", headers={"WWW-Authenticate": "Basic"}
            )
        await self.limiter.give_back(attempt)
        wanted = frozenset(form.scope.split()) or client.scopes
        if not wanted <= client.scopes:
            raise ServiceError(AuthCode.SCOPE_REFUSED, f"Accepted: {' '.join(sorted(client.scopes))}.")
        limits = {scope: limit for scope, limit in client.limits.items() if scope in wanted}
        return await self.minter.client(form.client_id, " ".join(sorted(wanted)), limits)


def _secrets_of(name: str) -> tuple[bytes, ...]:
    variable = f"CLIENT_SECRET_{name.upper().replace('-', '_')}"
    try:
        values = accepted(SecretStr(os.environ.get(variable, "")), variable)
    except ValueError as error:
        raise SettingsError(f"the client {name!r}: {error}") from None
    if any(len(value) < 16 for value in values):
        raise SettingsError(f"the client {name!r}: the secret {variable} is shorter than 16 characters")
    return tuple(_hash(value) for value in values)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
