"""How busy the machine is with something else, read from /proc/stat while the bench rests."""

import time
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.5
_IDLE, _IOWAIT = 3, 4


@dataclass(frozen=True, slots=True)
class Ticks:
    """Processor time since the machine was started, in ticks: all of it, and the busy part.

    Time that the hypervisor gave to another machine ("steal") counts as busy.
    """

    total: int
    busy: int

    def busy_share_since(self, before: "Ticks") -> float:
        """Return the busy share of all cores since then, from 0 to 1."""
        total = self.total - before.total
        return (self.busy - before.busy) / total if total else 0.0


def read_ticks(stat: str) -> Ticks:
    """Read the first line of /proc/stat; time of guests is part of user time there."""
    ticks = [int(field) for field in stat.split("\n", 1)[0].split()[1:9]]
    total = sum(ticks)
    return Ticks(total, total - ticks[_IDLE] - ticks[_IOWAIT])


def busy_share(seconds: float = _LOOK_SECONDS) -> float:
    """Return the share of all cores that is busy, from 0 to 1; takes half a second."""
    before = _now()
    time.sleep(seconds)
    return _now().busy_share_since(before)


def _now() -> Ticks:
    return read_ticks(Path("/proc/stat").read_text())
