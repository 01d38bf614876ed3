"""The cache: a Redis in cluster mode. Keys carry hash tags, so that those that belong together stay together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.common.settings import CacheSettings

#: The cache must never be what a request waits for: one command takes no longer, with all that the client does about it.
COMMAND_SECONDS = 1.0

#: The first one also connects, logs in and learns the cluster's slots. On a machine that is just starting everything that takes
#: longer; a process that has never reached the cache waits so long for it.
FIRST_SECONDS = 5.0

#: After a command that failed nobody else asks for this long: who waits a second each, one behind the other, waits for ever.
PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Cache(RedisCluster):
    """The client, with a bound on every command and a pause after a failure.

    Raises redis.exceptions.TimeoutError and ConnectionError (both RedisError), whatever the client itself would raise.
    """

    _away_until = 0.0
    _reached = False

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """One command, as RedisCluster does it."""
        if time.monotonic() < self._away_until:
            raise RedisConnectionError("the cache did not answer a moment ago")
        try:
            async with asyncio.timeout(COMMAND_SECONDS if self._reached else FIRST_SECONDS):
                answer = await super().execute_command(*args, **kwargs)
            self._reached = True
            return answer
        except ResponseError:
            raise  # it did answer
        except TimeoutError:
            self._pause("TimeoutError")
            raise RedisTimeoutError("the cache did not answer in time") from None
        except (RedisError, RedisClusterException, OSError) as error:
            self._pause(type(error).__name__)
            raise RedisConnectionError(f"the cache is away: {type(error).__name__}") from error

    def _pause(self, reason: str) -> None:
        self._away_until = time.monotonic() + PAUSE_SECONDS
        log.warning("cache away", extra={"reason": reason})


async def open_cache(settings: CacheSettings) -> Cache:
    """A client that has been asked once; a cache that is away keeps no process from starting."""
    cache = create_cache(settings)
    with contextlib.suppress(RedisError):
        await cache.exists("asked-at-the-start")
    return cache


def create_cache(settings: CacheSettings) -> Cache:
    """A client; it connects when it is first used."""
    return Cache(
        host=settings.host,
        port=settings.port,
        username=settings.user or None,
        password=settings.password.get_secret_value(),
        ssl=settings.tls,
        ssl_check_hostname=settings.tls,
        # Of one step of the client's; execute_command bounds a command with all of its steps.
        socket_timeout=FIRST_SECONDS,
        socket_connect_timeout=FIRST_SECONDS,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
