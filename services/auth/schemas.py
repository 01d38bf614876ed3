"""What auth takes and gives over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_serializer, model_validator

from services.auth.contacts import Contact, Kind, normalise_email, normalise_phone
from services.auth.models import State
from services.auth.notices import Notice
from services.common.permissions import StaffRole


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _six_digits(code: SecretStr) -> SecretStr:
    if not (code.get_secret_value().isascii() and code.get_secret_value().isdigit()):
        raise ValueError("a code is six digits")
    return code


Email = Annotated[str, Field(max_length=254, examples=["player@example.com"]), AfterValidator(normalise_email)]
Phone = Annotated[str, Field(max_length=32, examples=["+919876543210"]), AfterValidator(normalise_phone)]
Password = Annotated[SecretStr, Field(min_length=10, max_length=128)]
#: At log-in any length that could have been registered, under older rules too.
GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
RefreshTokenText = Annotated[SecretStr, Field(min_length=1, max_length=256)]
FlowText = Annotated[SecretStr, Field(min_length=1, max_length=64)]
BirthDate = Annotated[date, Field(ge=date(1900, 1, 1), description="Needed to play; cannot be changed")]
Reason = Annotated[str, Field(min_length=5, max_length=300)]
Code = Annotated[
    SecretStr,
    Field(min_length=6, max_length=6, json_schema_extra={"pattern": "^[0-9]{6}$", "examples": ["123456"]}),
    AfterValidator(_six_digits),
]


class ContactRequest(_Request):
    """One contact: an e-mail address or a phone number."""

    email: Email | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.email is None) == (self.phone is None):
            raise ValueError("one of email and phone is needed, not both")
        return self

    @property
    def contact(self) -> Contact:
        """The contact."""
        if self.email is not None:
            return Contact(Kind.EMAIL, self.email)
        assert self.phone is not None
        return Contact(Kind.PHONE, self.phone)


class RegisterRequest(ContactRequest):
    """A person who wants an account."""

    password: Password
    birth_date: BirthDate | None = None


class LoginRequest(ContactRequest):
    """A person who comes back."""

    password: GivenPassword


class FinishRequest(LoginRequest):
    """A person whose code has come, with what they registered with."""

    code: Code


class RefreshRequest(_Request):
    """The refresh token that was last given out."""

    refresh_token: RefreshTokenText


class CodeRequest(_Request):
    """A code of six digits, as it was sent or as an app shows it."""

    code: Code


class VerifyRequest(CodeRequest):
    """The code that came to a contact of that kind."""

    kind: Kind


class BirthRequest(_Request):
    """A date of birth; it is given once."""

    birth_date: BirthDate


class ContactRolesRequest(ContactRequest):
    """All the roles that the person with this contact has from now on."""

    roles: list[StaffRole]
    reason: Reason


class ResetRequest(_Request):
    """The token of a reset, and the password to set."""

    token: FlowText
    password: Password


class PasswordRequest(_Request):
    """The present password, and the one to set."""

    old: GivenPassword
    new: Password


class ProofRequest(_Request):
    """One proof: the password, a code of the app, a recovery code, or a passkey's answer with its `flow`."""

    password: GivenPassword | None = None
    totp: Code | None = None
    recovery_code: Annotated[SecretStr | None, Field(max_length=64)] = None
    flow: FlowText | None = None
    credential: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [
            name for name in ("password", "totp", "recovery_code", "credential") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError("one of password, totp, recovery_code and credential is needed")
        if (self.credential is None) != (self.flow is None):
            raise ValueError("credential and flow belong together")
        return self


class SecondFactorRequest(_Request):
    """What a log-in wants still: its `flow`, and a code of the app or a recovery code (a passkey logs in by itself)."""

    flow: FlowText
    totp: Code | None = None
    recovery_code: Annotated[SecretStr | None, Field(max_length=64)] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.totp is None) == (self.recovery_code is None):
            raise ValueError("one of totp and recovery_code is needed, not both")
        return self


class FlowRequest(_Request):
    """A flow that was begun."""

    flow: FlowText


class PasskeyAnswer(FlowRequest):
    """What an authenticator answered, as `PublicKeyCredential.toJSON()` gives it."""

    credential: dict[str, Any]


class NewPasskey(PasskeyAnswer):
    """The same of a new passkey, and what to call it."""

    name: Annotated[str, Field(min_length=1, max_length=64)]


class ExclusionRequest(_Request):
    """How long not to play. A time-out is 1 to 42 days, a self-exclusion 180 days to 5 years."""

    kind: Literal["time-out", "self-exclusion"]
    days: Annotated[int, Field(ge=1, le=1826)]

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        least, most = (1, 42) if self.kind == "time-out" else (180, 1826)
        if not least <= self.days <= most:
            raise ValueError(f"a {self.kind} is {least} to {most} days")
        return self


class ReasonRequest(_Request):
    """Why somebody who works here does something."""

    reason: Reason


class RolesRequest(ReasonRequest):
    """All the roles that a person has from now on."""

    roles: list[StaffRole]


class ClientCredentials(_Request):
    """The form of RFC 6749, section 4.4, with the client's credentials in the body."""

    grant_type: str
    client_id: Annotated[str, Field(max_length=64)]
    client_secret: Annotated[SecretStr, Field(max_length=256)]
    scope: Annotated[str, Field(max_length=256, description="Space-separated; all of the client's if left out")] = ""


class Profile(BaseModel):
    """Who a person is here."""

    id: UUID
    email: str | None
    email_verified: bool
    phone: str | None
    phone_verified: bool
    birth_date: date | None
    state: State
    closes_at: datetime | None
    roles: list[str]
    factors: list[str]
    excluded_until: datetime | None
    created_at: datetime


class AccountView(BaseModel):
    """An account as support sees it: contacts masked."""

    id: UUID
    email: str | None
    phone: str | None
    verified: bool
    state: State
    roles: list[str]
    factors: list[str]
    sessions: int
    created_at: datetime


class Found(BaseModel):
    """Whose account it is."""

    id: UUID


class Registered(BaseModel):
    """That a registration was taken, whether or not the contact had an account before; the contact as it is compared."""

    email: str | None = None
    phone: str | None = None

    @model_serializer
    def _given(self) -> dict[str, str]:
        return {name: value for name, value in (("email", self.email), ("phone", self.phone)) if value is not None}


class AccessToken(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds")
    scope: str


class TokenPair(AccessToken):
    """An access token, and what to get the next one with."""

    refresh_token: str = Field(description="Valid once; each refresh gives the next")


class SecondFactorNeeded(BaseModel):
    """The first factor was right; one of `factors` is wanted, with `flow`, within five minutes."""

    flow: str
    factors: list[str]


class Device(BaseModel):
    """A session of a person: where they are logged in. `current` is the one that asks."""

    id: UUID
    agent: str
    network: str
    created_at: datetime
    last_seen_at: datetime
    amr: list[str]
    current: bool


class Devices(BaseModel):
    """A person's sessions, the newest first."""

    sessions: list[Device]


class EndedList(BaseModel):
    """Sessions that ended while access tokens of theirs may still be good."""

    sessions: list[str]


class TotpSecret(BaseModel):
    """What an authenticator app is set up with; it counts once a code of it was confirmed."""

    secret: str = Field(description="Base32")
    uri: str = Field(description="otpauth://, for a QR code")


class RecoveryCodes(BaseModel):
    """Codes that stand for a second factor, each once. They are shown this once."""

    codes: list[str]


class PasskeyOptions(BaseModel):
    """What to ask an authenticator for (`publicKey` of WebAuthn's create or get), and the flow that its answer belongs to."""

    flow: str
    options: dict[str, Any]


class PasskeyView(BaseModel):
    """A passkey of a person."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Factors(BaseModel):
    """A person's second factors."""

    totp: bool
    passkeys: list[PasskeyView]
    recovery_codes_left: int


class SecurityEventView(BaseModel):
    """A security event. `actor` is `owner`, `system`, a client's name, or the id of who works here."""

    id: UUID
    kind: str
    occurred_at: datetime
    actor: str
    session_id: UUID | None
    network: str
    agent: str
    detail: dict[str, Any]


class SecurityEvents(BaseModel):
    """Events, the newest first; with `next_before` the list goes on."""

    events: list[SecurityEventView]
    next_before: UUID | None


class ProviderRedirect(BaseModel):
    """Where to send the person, and the flow that the provider's answer belongs to."""

    flow: str
    url: str


class ProviderAnswer(FlowRequest):
    """What the provider sent the person back with."""

    code: Annotated[SecretStr, Field(min_length=1, max_length=2048)]
    state: Annotated[SecretStr, Field(min_length=1, max_length=128)]


class JsonWebKeySet(BaseModel):
    """The public keys (RFC 7517)."""

    keys: list[dict[str, Any]]


class LettersRequest(_Request):
    """A letter to players. `key` names the occasion; `about` is put into the letter, as plain words."""

    kind: Notice
    key: UUID
    about: Annotated[str, Field(min_length=1, max_length=200)]
    accounts: Annotated[list[UUID], Field(min_length=1, max_length=200)]


class LettersTaken(BaseModel):
    """How many of them have a verified address, and so get it."""

    taken: int
