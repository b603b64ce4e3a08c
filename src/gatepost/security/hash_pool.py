"""Threads of their own for password hashing, so that logins never slow down other requests."""

import asyncio
import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from gatepost.errors import Problem
from gatepost.holding import expect_no_transaction
from gatepost.security.freed_memory import trim_thread_heap

CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")

_NICENESS = 10
_LOWEST_PRIORITY = 19
_LONGEST_RETRY = 60
_SMOOTHING = 0.1
_REST_SECONDS = 1.0
_MEETING_SECONDS = 0.05

T = TypeVar("T")


class ServerBusy(Problem):
    """More passwords wait to be hashed than the server has promised to hash."""

    status = 503
    code = "server_busy"
    title = "The server is busy, try again in a moment"
    when = "More passwords are waiting to be hashed than the service will hold in line."
    remedy = "Send the request again after `Retry-After` seconds."


class HashPool:
    """Runs slow, GIL-releasing work beside the event loop, at a lower scheduling priority.

    One thread a core keeps the machine busy, the priority keeps the loop first, and the bounded
    queue keeps the wait short: past it a caller is refused at once. Callers of several event loops
    may share a pool.
    """

    def __init__(self, threads: int, queue_limit: int, rest_seconds: float = _REST_SECONDS) -> None:
        """Take `threads` (0: one for each core owned) and how many jobs may wait for one.

        After `rest_seconds` without a job the memory that jobs worked in is given back.
        """
        self.threads = threads or owned_cores()
        self.queue_limit = queue_limit
        self._rest_seconds = rest_seconds
        self._rest_ends_at = 0.0
        self._lock = threading.Lock()
        self._closed = False
        self._waiting = self._running = self._begun = self._refused = 0
        self._seconds_waited = 0.0
        self._usual_seconds = 0.0
        self._executor = ThreadPoolExecutor(
            self.threads, thread_name_prefix="gatepost-hash", initializer=_lower_priority
        )

    @property
    def depth(self) -> int:
        """Jobs that wait for a thread."""
        return self._waiting

    @property
    def running(self) -> int:
        """Jobs that have a thread, those included whose caller has gone."""
        return self._running

    @property
    def begun(self) -> int:
        """Jobs that were ever given a thread."""
        return self._begun

    @property
    def seconds_waited(self) -> float:
        """The time all begun jobs together waited for their thread: over `begun`, the mean."""
        return self._seconds_waited

    @property
    def refused(self) -> int:
        """Jobs that were ever refused because the queue was full or the pool closed."""
        return self._refused

    @property
    def closed(self) -> bool:
        """Whether the pool takes no more work."""
        return self._closed

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in a thread of the pool, or raise what it raises.

        Raises `ServerBusy` at once when the queue is full or the pool is closed. A caller that is
        cancelled gives up its place; work that has not begun then never runs. The caller holds no
        transaction.
        """
        expect_no_transaction("the hash pool")
        try:
            return await asyncio.wrap_future(self._submit(work))
        finally:
            self._rest()

    def close(self) -> None:
        """Refuse what waits and what comes, and return when the work in hand is done."""
        with self._lock:
            self._closed = True
        self._executor.shutdown(wait=True)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        queued_at = time.monotonic()
        with self._lock:
            if self._closed or self._waiting + self._running >= self.threads + self.queue_limit:
                raise self._busy()
            future = self._executor.submit(self._perform, work, queued_at)
            self._waiting += 1
        future.add_done_callback(self._give_up_place)
        return future

    def _perform(self, work: Callable[[], T], queued_at: float) -> T:
        begun_at = time.monotonic()
        with self._lock:
            self._waiting -= 1
            if self._closed:
                raise self._busy()
            self._running += 1
            self._begun += 1
            self._seconds_waited += begun_at - queued_at
        try:
            return work()
        finally:
            seconds = time.monotonic() - begun_at
            with self._lock:
                self._running -= 1
                usual = self._usual_seconds or seconds
                self._usual_seconds = usual + _SMOOTHING * (seconds - usual)

    def _give_up_place(self, future: Future[T]) -> None:
        # A future can be cancelled only before a thread has taken it.
        if future.cancelled():
            with self._lock:
                self._waiting -= 1

    def _rest(self) -> None:
        """Look again in a while whether there is nothing to do, unless that is to come already."""
        if time.monotonic() < self._rest_ends_at:
            return
        self._rest_ends_at = time.monotonic() + self._rest_seconds
        asyncio.get_running_loop().call_later(self._rest_seconds, self._wake, self._begun)

    def _wake(self, begun: int) -> None:
        """Give back the memory that jobs worked in, if there was none meanwhile."""
        self._rest_ends_at = 0.0
        with self._lock:
            if self._closed:
                return
            rested = self._begun == begun and not self._waiting and not self._running
            if rested:
                everybody = threading.Barrier(self.threads)
                for _ in range(self.threads):
                    self._executor.submit(_give_back_memory, everybody)
        if not rested:
            self._rest()

    def _busy(self) -> ServerBusy:
        self._refused += 1
        backlog = (self._waiting + self._running) * self._usual_seconds / self.threads
        seconds = min(max(math.ceil(backlog), 1), _LONGEST_RETRY)
        return ServerBusy(headers={"Retry-After": str(seconds)})


def owned_cores(quota: Path = CPU_QUOTA) -> int:
    """Return how many cores this process may keep busy, which can be fewer than the machine has.

    `quota` is where Linux tells a container its share of the processors' time (cgroup v2).
    """
    if sys.platform != "linux":
        return os.cpu_count() or 1
    return min(len(os.sched_getaffinity(0)), _most_by(quota))


def cores_each(processes: int) -> int:
    """Return how many of them each of so many processes owns, at least one."""
    return max(1, owned_cores() // processes)


def _most_by(quota: Path) -> int:
    """The cores that a share of the processors' time is worth, a part of one counting as one."""
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return max(1, math.ceil(int(share) / int(period)))
    except (OSError, ValueError):  # there is none, or it is `max`
        return sys.maxsize


def _lower_priority() -> None:
    """Be nicer by ten than the process, for this thread alone: threads have a niceness on Linux."""
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    # A sandbox may forbid it. The pool then hashes at the loop's priority, which is no failure.
    with contextlib.suppress(OSError):
        niceness = min(os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS, _LOWEST_PRIORITY)
        os.setpriority(os.PRIO_PROCESS, thread, niceness)


def _give_back_memory(everybody: threading.Barrier) -> None:
    """Each thread its own: who is done waits for the others, so that no thread does it twice."""
    trim_thread_heap()
    # One of them may have got a job meanwhile, which none is to wait for.
    with contextlib.suppress(threading.BrokenBarrierError):
        everybody.wait(_MEETING_SECONDS)
