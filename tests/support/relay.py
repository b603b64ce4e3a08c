"""A stretch of network between a service and its server, which can go dead without a word."""

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from sqlalchemy import make_url

from tests.support import patience

_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


class Relay:
    """Hands on what comes at a port of its own, in a thread of its own, for as long as the block.

    A connection that is cut stays open, and carries nothing until its end here is closed.
    """

    def __init__(self, url: str) -> None:
        self._server_url = make_url(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_cut = asyncio.Event()
        self._is_mended = asyncio.Event()
        self._is_mended.set()
        self._port = 0

    @property
    def url(self) -> str:
        """The same database, by way of this relay."""
        through = self._server_url.set(host="127.0.0.1", port=self._port, query={})
        return through.render_as_string(hide_password=False)

    def cut(self) -> None:
        """Let nothing more through on any connection that is open; new ones are as ever."""
        self._do(self._cut())

    def cut_for_all(self) -> None:
        """Let nothing more through, on new connections neither, until it is mended."""
        self._loop.call_soon_threadsafe(self._is_mended.clear)
        self.cut()

    def mend(self) -> None:
        """Let new connections through; those that were cut or tried meanwhile are closed."""
        self._do(self._mend())

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Awaitable[None]) -> None:
        async def do() -> None:
            await work

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(patience.SECONDS)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._is_cut.set()
        self._is_cut = asyncio.Event()

    async def _mend(self) -> None:
        await self._cancel_all()
        self._is_mended.set()

    async def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stop(self) -> None:
        self._server.close()
        await self._cancel_all()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_mended.is_set():
            self._start(_keep_silent(writer))
            return
        is_cut = self._is_cut
        try:
            there, back = await self._connect()
        except OSError:
            writer.close()
            return
        self._start(_hand_on(reader, back, is_cut))
        self._start(_hand_on(there, writer, is_cut))

    def _start(self, carrying: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(carrying)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = self._server_url
        if socket := url.query.get("unix_socket"):
            return await asyncio.open_unix_connection(str(socket))
        host, port = str(url.host or url.query.get("host", "localhost")), url.port
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port or 5432}")
        return await asyncio.open_connection(host, port or _PORTS[url.get_backend_name()])


async def _keep_silent(sink: asyncio.StreamWriter) -> None:
    try:
        await asyncio.Event().wait()  # for ever
    finally:
        sink.close()


async def _hand_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_cut: asyncio.Event
) -> None:
    try:
        with suppress(OSError):
            while piece := await source.read(65_536):
                if is_cut.is_set():
                    await asyncio.Event().wait()  # for ever
                sink.write(piece)
                await sink.drain()
            if is_cut.is_set():
                await asyncio.Event().wait()
    finally:
        sink.close()
