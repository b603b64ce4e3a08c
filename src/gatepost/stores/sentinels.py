"""A Redis that sentinels watch over: which server it is, they say at each new connection."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from gatepost.settings.redis_url import Watched
from gatepost.stores.redis_parts import connection_options


class _Pool(SentinelConnectionPool):
    """Keeps no connection to the sentinels, who are asked seldom."""

    def __init__(
        self, watched: Watched, ask: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        super().__init__(watched.service, None, **options)  # type: ignore[no-untyped-call] # it has no types
        self._sentinels = watched.sentinels
        self._ask = ask

    async def get_master_address(self) -> tuple[str, int]:
        """Whom the first sentinel that answers names; who was connected to another lets go."""
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


def open_watched(watched: Watched, patience: float, options: Mapping[str, Any]) -> Redis:
    """A client of the primary; `options` are those of a connection to it.

    All sentinels together may take so many seconds as anybody waits for Redis, so that the last one
    is asked though the others are gone.
    """
    of_server = {
        "db": watched.database,
        "username": watched.username,
        "password": watched.password,
        "ssl": watched.is_encrypted,
    }
    seconds = patience / (len(watched.sentinels) + 1)
    ask = {
        "username": watched.sentinel_username,
        "password": watched.sentinel_password,
        "ssl": watched.is_encrypted,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
        **connection_options(),
    }
    return Redis.from_pool(_Pool(watched, ask, {**options, **of_server}))
