"""Log-in by a provider (OpenID Connect, authorization code with PKCE), which the environment names.

State, nonce and PKCE's verifier are derived from the flow's token, which the person's browser holds: nothing of them is stored,
and nobody else's browser can finish the flow. An account is never linked because addresses are alike: who has one logs in
first, then links.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import jwt
from pydantic import HttpUrl, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, factors_repository, repository
from services.auth.accounts import AccountService
from services.auth.audit import Happened
from services.auth.contacts import Contact, Contacts, Kind, normalise_email
from services.auth.errors import AuthCode
from services.auth.events import AccountRegistered
from services.auth.flows import FlowKind, Flows
from services.auth.limiter import BEGINNINGS, Limiter
from services.auth.models import Identity, State, User
from services.auth.schemas import ProviderAnswer, ProviderRedirect, SecondFactorNeeded, TokenPair
from services.auth.sessions import SessionService
from services.auth.visitor import Visitor
from services.common import events, flow_tokens
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.rotating import accepted
from services.common.settings import Settings
from services.common.tokens import Caller

#: Where the provider sends people back: a page of the site, which posts what it gets to `/auth/providers/finish`.
CALLBACK = "/signed-in"

#: Signatures that are taken, whatever a token's header asks for.
ALGORITHMS = ("RS256", "ES256")

CALL_SECONDS = 4.0
KEPT_SECONDS = 3600.0
SKEW_SECONDS = 60

log = logging.getLogger(__name__)


class ProviderSettings(Settings):
    """The provider: its issuer and our registration there; secrets that rotate hold two values for a while."""

    oidc_url: HttpUrl
    oidc_client_id: SecretStr
    oidc_client_secret: SecretStr

    @property
    def client(self) -> str:
        """Our name there."""
        return accepted(self.oidc_client_id, "OIDC_CLIENT_ID")[0]

    @property
    def secret(self) -> str:
        """What proves that it is us."""
        return accepted(self.oidc_client_secret, "OIDC_CLIENT_SECRET")[0]


@dataclass(frozen=True)
class Claims:
    """What a provider says of a person."""

    issuer: str
    subject: str
    email: str | None  # one that the provider has verified


@dataclass
class Provider:
    """The provider's side: where its endpoints are, its keys, its answers."""

    settings: ProviderSettings
    http: httpx.AsyncClient
    redirect: str
    _document: dict[str, Any] = field(default_factory=dict)
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    _read_at: float = float("-inf")

    @property
    def issuer(self) -> str:
        """The provider's name of itself."""
        return str(self.settings.oidc_url).rstrip("/")

    async def address(self, token: str) -> str:
        """Where to send a person whose flow has `token`."""
        document = await self._described()
        query = {
            "response_type": "code",
            "client_id": self.settings.client,
            "redirect_uri": self.redirect,
            "scope": "openid email",
            "state": derived(token, "state"),
            "nonce": derived(token, "nonce"),
            "code_challenge": flow_tokens.challenge(derived(token, "verifier")),
            "code_challenge_method": "S256",
        }
        return f"{document['authorization_endpoint']}?{urlencode(query)}"

    async def claims(self, token: str, code: str) -> Claims:
        """Who the person is that came back with `code`. Raises ServiceError (provider_refused, provider_unavailable)."""
        document = await self._described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.settings.client,
            "code_verifier": derived(token, "verifier"),
            "client_secret": self.settings.secret,
        }
        answer = await self._call("POST", str(document["token_endpoint"]), form)
        try:
            return await self._checked(str(answer["id_token"]), derived(token, "nonce"))
        except (jwt.PyJWTError, KeyError, ValueError, RecursionError) as error:
            raise _refused(type(error).__name__) from None

    async def _checked(self, token: str, nonce: str) -> Claims:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("algorithm")
        kid = str(header.get("kid", ""))
        if kid not in self._keys:
            await self._read_keys()
        key = self._keys.get(kid)
        if key is None or key.algorithm_name != header["alg"]:
            raise jwt.InvalidKeyError("unknown key")
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self.settings.client,
            issuer=self.issuer,
            leeway=SKEW_SECONDS,
            options={"require": ["iss", "aud", "sub", "exp", "iat", "nonce"]},
        )
        if not hmac.compare_digest(str(found["nonce"]), nonce):
            raise jwt.InvalidTokenError("nonce")
        if isinstance(found["aud"], list) and len(found["aud"]) > 1 and found.get("azp") != self.settings.client:
            raise jwt.InvalidAudienceError("azp")
        email = normalise_email(str(found["email"])) if found.get("email_verified") is True else None
        return Claims(self.issuer, str(found["sub"])[:255], email)

    async def _described(self) -> dict[str, Any]:
        if not self._document or time.monotonic() - self._read_at > KEPT_SECONDS:
            document = await self._call("GET", f"{self.issuer}/.well-known/openid-configuration")
            if str(document.get("issuer", "")).rstrip("/") != self.issuer:
                raise _refused("issuer")
            self._document, self._read_at = document, time.monotonic()
            await self._read_keys()
        return self._document

    async def _read_keys(self) -> None:
        answer = await self._call("GET", str(self._document["jwks_uri"]))
        self._keys = {
            str(key["kid"]): jwt.PyJWK(key)
            for key in answer.get("keys", ())
            if isinstance(key, dict)
            and key.get("use", "sig") == "sig"
            and key.get("alg") in ALGORITHMS
            and "kid" in key
        }

    async def _call(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await self.http.request(method, url, data=form)
            if 400 <= answer.status_code < 500:
                raise _refused(str(answer.status_code))
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            log.warning("provider not asked", extra={"reason": type(error).__name__})
            detail = "The provider does not answer."
            raise ServiceError(AuthCode.PROVIDER_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from None
        if not isinstance(found, dict):
            raise _refused("no object")
        return found


@dataclass(frozen=True)
class ProviderService:
    """Log-ins and links by the provider."""

    clock: Clock
    limiter: Limiter
    contacts: Contacts
    accounts: AccountService
    sessions: SessionService
    flows: Flows
    provider: Provider

    async def begin(self, session: AsyncSession, visitor: Visitor) -> ProviderRedirect:
        """Where to send the person. Raises ServiceError (rate_limited, provider_unavailable)."""
        await self.limiter.attempt(BEGINNINGS, visitor.address)
        await self.provider.address("")  # what takes long comes before the first query
        token = await self.flows.begin(session, FlowKind.PROVIDER)
        return ProviderRedirect(flow=token, url=await self.provider.address(token))

    async def finish(
        self, session: AsyncSession, given: ProviderAnswer, visitor: Visitor
    ) -> TokenPair | SecondFactorNeeded:
        """Log in who came back; who is new gets an account. Raises ServiceError (provider_refused, flow_refused, …)."""
        claims = await self._claims(session, given, visitor)
        identity = await factors_repository.identity(session, claims.issuer, _digest(claims))
        user = await self._register(session, claims, visitor) if identity is None else None
        if user is None:
            assert identity is not None
            user = await self.accounts.user(session, identity.user_id)
        return await self.accounts.begin_session(session, user, visitor, ["fed"])

    async def link(self, session: AsyncSession, caller: Caller, given: ProviderAnswer, visitor: Visitor) -> None:
        """Let the caller log in by the provider from now on. Raises ServiceError (factor_exists, step_up_needed, …)."""
        claims = await self._claims(session, given, visitor)
        holder = await self.sessions.may_change(session, caller)
        await self._link(session, holder.user_id, claims, visitor)

    async def _claims(self, session: AsyncSession, given: ProviderAnswer, visitor: Visitor) -> Claims:
        await self.limiter.attempt(BEGINNINGS, visitor.address)
        token = given.flow.get_secret_value()
        if not hmac.compare_digest(given.state.get_secret_value().encode(), derived(token, "state").encode()):
            raise _refused("state")
        claims = await self.provider.claims(token, given.code.get_secret_value())
        await self.flows.finish(session, FlowKind.PROVIDER, token)
        return claims

    async def _register(self, session: AsyncSession, claims: Claims, visitor: Visitor) -> User:
        if claims.email is None:
            raise _refused("no verified address")
        contact, user_id, now = Contact(Kind.EMAIL, claims.email), uuid7(), self.clock.now()
        user = User(
            id=user_id,
            email_digest=self.contacts.digest(contact),
            email_sealed=self.contacts.seal(contact, user_id),
            email_verified_at=now,
            created_at=now,
            state=State.ACTIVE,
            roles=[],
        )
        if not await repository.add_user(session, user):
            # Only who has that mailbox comes so far, so this tells nobody else.
            raise ServiceError(AuthCode.PROVIDER_REFUSED, "There is an account with your address: log in, then link.")
        await events.emit(session, AccountRegistered(account=user_id, registered_at=now))
        await audit.record(session, now, Happened.REGISTERED, user_id, visitor)
        await self._link(session, user_id, claims, visitor)
        return user

    async def _link(self, session: AsyncSession, user_id: UUID, claims: Claims, visitor: Visitor) -> None:
        now = self.clock.now()
        row = Identity(issuer=claims.issuer, subject_digest=_digest(claims), user_id=user_id, created_at=now)
        if not await factors_repository.add_identity(session, row):
            raise ServiceError(AuthCode.FACTOR_EXISTS, "That person of the provider's is linked already.")
        await audit.record(session, now, Happened.PROVIDER_LINKED, user_id, visitor, provider=claims.issuer)


def derived(token: str, purpose: str) -> str:
    """A value of log-in by a provider that only who holds the flow's token can make."""
    return flow_tokens.derived(token, f"auth/provider/{purpose}")


def _digest(claims: Claims) -> bytes:
    return hashlib.sha256(f"{claims.issuer}\n{claims.subject}".encode()).digest()


def _refused(reason: str) -> ServiceError:
    log.warning("provider's answer refused", extra={"reason": reason})
    return ServiceError(AuthCode.PROVIDER_REFUSED, "Begin again.")
