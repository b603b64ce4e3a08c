"""Connects to a Redis behind sentinels, which name the primary for each new connection."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from gatepost.settings.redis_url import SentinelUrl
from gatepost.stores.redis_parts import connection_options


class _Pool(SentinelConnectionPool):
    """A pool that keeps no connections to the sentinels, which are rarely asked."""

    def __init__(
        self, sentinel_url: SentinelUrl, ask: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        super().__init__(sentinel_url.service, None, **options)  # type: ignore[no-untyped-call] # it has no types
        self._sentinels = sentinel_url.sentinels
        self._ask = ask

    async def get_master_address(self) -> tuple[str, int]:
        """The primary's address by the first sentinel that answers.

        If it has changed, idle connections to the former primary are closed.
        """
        sentinels = Sentinel(self._sentinels, sentinel_kwargs=self._ask)  # type: ignore[no-untyped-call] # as above
        try:
            address: tuple[str, int] = await sentinels.discover_master(self.service_name)
        finally:
            for client in sentinels.sentinels:
                await client.aclose()
        if address != self.master_address:
            self.master_address = address
            await self.disconnect(inuse_connections=False)
        return address


def open_sentinel_client(
    sentinel_url: SentinelUrl, patience: float, options: Mapping[str, Any]
) -> Redis:
    """A client of the primary; `options` are those of its connections.

    The time-out of each sentinel is a part of `patience`, so that the last one is still asked in
    time if the others are down.
    """
    of_server = {
        "db": sentinel_url.database,
        "username": sentinel_url.username,
        "password": sentinel_url.password,
        "ssl": sentinel_url.is_encrypted,
    }
    seconds = patience / (len(sentinel_url.sentinels) + 1)
    ask = {
        "username": sentinel_url.sentinel_username,
        "password": sentinel_url.sentinel_password,
        "ssl": sentinel_url.is_encrypted,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
        **connection_options(),
    }
    return Redis.from_pool(_Pool(sentinel_url, ask, {**options, **of_server}))
