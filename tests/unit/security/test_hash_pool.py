"""Hashing has threads of its own, a lower priority and a bounded queue."""

import asyncio
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from gatepost.security.hash_pool import HashPool, ServerBusy, cores_each, owned_cores
from tests.support import patience

pytestmark = pytest.mark.anyio


KIB = 30_000
"""Less than the 32 MiB from which the allocator keeps nothing."""


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(patience.SECONDS):
        while not check():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


class Gate:
    """Work that begins, tells the loop so, and lasts until the gate is opened."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ran = 0
        self._loop = asyncio.get_running_loop()
        self._opened = threading.Event()

    def __call__(self) -> bool:
        self.ran += 1
        self._loop.call_soon_threadsafe(self.begun.set)
        return self._opened.wait(patience.SECONDS)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def narrow() -> Iterator[HashPool]:
    """One thread, and room for one that waits."""
    pool = HashPool(threads=1, queue_limit=1)
    yield pool
    pool.close()


async def test_work_runs_in_a_thread_of_the_pool(pool: HashPool) -> None:
    name = await pool.run(lambda: threading.current_thread().name)
    assert name.startswith("gatepost-hash")


async def test_what_work_raises_reaches_its_caller(pool: HashPool) -> None:
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    assert pool.running == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep little")
async def test_a_pool_that_rests_gives_back_the_memory_that_it_worked_in() -> None:
    pool = HashPool(threads=2, queue_limit=9, idle_seconds=0.05)
    hasher = PasswordHasher(time_cost=1, memory_cost=KIB, parallelism=1)
    try:
        before = resident_kib()
        # The first one's memory is the kernel's again at once: that of later ones is kept.
        for _ in range(3):
            await asyncio.gather(*(pool.run(partial(hasher.hash, "a password")) for _ in range(2)))
        await until(lambda: resident_kib() < before + KIB / 2)
    finally:
        pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a thread its own niceness")
async def test_the_threads_are_nicer_than_the_loop_by_ten(pool: HashPool) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await pool.run(niceness) == min(niceness() + 10, 19)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the cores a process owns")
async def test_a_pool_has_a_thread_for_each_core_it_owns() -> None:
    pool = HashPool(threads=0, queue_limit=0)
    assert 1 <= pool.threads == owned_cores() <= len(os.sched_getaffinity(0))
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")
@pytest.mark.parametrize(
    ("quota", "cores"),
    [("50000 100000", 1), ("100000 100000", 1), ("max 100000", None), ("", None), (None, None)],
)
def test_a_container_owns_no_more_cores_than_its_share_of_their_time(
    tmp_path: Path, quota: str | None, cores: int | None
) -> None:
    told = tmp_path / "cpu.max"
    if quota is not None:
        told.write_text(f"{quota}\n")
    assert owned_cores(told) == (cores or len(os.sched_getaffinity(0)))


def test_processes_share_the_cores_and_each_has_one_at_least() -> None:
    assert cores_each(1) == owned_cores()
    assert cores_each(owned_cores()) == cores_each(10_000) == 1


async def test_the_loop_goes_on_while_work_lasts(pool: HashPool) -> None:
    gate = Gate()
    work = asyncio.create_task(pool.run(gate))
    await gate.begun.wait()
    ticks = 0
    while ticks < 1000:
        await asyncio.sleep(0)
        ticks += 1
    assert not work.done()
    gate.open()
    assert await work


@pytest.mark.parametrize(("threads", "queue_limit"), [(1, 0), (1, 10), (2, 50), (3, 100)])
async def test_of_a_flood_exactly_the_overflow_is_refused(threads: int, queue_limit: int) -> None:
    pool, gate = HashPool(threads, queue_limit), Gate()
    flood = [asyncio.create_task(pool.run(gate)) for _ in range(200)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused_at_once = sum(task.done() for task in flood)
    gate.open()
    answers = await asyncio.gather(*flood, return_exceptions=True)
    pool.close()

    refused = [answer for answer in answers if isinstance(answer, ServerBusy)]
    assert len(refused) == refused_at_once == pool.refused == 200 - threads - queue_limit
    assert answers.count(True) == gate.ran == pool.begun == threads + queue_limit
    assert (pool.depth, pool.running) == (0, 0)


async def test_a_refusal_says_when_to_come_back(narrow: HashPool) -> None:
    gate = Gate()
    admitted = [asyncio.create_task(narrow.run(gate)) for _ in range(2)]
    await gate.begun.wait()
    with pytest.raises(ServerBusy) as refusal:
        await narrow.run(gate)
    gate.open()
    await asyncio.gather(*admitted)

    assert (refusal.value.status, refusal.value.code) == (503, "server_busy")
    assert 1 <= int(refusal.value.headers["Retry-After"]) <= 60


async def test_a_cancelled_caller_gives_up_its_place_and_its_work_never_runs(
    narrow: HashPool,
) -> None:
    gate, abandoned = Gate(), Gate()
    first = asyncio.create_task(narrow.run(gate))
    await gate.begun.wait()
    waiting = asyncio.create_task(narrow.run(abandoned))
    await asyncio.sleep(0)
    assert narrow.depth == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert narrow.depth == 0

    successor = asyncio.create_task(narrow.run(lambda: "served"))
    await asyncio.sleep(0)
    gate.open()
    assert await first
    assert await successor == "served"
    assert abandoned.ran == 0


async def test_work_in_hand_keeps_its_place_when_its_caller_goes(narrow: HashPool) -> None:
    gate = Gate()
    caller = asyncio.create_task(narrow.run(gate))
    await gate.begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert narrow.running == 1
    gate.open()
    assert await narrow.run(lambda: "served") == "served"
    assert narrow.running == 0


async def test_a_crowd_of_cancelled_callers_leaves_the_pool_whole(narrow: HashPool) -> None:
    gate = Gate()
    first = asyncio.create_task(narrow.run(gate))
    await gate.begun.wait()
    for _ in range(200):
        waiting = asyncio.create_task(narrow.run(gate))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    gate.open()
    assert await first
    assert [await narrow.run(lambda: 1) for _ in range(3)] == [1, 1, 1]
    assert (narrow.depth, narrow.running, narrow.refused, gate.ran) == (0, 0, 0, 1)


async def test_depth_and_waiting_can_be_observed(narrow: HashPool) -> None:
    gate = Gate()
    tasks = [asyncio.create_task(narrow.run(gate)) for _ in range(2)]
    await gate.begun.wait()
    assert (narrow.depth, narrow.running, narrow.begun) == (1, 1, 1)
    waited_before = narrow.seconds_waited
    gate.open()
    await asyncio.gather(*tasks)
    assert (narrow.depth, narrow.running, narrow.begun) == (0, 0, 2)
    assert narrow.seconds_waited > waited_before


def double(number: int) -> int:
    return 2 * number


def test_several_event_loops_share_a_pool() -> None:
    pool = HashPool(threads=2, queue_limit=1000)
    results: list[list[int]] = []

    async def double_all(numbers: range) -> list[int]:
        return await asyncio.gather(*(pool.run(partial(double, number)) for number in numbers))

    def live(numbers: range) -> None:
        results.append(asyncio.run(double_all(numbers)))

    shares = [range(start, start + 100) for start in (0, 1000, 2000)]
    loops = [threading.Thread(target=live, args=[share]) for share in shares]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    pool.close()
    assert sorted(results) == [[double(number) for number in share] for share in shares]


async def test_closing_waits_for_work_in_hand_and_refuses_what_waits(narrow: HashPool) -> None:
    gate, left_over = Gate(), Gate()
    in_hand = asyncio.create_task(narrow.run(gate))
    await gate.begun.wait()
    waiting = asyncio.create_task(narrow.run(left_over))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(narrow.close))
    while not narrow.closed:  # noqa: ASYNC110 - close() blocks, so it cannot tell the loop
        await asyncio.sleep(0)
    assert not closing.done()
    gate.open()
    await closing
    assert await in_hand
    with pytest.raises(ServerBusy):
        await waiting
    assert left_over.ran == 0


async def test_a_closed_pool_refuses(narrow: HashPool) -> None:
    narrow.close()
    narrow.close()
    with pytest.raises(ServerBusy):
        await narrow.run(lambda: None)
