"""Lets several processes count together: a folder in which each has files of its own.

prometheus-client looks for the folder when it is imported: it has to be named before the processes
that count are started.
"""

import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """Processes that are started in this block, with this environment, count together."""
    with tempfile.TemporaryDirectory(prefix="gatepost-metrics-") as folder:
        environ[VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            del environ[VARIABLE]


def forget_process(folder: Path, pid: int) -> None:
    """Take what a process that has ended had at the moment out of the sums; its counts stay."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call] # it has no types
