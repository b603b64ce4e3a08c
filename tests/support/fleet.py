"""The servers of one test run: started side by side, known to every process of the run."""

import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from tests.support.servers import MissingServerError, Server, ServerKind, start_server

# What xdist can carry from the controlling process to a worker.
Wire = tuple[dict[str, str], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Servers by kind, and for a kind that has none the reason."""

    servers: dict[str, Server] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def start(self, kinds: Iterable[ServerKind]) -> None:
        """Start these kinds at once, and return when each answers or is known to be missing.

        Raises `UnreachableServerError` if one that was named by its URL does not answer.
        """
        self.servers["sqlite"] = Server("", sqlite3.sqlite_version, "in process")
        with ThreadPoolExecutor() as threads:
            list(threads.map(self._start, kinds))

    def _start(self, kind: ServerKind) -> None:
        try:
            self.servers[kind] = start_server(kind)
        except MissingServerError as error:
            self.missing[kind] = str(error)

    def stop(self) -> None:
        """Stop those that are ours."""
        while self.servers:
            self.servers.popitem()[1].stop()

    def to_wire(self) -> Wire:
        """Return what a worker needs to know."""
        return {kind: server.url for kind, server in self.servers.items()}, dict(self.missing)

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        """Return a worker's view: it knows the URLs, and stops nothing."""
        urls, missing = wire
        return cls({kind: Server(url, "", "") for kind, url in urls.items()}, missing)
