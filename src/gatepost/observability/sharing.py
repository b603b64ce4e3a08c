"""Lets several processes count together: a folder in which each has files of its own.

prometheus-client looks for the folder when it is imported: it has to be named before the processes
that count are started.
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
    "There is no folder for temporary files, so /metrics tells of the one process that answers: "
    "set TMPDIR to a folder that this process may write to."
)


@contextmanager
def shared_metrics(environ: MutableMapping[str, str]) -> Iterator[Path | None]:
    """Processes that are started in this block, with this environment, count together.

    Each for itself, which is told, where no folder can be made: then None.
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
    """Adds up what all processes have counted, one included that is only just starting.

    Its files are empty for a moment, which the reader of prometheus-client takes for broken ones.
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
    except FileNotFoundError:  # of a process that has been forgotten meanwhile
        return False


def forget_process(folder: Path, pid: int) -> None:
    """Take what a process that has ended had at the moment out of the sums; its counts stay."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call] # it has no types
