"""How long does a token live on in other processes after a logout in one?"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.plan import Plan
from bench.subjects.gatepost import Gatepost
from bench.subjects.subject import EMAILS, Caller
from bench.support.errors import BenchError
from bench.support.http import HOST, Request
from bench.support.medians import median
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import START_SECONDS, Server
from bench.support.stage import Stage
from bench.support.tables import at_most, number
from tests.support.servers import MissingServerError, start_own_server

WORKERS = 4
PATIENCE_SECONDS = 10.0
_CONNECTIONS = 32
_STATUS = re.compile(rb"HTTP/1\.1 (\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TEXT = (
    "Four processes of `gatepost serve --workers 4` with one Redis, on all cores. A token that "
    "all four have just accepted is logged out through one of them; then each is asked with it, "
    "over and over. The time is that from the answer to the logout until the last of the four "
    "was sent a request that it refused."
)


async def _open(port: int) -> "Connection":
    reader, writer = await asyncio.open_connection(HOST, port)
    return Connection(reader, writer, port)


@dataclass(frozen=True, slots=True)
class Connection:
    """A kept-open connection, which one process serves from its first request to its last."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    port: int

    @property
    def own_port(self) -> int:
        return int(self.writer.get_extra_info("sockname")[1])

    async def ask(self, request: Request) -> int:
        """Send it and return the status that it is answered."""
        self.writer.write(request.raw(self.port))
        head = await self.reader.readuntil(b"\r\n\r\n")
        length, status = _LENGTH.search(head), _STATUS.match(head)
        if length is None or status is None:
            raise BenchError("an answer without a length")
        await self.reader.readexactly(int(length[1]))
        return int(status[1])


def ask(stage: Stage) -> Chapter:
    """Log out, and see who still lets in."""
    try:
        redis = start_own_server("redis")
    except MissingServerError as error:
        raise BenchError(str(error)) from error
    try:
        waits = _with_workers(stage, redis.url)
    finally:
        redis.stop()
    rows = [
        ("median", f"{number(median(waits))} ms"),
        ("longest", f"{number(max(waits))} ms"),
        ("logouts", str(len(waits))),
    ]
    what = "a logout known to all of four processes (the longest of all rounds)"
    return Chapter(
        name="revocation",
        title="Logout across processes",
        text=TEXT,
        columns=("", "from logout to the last refusal"),
        rows=rows,
        figures=[Figure(what, max(waits), at_most(100), "ms")],
        samples={"ms": {Gatepost.name: waits}},
    )


class _OfFour(Gatepost):
    name = "Gatepost with four processes"

    def __init__(self, redis_url: str) -> None:
        self.settings = {"REDIS_URL": redis_url, "WORKERS": str(WORKERS)}


def _with_workers(stage: Stage, redis_url: str) -> list[float]:
    server = stage.make_server(_OfFour(redis_url))
    try:
        server.start(stage.cores.everything)
        email = EMAILS[0]
        server.register(email)
        return asyncio.run(_measure(server, email, stage.plan.revocations))
    finally:
        server.stop()


async def _measure(server: Server, email: str, rounds: int) -> list[float]:
    connections = await _one_to_each(server, await asyncio.to_thread(server.log_in_as, email))
    waits = []
    for _ in range(rounds):
        caller = await asyncio.to_thread(server.log_in_as, email)
        waits.append(await _log_out(server, connections, caller))
    for connection in connections:
        connection.writer.close()
    return waits


async def _log_out(server: Server, connections: Sequence[Connection], caller: Caller) -> float:
    reading = server.subject.read_me(caller)
    for connection in connections:
        if await connection.ask(reading) != 200:
            raise BenchError("a fresh token was refused")
    leaving = Request("/api/v1/auth/logout", "POST", {**caller.headers, "Content-Length": "0"})
    if await connections[0].ask(leaving) != 200:
        raise BenchError("the logout was refused")
    ended = time.monotonic()
    refusals = await asyncio.gather(*(_until_refused(each, reading) for each in connections))
    return (max(refusals) - ended) * 1000


async def _until_refused(connection: Connection, reading: Request) -> float:
    """Ask until refused; returns when the request that was refused had been sent."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (sent := time.monotonic()) < deadline:
        if await connection.ask(reading) == 401:
            return sent
    raise BenchError(f"a token was accepted {PATIENCE_SECONDS:.0f} s after its logout")


async def _one_to_each(server: Server, caller: Caller) -> list[Connection]:
    """Return a connection to each process; they start one after the other."""
    chosen: dict[int, Connection] = {}
    deadline = time.monotonic() + START_SECONDS
    while len(chosen) < WORKERS:
        if time.monotonic() > deadline:
            raise BenchError(f"of {WORKERS} processes only {len(chosen)} took a connection")
        await _choose(server, caller, chosen)
    return list(chosen.values())


async def _choose(server: Server, caller: Caller, chosen: dict[int, Connection]) -> None:
    """Open many, as the system deals them out, and keep the first to each process."""
    port = server.site.port
    opened = [await _open(port) for _ in range(_CONNECTIONS)]
    for connection in opened:
        await connection.ask(server.subject.read_me(caller))
    owners = _owners(server.process.pids())
    for connection in opened:
        owner = owners.get((port, connection.own_port))
        if owner is None or owner in chosen:
            connection.writer.close()
        else:
            chosen[owner] = connection


def _owners(pids: Sequence[int]) -> Mapping[tuple[int, int], int]:
    """Which process has which connection: by the server's port and the client's."""
    by_inode = {inode: pid for pid in pids for inode in _socket_inodes(pid)}
    owners = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(address.split(":")[1], 16) for address in fields[1:3])
        if pid := by_inode.get(fields[9]):
            owners[local, remote] = pid
    return owners


def _socket_inodes(pid: int) -> list[str]:
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except OSError:
            continue
    return [link[8:-1] for link in links if link.startswith("socket:[")]


def _seconds(plan: Plan) -> float:
    return 5 + plan.revocations * 0.1


QUESTION = Question("logout across processes", ask, _seconds)
