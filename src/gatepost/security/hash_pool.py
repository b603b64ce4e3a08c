"""A thread pool for password hashing, so that logins do not slow down other requests."""

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
_IDLE_SECONDS = 1.0
_BARRIER_SECONDS = 0.05

T = TypeVar("T")


class ServerBusy(Problem):
    """The queue of passwords that wait to be hashed is full."""

    status = 503
    code = "server_busy"
    title = "The server is busy, try again in a moment"
    when = "More passwords are waiting to be hashed than the service will hold in line."
    remedy = "Send the request again after `Retry-After` seconds."


class HashPool:
    """Runs slow work that releases the GIL in threads of lower scheduling priority.

    One thread per core uses the whole machine, the priority lets the event loop run first, and the
    bounded queue keeps the wait short: when it is full, a caller is refused at once. Callers on
    several event loops may share a pool.
    """

    def __init__(self, threads: int, queue_limit: int, idle_seconds: float = _IDLE_SECONDS) -> None:
        """Start `threads` (0: one per owned core); at most `queue_limit` jobs wait for one.

        After `idle_seconds` without a job, the threads return their freed memory to the system.
        """
        self.threads = threads or owned_cores()
        self.queue_limit = queue_limit
        self._idle_seconds = idle_seconds
        self._trim_due_at = 0.0
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
        """Jobs that have a thread, including those of cancelled callers."""
        return self._running

    @property
    def begun(self) -> int:
        """The number of jobs that a thread has started."""
        return self._begun

    @property
    def seconds_waited(self) -> float:
        """The seconds that all begun jobs waited for a thread; the mean is this / `begun`."""
        return self._seconds_waited

    @property
    def refused(self) -> int:
        """The number of jobs refused because the queue was full or the pool was closed."""
        return self._refused

    @property
    def closed(self) -> bool:
        """Whether the pool takes no more work."""
        return self._closed

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in a thread of the pool, or raise what it raises.

        Raises `ServerBusy` at once when the queue is full or the pool is closed. A cancelled caller
        leaves the queue; its work never runs if it has not begun. The caller must not hold a
        transaction.
        """
        expect_no_transaction("the hash pool")
        try:
            return await asyncio.wrap_future(self._submit(work))
        finally:
            self._schedule_trim()

    def close(self) -> None:
        """Refuse waiting and new jobs, and return when the running ones are done."""
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
        future.add_done_callback(self._leave_queue_if_cancelled)
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

    def _leave_queue_if_cancelled(self, future: Future[T]) -> None:
        # A future can be cancelled only before a thread has taken it.
        if future.cancelled():
            with self._lock:
                self._waiting -= 1

    def _schedule_trim(self) -> None:
        """Check after `idle_seconds` whether the pool is idle, unless a check is due already."""
        if time.monotonic() < self._trim_due_at:
            return
        self._trim_due_at = time.monotonic() + self._idle_seconds
        asyncio.get_running_loop().call_later(self._idle_seconds, self._trim_if_idle, self._begun)

    def _trim_if_idle(self, begun: int) -> None:
        """Trim the threads' heaps if no job has begun since `begun` was counted."""
        self._trim_due_at = 0.0
        with self._lock:
            if self._closed:
                return
            is_idle = self._begun == begun and not self._waiting and not self._running
            if is_idle:
                barrier = threading.Barrier(self.threads)
                for _ in range(self.threads):
                    self._executor.submit(_trim_own_heap, barrier)
        if not is_idle:
            self._schedule_trim()

    def _busy(self) -> ServerBusy:
        self._refused += 1
        backlog = (self._waiting + self._running) * self._usual_seconds / self.threads
        seconds = min(max(math.ceil(backlog), 1), _LONGEST_RETRY)
        return ServerBusy(headers={"Retry-After": str(seconds)})


def owned_cores(quota: Path = CPU_QUOTA) -> int:
    """Return how many cores this process may use, which can be fewer than the machine has.

    `quota` is the file with a container's share of CPU time (`cpu.max` of cgroup v2).
    """
    if sys.platform != "linux":
        return os.cpu_count() or 1
    return min(len(os.sched_getaffinity(0)), _cores_of_quota(quota))


def cores_each(processes: int) -> int:
    """Return the owned cores divided by `processes`, at least one."""
    return max(1, owned_cores() // processes)


def _cores_of_quota(quota: Path) -> int:
    """The cores that a quota of CPU time amounts to, rounded up."""
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return max(1, math.ceil(int(share) / int(period)))
    except (OSError, ValueError):  # no file, or no limit (`max`)
        return sys.maxsize


def _lower_priority() -> None:
    """Raise this thread's niceness by ten: Linux has one per thread."""
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    # A sandbox may forbid it. The pool then hashes at the event loop's priority.
    with contextlib.suppress(OSError):
        niceness = min(os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS, _LOWEST_PRIORITY)
        os.setpriority(os.PRIO_PROCESS, thread, niceness)


def _trim_own_heap(barrier: threading.Barrier) -> None:
    """Trim this thread's heap, then wait for the other threads, so that no thread does it twice."""
    trim_thread_heap()
    # A thread may have taken a job meanwhile, and the others do not wait for it.
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(_BARRIER_SECONDS)
