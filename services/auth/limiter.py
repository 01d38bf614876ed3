"""The log-in rate limit: attempts counted in the cache, by account and by address.

It fails closed: without the cache nobody logs in (people who are logged in stay so: refreshes are then not counted). On a
platform that holds money, an hour without new log-ins is better than an hour in which passwords can be tried without limit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from services.auth.errors import AuthCode
from services.common.clock import Clock
from services.common.errors import Code, ServiceError

#: What the client raises when the cache cannot be asked; that no node answers is, of all of these, no RedisError.
_AWAY = (RedisError, RedisClusterException, OSError, TimeoutError)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """At most `attempts` in each window of `seconds`."""

    name: str
    attempts: int
    seconds: int


BY_ACCOUNT = Limit("account", 10, 900)

#: By address: no tighter than the firewall's `rate_limits` over the same time, since a mobile carrier puts many players behind
#: one. Log-ins and clients' requests that succeed are given back; what is left are guesses.
BY_ADDRESS = Limit("address", 900, 900)
REGISTRATIONS = Limit("registrations", 300, 900)
CLIENTS_BY_ADDRESS = Limit("clients", 300, 900)

#: Of one refresh token: parallel tabs and lost answers take a handful.
BY_REFRESH_TOKEN = Limit("refresh", 60, 60)


class Limiter:
    """Counts attempts in fixed windows."""

    def __init__(self, cache: RedisCluster, clock: Clock) -> None:
        self._cache, self._clock = cache, clock

    async def attempt(self, limit: Limit, subject: str, *, needs_cache: bool = True) -> None:
        """Count one attempt of `subject`, before it is made. Raises ServiceError (rate_limited, limiter_unavailable).

        Where counting is no more than a bound on load, the attempt `needs_cache` not.
        """
        now = self._clock.now().timestamp()
        window = int(now // limit.seconds)
        key = self._key(limit, subject)
        try:
            # First the expiry, then the count: a crash in between leaves a key that goes away by itself.
            await self._cache.set(key, 0, ex=limit.seconds, nx=True)
            count = int(await self._cache.incr(key))
        except _AWAY as error:
            if not needs_cache:
                return
            log.error("rate limiter unavailable", extra={"reason": type(error).__name__})
            raise ServiceError(
                AuthCode.LIMITER_UNAVAILABLE, "Attempts cannot be counted at the moment.", headers={"Retry-After": "5"}
            ) from None
        if count > limit.attempts:
            wait = int((window + 1) * limit.seconds - now) + 1
            log.warning("rate limited", extra={"limit": limit.name})
            raise ServiceError(Code.RATE_LIMITED, f"Try again in {wait} seconds.", headers={"Retry-After": str(wait)})

    async def give_back(self, limit: Limit, subject: str) -> None:
        """Take one attempt of `subject` back: it was no guess."""
        try:
            # Only where the attempt was counted: in a window that has begun since, nothing is owed.
            key = self._key(limit, subject)
            if await self._cache.exists(key):
                await self._cache.decr(key)
        except _AWAY as error:
            log.warning("attempt not given back", extra={"reason": type(error).__name__})

    def _key(self, limit: Limit, subject: str) -> str:
        window = int(self._clock.now().timestamp() // limit.seconds)
        return f"auth:attempts:{{{limit.name}:{subject}}}:{window}"

    async def forgive(self, limit: Limit, subject: str) -> None:
        """Forget the attempts of `subject`: it has proved itself."""
        try:
            await self._cache.delete(self._key(limit, subject))
        except _AWAY as error:
            log.warning("attempts not forgotten", extra={"reason": type(error).__name__})
