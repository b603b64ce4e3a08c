"""Ends a worker process whose supervisor has ended, even where that was killed outright."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

log = logging.getLogger(__name__)

_SECONDS_TO_END = 15.0
"""How long an orphaned process may take to end, once it has drained."""

_POLL_SECONDS = 1.0

_LOADED_BY = os.getpid(), os.getppid()


def end_with_parent(seconds: float) -> None:
    """Send this process SIGTERM when the supervisor that started it has ended.

    `seconds` is how long the process may drain after that. Nothing happens in a process that no
    supervisor started. Call it when the process serves.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = partial(_follow, parent.join, seconds)
    elif "gunicorn.arbiter" in sys.modules:
        watch = partial(_follow, partial(_wait_for_other_parent, _first_parent()), seconds)
    else:
        return
    threading.Thread(target=watch, name="gatepost-parent", daemon=True).start()


def _follow(wait: Callable[[], object], seconds: float) -> None:
    wait()
    log.warning("service.orphaned")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(seconds + _SECONDS_TO_END)
    os._exit(1)


def _first_parent() -> int:
    """The process that started this one, even if it ended while this one was starting."""
    process, parent = _LOADED_BY
    return parent if process == os.getpid() else os.getppid()  # loaded before the fork


def _wait_for_other_parent(parent: int) -> None:
    """Wait until this process has another parent."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
