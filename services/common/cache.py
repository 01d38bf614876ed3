"""The cache: a Redis in cluster mode. Keys carry hash tags, so that those that belong together stay together."""

from __future__ import annotations

from redis.asyncio.cluster import RedisCluster

from services.common.settings import CacheSettings


def create_cache(settings: CacheSettings) -> RedisCluster:
    """A client; it connects when it is first used. It fails fast: the cache must never be what a request waits for."""
    return RedisCluster(
        host=settings.host,
        port=settings.port,
        password=settings.password.get_secret_value(),
        ssl=settings.tls,
        ssl_check_hostname=settings.tls,
        socket_timeout=1,
        socket_connect_timeout=1,
        decode_responses=True,
    )
