"""Adds up the metrics of several processes, through files in a shared folder.

prometheus-client reads the folder's name when it is imported, so it has to be set before the
processes start.
"""

import logging
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from gatepost.files.temporary import temporary_folder

log = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_NOT_SHARED = (
    "There is no folder for temporary files, so /metrics has only the metrics of the process that "
    "answers: set TMPDIR to a folder that this process may write to."
)


@contextmanager
def shared_metrics(environ: MutableMapping[str, str]) -> Iterator[Path | None]:
    """Share the metrics of processes that are started in this block, with this environment.

    Yields the folder. If none can be made, logs a warning and yields None: the metrics of each
    process are then its own.
    """
    with temporary_folder("gatepost-metrics-") as folder:
        if folder is None:
            log.warning("metrics.not_shared", extra={"note": _NOT_SHARED})
            yield None
            return
        environ[VARIABLE] = str(folder)
        try:
            yield folder
        finally:
            del environ[VARIABLE]


class EveryProcess(MultiProcessCollector):
    """Adds up the metrics of all processes.

    It skips the files of a process that is just starting: they are empty for a moment, and
    prometheus-client would fail to read them.
    """

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call] # it has no types

    def collect(self) -> Iterable[Metric]:
        files = [str(path) for path in Path(self._path).glob("*.db") if _is_begun(path)]
        metrics: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call] # as above
        return metrics


def _is_begun(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # the process has ended, and its file was removed meanwhile
        return False


def forget_process(folder: Path, pid: int) -> None:
    """Remove the gauges of a process that has ended; its counters stay."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call] # it has no types
