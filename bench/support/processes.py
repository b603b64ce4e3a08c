"""Processes of the bench's own: pinned to cores, watched through /proc, gone when the bench is."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.support.errors import BenchError

STOP_SECONDS = 15.0
SETTLE_SECONDS = 60.0
_QUIET_SECONDS = 0.15
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where, and with which variables beside PATH and HOME."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]

    def surroundings(self) -> dict[str, str]:
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**own, "LC_ALL": "C.UTF-8", **self.environment}


def pinned(arguments: Sequence[str], cores: Iterable[int]) -> list[str]:
    """Run it on these cores alone; it is killed should the bench die without a farewell."""
    listed = ",".join(map(str, sorted(cores)))
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", listed, *arguments]


def run(command: Command, seconds: float, cores: Iterable[int]) -> str:
    """Run a program to its end and return what it printed; `BenchError` has its last words."""
    process = subprocess.Popen(
        pinned(command.arguments, cores),
        cwd=command.folder,
        env=command.surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{command.arguments[0]} took more than {seconds:.0f} s") from None
    finally:
        _kill_group(process)
    if process.returncode:
        last = " / ".join((errors or output).strip().splitlines()[-3:])
        raise BenchError(f"{Path(command.arguments[0]).name} failed: {last}")
    return output


class Process:
    """A server in a process group of its own, which may be several processes."""

    def __init__(self, command: Command, cores: Iterable[int], log: Path) -> None:
        """Start it; what it prints goes to the log."""
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                pinned(command.arguments, cores),
                cwd=command.folder,
                env=command.surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Raise `BenchError` with its last words if it has ended."""
        if self._process.poll() is not None:
            words = self.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise BenchError(f"the server ended: {' / '.join(words)}"[:500])

    def pids(self) -> list[int]:
        """Return the group's processes that are alive, ours first."""
        return sorted(_members(self._process.pid))

    def resident_bytes(self) -> list[int]:
        """Return the resident memory of each process, the largest first."""
        return sorted((_resident_bytes(pid) for pid in self.pids()), reverse=True)

    def settle(self) -> None:
        """Wait until it computes nothing: what is left of a load must not weigh on the next."""
        deadline = time.monotonic() + SETTLE_SECONDS
        before = self._cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_SECONDS)
            after = self._cpu_seconds()
            if after - before <= _TICK:
                return
            before = after
        raise BenchError("the server did not come to rest")

    def stop(self) -> None:
        """End the group: asked first, killed if that does not help."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        _kill_group(self._process)

    def kill(self) -> None:
        """End the group at once."""
        _kill_group(self._process)

    def _cpu_seconds(self) -> float:
        return sum(_cpu_seconds(pid) for pid in self.pids())


def _kill_group(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children_of(pid: int) -> list[int]:
    """Return the processes that this one has started."""
    return [other for other, fields in _processes() if int(fields[1]) == pid]


def _members(group: int) -> list[int]:
    return [pid for pid, fields in _processes() if int(fields[2]) == group and fields[0] != "Z"]


def _processes() -> Iterable[tuple[int, list[str]]]:
    """Every process with what follows its name in /proc: state, parent, group and so on."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            yield int(entry.name), fields


def _stat(pid: int) -> list[str]:
    try:
        # The name in its parentheses may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK if fields else 0.0


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
