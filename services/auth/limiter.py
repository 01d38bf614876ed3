"""Limits of attempts, counted in the cache in sliding windows: by account, by address, by what is attempted.

It fails closed: without the cache nobody logs in (people who are logged in stay so: refreshes are then not counted). On a
platform that holds money, an hour without new log-ins is better than an hour in which passwords can be tried without limit.
"""

from __future__ import annotations

import logging
import math
import secrets
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
    """At most `attempts` in any `seconds`."""

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

#: Wrong second factors and codes of one person: of a million codes five can be tried in five minutes.
BY_FACTOR = Limit("factor", 5, 300)

#: Messages to one contact: who asks for another person's reset again and again fills no mailbox.
MESSAGES = Limit("messages", 5, 3600)

#: Anything else that begins without a log-in (resets, passkeys, providers), by address.
BEGINNINGS = Limit("beginnings", 300, 900)

#: One sorted set for each subject: attempts by their time. It never holds more than the limit: what is refused is not added, so
#: who goes on trying is not locked out for longer. KEYS: the set. ARGV: now and length of the window in ms, limit, attempt.
_TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
    return tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]) + ARGV[2] - ARGV[1]
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
"""


@dataclass(frozen=True)
class Attempt:
    """One attempt that was counted; it can be given back."""

    key: str
    member: str


class Limiter:
    """Counts attempts."""

    def __init__(self, cache: RedisCluster, clock: Clock) -> None:
        self._cache, self._clock = cache, clock

    async def attempt(self, limit: Limit, subject: str, *, needs_cache: bool = True) -> Attempt:
        """Count one attempt of `subject`, before it is made. Raises ServiceError (rate_limited, limiter_unavailable).

        Where counting is no more than a bound on load, the attempt `needs_cache` not.
        """
        attempt = Attempt(_key(limit, subject), secrets.token_urlsafe(9))
        now = int(self._clock.now().timestamp() * 1000)
        try:
            left = int(
                await self._cache.eval(
                    _TAKE, 1, attempt.key, str(now), str(limit.seconds * 1000), str(limit.attempts), attempt.member
                )
            )
        except _AWAY as error:
            if not needs_cache:
                return attempt
            log.error("rate limiter unavailable", extra={"reason": type(error).__name__})
            raise ServiceError(
                AuthCode.LIMITER_UNAVAILABLE, "Attempts cannot be counted at the moment.", headers={"Retry-After": "5"}
            ) from None
        if left > 0:
            wait = math.ceil(left / 1000)
            log.warning("rate limited", extra={"limit": limit.name})
            raise ServiceError(Code.RATE_LIMITED, f"Try again in {wait} seconds.", headers={"Retry-After": str(wait)})
        return attempt

    async def give_back(self, attempt: Attempt) -> None:
        """Take an attempt back: it was no guess."""
        try:
            await self._cache.zrem(attempt.key, attempt.member)
        except _AWAY as error:
            log.warning("attempt not given back", extra={"reason": type(error).__name__})

    async def forgive(self, limit: Limit, subject: str) -> None:
        """Forget the attempts of `subject`: it has proved itself."""
        try:
            await self._cache.delete(_key(limit, subject))
        except _AWAY as error:
            log.warning("attempts not forgotten", extra={"reason": type(error).__name__})


def _key(limit: Limit, subject: str) -> str:
    return f"auth:attempts:{{{limit.name}:{subject}}}"
