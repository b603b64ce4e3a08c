"""Clients who ask and ask over real connections, and every answer that they get."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.support import patience

PASSING = {"database_unavailable", "store_unavailable"}
"""Refusals of a service whose database is away; that may be its store too."""

Act = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def open_client(url: str, connections: int = 100) -> httpx.AsyncClient:
    """A client that nothing in the environment leads elsewhere."""
    limits = httpx.Limits(max_connections=connections)
    return httpx.AsyncClient(base_url=url, limits=limits, timeout=patience.SECONDS, trust_env=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to one act, or None if the connection broke."""

    act: str
    status: int | None
    code: str | None
    retry_after: str | None
    seconds: float

    @property
    def is_as_asked(self) -> bool:
        """Whether it was done, or refused for now in the one way that is promised."""
        if self.status == 503:
            return self.code in PASSING and int(self.retry_after or 0) > 0
        return self.status in {200, 201}


@dataclass(slots=True)
class Load:
    """So many clients who do one act after the other, with a breath between."""

    client: httpx.AsyncClient
    acts: Sequence[Act]
    clients: int = 8
    pause_seconds: float = 0.01
    answers: list[Answer] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int | None]:
        return Counter(answer.status for answer in self.answers)

    @property
    def slowest(self) -> float:
        return max(answer.seconds for answer in self.answers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask until the block ends; what is under way then is still answered."""
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.clients):
                tasks.create_task(self._ask(number, is_over))
            try:
                yield
            finally:
                is_over.set()

    async def answered(self, count: int, status: int | None = None) -> None:
        """Wait until so many more have been answered, in this way if one is named."""
        begin = len(self.answers)
        async with asyncio.timeout(patience.SECONDS):
            while self._count(begin, status) < count:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    def _count(self, begin: int, status: int | None) -> int:
        news = self.answers[begin:]
        return sum(status in {None, answer.status} for answer in news)

    async def _ask(self, number: int, is_over: asyncio.Event) -> None:
        for act in itertools.islice(itertools.cycle(self.acts), number, None):
            if is_over.is_set():
                return
            self.answers.append(await self._do(act))
            await asyncio.sleep(self.pause_seconds)

    async def _do(self, act: Act) -> Answer:
        began = time.monotonic()
        name = getattr(act, "__name__", "act")
        try:
            answer = await act(self.client)
        except httpx.TransportError:
            return Answer(name, None, None, None, time.monotonic() - began)
        seconds = time.monotonic() - began
        code = answer.json().get("code") if answer.status_code >= 400 else None
        return Answer(name, answer.status_code, code, answer.headers.get("retry-after"), seconds)


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so, looking now and then."""
    async with asyncio.timeout(patience.SECONDS):
        while not await check():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
