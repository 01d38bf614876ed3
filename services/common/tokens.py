"""Access tokens: what is in them and how they are checked (ES256 JWTs after RFC 9068, keys from a JWKS)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import jwt

from services.common.clock import Clock
from services.common.errors import Code, ServiceError

ALGORITHM = "ES256"
TYPE = "at+jwt"
AUDIENCE = "matchday"
JWKS_PATH = "/auth/.well-known/jwks.json"

#: A player's own doings; operations' doings are scopes of the service that does them.
PLAYER = "player"

#: `client_id` of every player's token; each other is a client's own, and its subject.
PLAYERS_CLIENT = "matchday"

_MAX_LENGTH = 4096
_SKEW = timedelta(seconds=30)
_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti", "scope"]

log = logging.getLogger(__name__)


def issuer(environment: str) -> str:
    """Who signs in `environment`: a token of one environment is refused in another, even if a key were shared."""
    return f"urn:matchday:{environment}:auth"


@dataclass(frozen=True)
class Caller:
    """Who calls, as a checked token says: `subject` is a user's id, or a client's name.

    `limits`: scope → the most that one call may do under it, in that scope's unit; a scope that is not there has no limit.
    """

    subject: str
    scopes: frozenset[str]
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_player(self) -> bool:
        """Whether it is a person; a client has other scopes than this one."""
        return PLAYER in self.scopes


class KeySource(Protocol):
    """Where public keys come from."""

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key named `kid`, or None if the issuer has none of that name. Raises ServiceError if that cannot be known."""
        ...


@dataclass(frozen=True)
class _Known:
    """A token whose signature was found good, with the key that it was checked with."""

    caller: Caller
    kid: str
    key: jwt.PyJWK
    issued: datetime
    expires: datetime


class TokenVerifier:
    """Checks access tokens: form, algorithm, type, signature, issuer, audience, times.

    A signature is checked once and remembered while its key is: when the keys are read anew, or one is withdrawn, it is
    checked again. Times are checked each time. Nothing else ends an access token early, so nothing is missed.
    """

    #: How many good tokens are remembered; bad ones are not, so nobody can push others out without having tokens.
    REMEMBERED = 4096

    def __init__(self, keys: KeySource, environment: str, clock: Clock) -> None:
        self._keys, self._issuer, self._clock = keys, issuer(environment), clock
        self._known: dict[str, _Known] = {}

    async def verify(self, token: str) -> Caller:
        """The caller that `token` stands for. Raises ServiceError (unauthenticated, keys_unavailable)."""
        try:
            known = self._known.get(token)
            if known is None or await self._keys.find(known.kid) is not known.key:
                known = await self._check(token)
                self._remember(token, known)
            now = self._clock.now()
            if known.expires <= now:
                self._known.pop(token, None)
                raise jwt.ExpiredSignatureError("expired")
            if known.issued > now + _SKEW:
                raise jwt.ImmatureSignatureError("issued in the future")
        except (jwt.PyJWTError, RecursionError) as error:  # a header may nest as deep as it is long
            # Which check failed goes to the log by the exception's class; the caller learns only that the token is no good.
            log.info("token refused", extra={"reason": type(error).__name__})
            raise unauthenticated("The access token is not valid.") from None
        return known.caller

    def _remember(self, token: str, known: _Known) -> None:
        self._known.pop(token, None)
        if len(self._known) >= self.REMEMBERED:
            del self._known[next(iter(self._known))]  # the one that was checked longest ago
        self._known[token] = known

    async def _check(self, token: str) -> _Known:
        if len(token) > _MAX_LENGTH:
            raise jwt.InvalidTokenError("too long")
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        # Before any key is looked up: a header that names another algorithm or type never gets that far.
        if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or not isinstance(kid, str) or len(kid) > 64:
            raise jwt.InvalidTokenError("header")
        key = await self._keys.find(kid)
        if key is None:
            raise jwt.InvalidKeyError("unknown key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=self._issuer,
            # Times are checked below, against the service's clock.
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        if not isinstance(claims["sub"], str) or not isinstance(claims["scope"], str):
            raise jwt.InvalidTokenError("claims")
        limits = claims.get("limits", {})
        if not isinstance(limits, dict) or not all(type(limit) is int for limit in limits.values()):
            raise jwt.InvalidTokenError("limits")
        caller = Caller(subject=claims["sub"], scopes=frozenset(claims["scope"].split()), limits=limits)
        return _Known(caller, kid, key, _moment(claims["iat"]), _moment(claims["exp"]))


def unauthenticated(detail: str) -> ServiceError:
    """The refusal of a request without a good token."""
    return ServiceError(Code.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": "Bearer"})


class RemoteKeys:
    """The issuer's JWKS, fetched over HTTP and kept.

    Keys older than `FRESH` are fetched again in the background, while the kept ones are used, up to `STALE`: a request waits
    for the issuer only where its key is not known. A token with an unknown `kid` causes a fetch at once, since keys rotate, but
    never more than one in `PAUSE`: forged tokens must not become load on the issuer.
    """

    FRESH = timedelta(minutes=5)
    STALE = timedelta(hours=6)
    PAUSE = timedelta(seconds=10)

    #: How long a fetch may take, and how long a request waits for it.
    FETCH_SECONDS = 3.0
    WAIT_SECONDS = 1.0

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self._url, self._http, self._clock = url, http, clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched = self._tried = datetime.min.replace(tzinfo=UTC)
        self._fetch: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key, as KeySource says."""
        key, now = self._keys.get(kid), self._clock.now()
        if key is None or abs(now - self._fetched) > self.FRESH:
            fetch = self._refresh(now)
            if fetch is not None and (key is None or now - self._fetched > self.STALE):
                await asyncio.wait({fetch}, timeout=self.WAIT_SECONDS)  # one fetch for all who wait
                key = self._keys.get(kid)
        if now - self._fetched > self.STALE:
            raise ServiceError(
                Code.KEYS_UNAVAILABLE, "The issuer's keys could not be fetched.", headers={"Retry-After": "5"}
            )
        return key

    def _refresh(self, now: datetime) -> asyncio.Task[None] | None:
        """The fetch that is under way, perhaps begun now; None if it is too early for another one."""
        if self._fetch is None or self._fetch.done():
            if abs(now - self._tried) < self.PAUSE:
                return None
            self._tried = now
            self._fetch = asyncio.create_task(self._get())
        return self._fetch

    async def _get(self) -> None:
        try:
            async with asyncio.timeout(self.FETCH_SECONDS):
                answer = await self._http.get(self._url)
            answer.raise_for_status()
            self._keys = parse_jwks(answer.json())
            self._fetched = self._clock.now()
        except (httpx.HTTPError, TimeoutError, ValueError, jwt.PyJWTError) as error:
            log.warning("JWKS not fetched", extra={"url": self._url, "reason": f"{type(error).__name__}: {error}"})


def parse_jwks(document: Any) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS document by `kid`, only those for our algorithm. Raises ValueError if it is none."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JWKS document")
    return {
        key["kid"]: jwt.PyJWK(key, ALGORITHM)
        for key in document["keys"]
        if isinstance(key, dict)
        and key.get("alg") == ALGORITHM
        and key.get("use") == "sig"
        and isinstance(key.get("kid"), str)
    }


def _moment(claim: Any) -> datetime:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise jwt.DecodeError("a time is no number")
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (OverflowError, ValueError, OSError):
        raise jwt.DecodeError("a time is out of range") from None
