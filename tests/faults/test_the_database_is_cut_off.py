"""A database that is silent, as behind a broken network, costs requests a 503 and hangs none."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL, make_url

from tests.support.databases import Databases, Kind
from tests.support.load import open_client, until
from tests.support.processes import events_of, gatepost_on, serving, sign_up_over
from tests.support.servers import MissingServerError, start_own_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.faults,
    pytest.mark.databases("postgresql", "mariadb"),
]

SOCKETS: dict[Kind, str] = {"postgresql": ".s.PGSQL.5432", "mariadb": "socket"}


class Line:
    """What lies between service and database: cut, it takes everything and gives nothing."""

    def __init__(self, there: Path) -> None:
        self._there = there
        self._is_whole = asyncio.Event()
        self._is_whole.set()
        self._ends: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self._is_whole.clear()

    def mend(self) -> None:
        """Let new connections through; those that were cut are lost."""
        for end in self._ends:
            end.close()
        self._is_whole.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        await self._is_whole.wait()
        reader_there, writer_there = await asyncio.open_unix_connection(self._there)
        self._ends.add(writer_there)
        await asyncio.gather(self._copy(reader, writer_there), self._copy(reader_there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._is_whole.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the other end is gone
        finally:
            writer.close()


@pytest.fixture
def server(database_kind: Kind) -> Iterator[tuple[URL, Path]]:
    """A database on a server that no other test has, and the server's socket."""
    assert database_kind != "sqlite"
    try:
        own = start_own_server(database_kind)
    except MissingServerError as error:
        pytest.skip(str(error))
    assert own.daemon is not None
    try:
        url = make_url(Databases().make(database_kind, own.url))
        yield url, own.daemon.lair.path / SOCKETS[database_kind]
    finally:
        own.stop()


@asynccontextmanager
async def line_to(socket: Path) -> AsyncIterator[tuple[Line, Path]]:
    """A line to a server's socket, and the socket at its other end."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has to be short
        line, here = Line(socket), Path(folder) / socket.name
        async with await asyncio.start_unix_server(line.carry, here):
            yield line, here


def url_by(url: URL, socket: Path) -> str:
    """The same database by another socket."""
    if url.get_backend_name() == "postgresql":
        moved = url.update_query_dict({"host": str(socket.parent)})
    else:
        moved = url.update_query_dict({"unix_socket": str(socket)})
    return moved.render_as_string(hide_password=False)


async def test_a_silent_database_hangs_no_request_and_is_found_again(
    server: tuple[URL, Path], tmp_path: Path
) -> None:
    url, socket = server
    async with line_to(socket) as (line, here):
        gatepost = gatepost_on(
            url_by(url, here),
            tmp_path,
            DATABASE_POOL_SIZE="2",
            # Long for a machine that is busy, and short beside what the client waits.
            DATABASE_POOL_TIMEOUT_SECONDS="6",
            DATABASE_STATEMENT_TIMEOUT_SECONDS="6",
            SESSION_CACHE_SECONDS="0",
        )
        with ExitStack() as held:
            # Elsewhere: who waits here keeps the line from carrying.
            process, address = await asyncio.to_thread(held.enter_context, serving(gatepost))
            async with open_client(address) as client:
                client.headers.update(await sign_up_over(client))
                await asyncio.gather(*(client.get("/users/me") for _ in range(4)))
                line.cut()
                # On connections that were open, and then on new ones.
                for _ in range(2):
                    answers = await asyncio.gather(*(client.get("/users/me") for _ in range(4)))
                    assert {each.status_code for each in answers} == {503}
                assert (await client.get("/health/live")).status_code == 200
                line.mend()
                await until(lambda: is_answered(client))
            events = await asyncio.to_thread(events_of, process)
    assert any(event["event"] == "database.unavailable" for event in events)


async def is_answered(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/users/me")
    assert answer.status_code in {200, 503}
    return answer.status_code == 200
