"""Clients: who, besides players, may ask for access tokens; declared by the service that they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from model.validation import described
from model.vocabulary import Model

#: Characters of a client's secret: 256 bits.
CLIENT_SECRET_LENGTH = 43

#: `<service>:<act>`, the service being the one that asks for it.
ScopeName = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[a-z][a-z0-9-]{1,19}:[a-z][a-z0-9-]{1,29}$", "`<service>:<act>`, such as wallet:credit")
    ),
]
ClientName = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[a-z][a-z0-9-]{1,24}$", "2 to 25 lower-case letters, digits and dashes, a letter first")
    ),
]


class Client(Model):
    """One client: for one act, so that a secret that leaks opens no more than that."""

    name: ClientName
    """what it calls itself; no two services have clients of one name"""
    scopes: Annotated[tuple[ScopeName, ...], Field(min_length=1, strict=False)]
    """what its tokens may be for; each is declared in `scopes` of the service that asks for it"""
    limits: dict[ScopeName, Annotated[int, Field(ge=1, le=10**15)]] = Field(default_factory=dict)
    """scope → the most that one call may do under it, in the unit of that scope (money: paise)"""
    processes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """this service's processes that are given its secret; none: operators read it from Secrets Manager"""

    @property
    def variable(self) -> str:
        """The environment variable and the name of its secret.

        >>> Client(name="wallet-credit", scopes=["wallet:credit"]).variable
        'CLIENT_SECRET_WALLET_CREDIT'
        """
        return f"CLIENT_SECRET_{self.name.upper().replace('-', '_')}"

    @model_validator(mode="after")
    def _limits_of_its_own(self) -> Self:
        for scope in self.limits:
            if scope not in self.scopes:
                raise ValueError(f"limits: {scope!r} is no scope of the client; accepted: {', '.join(self.scopes)}")
        return self


def registry(clients: Sequence[Client]) -> str:
    """What the service that issues tokens is given as CLIENTS: JSON, name → scopes and limits, in a stable order."""
    document: Mapping[str, object] = {
        client.name: {"scopes": sorted(client.scopes), "limits": dict(sorted(client.limits.items()))}
        for client in sorted(clients, key=lambda client: client.name)
    }
    return json.dumps(document, separators=(",", ":"))
