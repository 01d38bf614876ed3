"""What auth takes and gives over HTTP."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

#: Deliberately loose: whether an address exists shows when a letter is sent there.
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]{1,64}@(?=.{4,189}$)([\w](?:[\w-]{0,61}[\w])?\.)+[\w](?:[\w-]{0,61}[\w])?")


def normalise_email(address: str) -> str:
    """The form in which addresses are compared: NFKC, no space around, lower case. Raises ValueError if it is no address."""
    normal = unicodedata.normalize("NFKC", address).strip().casefold()
    if not _EMAIL.fullmatch(normal):
        raise ValueError("this is no e-mail address")
    return normal


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


Email = Annotated[str, Field(max_length=254, examples=["player@example.com"]), AfterValidator(normalise_email)]
Password = Annotated[SecretStr, Field(min_length=10, max_length=128)]
#: At log-in any length that could have been registered, under older rules too.
GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
RefreshTokenText = Annotated[SecretStr, Field(min_length=1, max_length=256)]


class RegisterRequest(_Request):
    """A person who wants an account."""

    email: Email
    password: Password


class LoginRequest(_Request):
    """A person who comes back."""

    email: Email
    password: GivenPassword


class RefreshRequest(_Request):
    """The refresh token that was last given out."""

    refresh_token: RefreshTokenText


class ClientCredentials(_Request):
    """The form of RFC 6749, section 4.4, with the client's credentials in the body."""

    grant_type: str
    client_id: Annotated[str, Field(max_length=64)]
    client_secret: Annotated[SecretStr, Field(max_length=256)]
    scope: Annotated[str, Field(max_length=256, description="Space-separated; all of the client's if left out")] = ""


class Profile(BaseModel):
    """Who a person is here."""

    id: UUID
    email: str
    created_at: datetime


class Registered(BaseModel):
    """That a registration was taken, whether or not the address had an account before."""

    email: str = Field(description="The address in the form in which it is compared")


class AccessToken(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds")
    scope: str


class TokenPair(AccessToken):
    """An access token, and what to get the next one with."""

    refresh_token: str = Field(description="Valid once; each refresh gives the next")


class JsonWebKeySet(BaseModel):
    """The public keys (RFC 7517)."""

    keys: list[dict[str, Any]]
