"""The clients that may ask for tokens of their own: registered by the services' manifests, given to auth by its environment."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from services.common.rotating import accepted
from services.common.settings import SettingsError


class _Registered(BaseModel):
    """One entry of CLIENTS (docs/contracts.md)."""

    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[frozenset[str], Field(min_length=1)]
    limits: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)


_REGISTRY = TypeAdapter(dict[str, _Registered])


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
