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

#: What a player may be besides: reached at a verified address; of age, and in no time-out or self-exclusion.
VERIFIED = "player:verified"
PLAY = "player:play"

#: Somebody who works here; what they may do is a permission each (`services.common.permissions`).
STAFF = "staff"

#: How sure we are of a person (`acr`): one factor, or two of different kinds (NIST SP 800-63B).
ONE_FACTOR, TWO_FACTORS = "aal1", "aal2"

#: For how long after two factors were shown a sensitive act is taken.
STEP_UP_AGE = timedelta(minutes=5)

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
    Of a person also the `session` (`sid`), how sure we are (`acr`), by which methods (`amr`, RFC 8176), and since when.
    """

    subject: str
    scopes: frozenset[str]
    limits: Mapping[str, int] = field(default_factory=dict)
    session: str = ""
    acr: str = ""
    amr: frozenset[str] = frozenset()
    authenticated_at: datetime | None = None

    @property
    def is_person(self) -> bool:
        """Whether it is a person; a client has neither of these scopes."""
        return PLAYER in self.scopes or STAFF in self.scopes


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


class EndedSessions(Protocol):
    """Which sessions have ended while access tokens of theirs may still be good."""

    def has(self, session: str) -> bool:
        """Whether the session is known to have ended."""
        ...

    def is_current(self) -> bool:
        """Whether a session that ended a minute ago would be known."""
        ...


class TokenVerifier:
    """Checks access tokens: form, algorithm, type, signature, issuer, audience, times, and that the session goes on.

    A signature is checked once and remembered while its key is: when the keys are read anew, or one is withdrawn, it is
    checked again. Times and the session are checked each time.
    """

    #: How many good tokens are remembered; bad ones are not, so nobody can push others out without having tokens.
    REMEMBERED = 4096

    def __init__(self, keys: KeySource, environment: str, clock: Clock, ended: EndedSessions | None = None) -> None:
        self._keys, self._issuer, self._clock, self._ended = keys, issuer(environment), clock, ended
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
            if self._ended is not None and known.caller.session and self._ended.has(known.caller.session):
                raise jwt.InvalidTokenError("session ended")
        except (jwt.PyJWTError, RecursionError) as error:  # a header may nest as deep as it is long
            # Which check failed goes to the log by the exception's class; the caller learns only that the token is no good.
            log.info("token refused", extra={"reason": type(error).__name__})
            raise unauthenticated("The access token is not valid.") from None
        return known.caller

    def is_stepped_up(self, caller: Caller) -> bool:
        """Whether `caller` has shown two factors within STEP_UP_AGE. No, too, where ended sessions cannot be known."""
        if self._ended is not None and not self._ended.is_current():
            return False
        since = caller.authenticated_at
        return caller.acr == TWO_FACTORS and since is not None and self._clock.now() - since <= STEP_UP_AGE

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
        methods = claims.get("amr", [])
        if not isinstance(methods, list):
            raise jwt.InvalidTokenError("amr")
        caller = Caller(
            subject=claims["sub"],
            scopes=frozenset(claims["scope"].split()),
            limits=limits,
            session=_text(claims.get("sid", "")),
            acr=_text(claims.get("acr", "")),
            amr=frozenset(map(_text, methods)),
            authenticated_at=_moment(claims["auth_time"]) if "auth_time" in claims else None,
        )
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


def _text(claim: Any) -> str:
    if not isinstance(claim, str) or len(claim) > 64:
        raise jwt.InvalidTokenError("claims")
    return claim


def _moment(claim: Any) -> datetime:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise jwt.DecodeError("a time is no number")
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (OverflowError, ValueError, OSError):
        raise jwt.DecodeError("a time is out of range") from None
