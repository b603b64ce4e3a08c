"""Load by wrk, pinned to the load's core."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.support.errors import BenchError
from bench.support.http import HOST
from bench.support.processes import pinned

MOST_FAILURES = 0.01
_LUA = Path(__file__).parent.parent / "lua"
_GRACE_SECONDS = 60.0
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}

_PERCENTILE = re.compile(r"^ +(50|99)% +([\d.]+)(us|ms|s|m) *$", re.MULTILINE)
_TOTAL = re.compile(r"^ +(\d+) requests in ([\d.]+)(us|ms|s|m),", re.MULTILINE)
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_BROKEN = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted in one run."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failures: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def check(self) -> Self:
        """Return it, or raise `BenchError` if it measured failures rather than answers."""
        if not self.requests:
            raise BenchError("no request was answered")
        if self.failures > self.requests * MOST_FAILURES:
            raise BenchError(f"{self.failures} of {self.requests} requests failed")
        return self


def require_wrk() -> str:
    """Return wrk's version; raises `BenchError` that says how to get it."""
    if shutil.which("wrk") is None:
        raise BenchError(
            "The load is made by wrk, and there is none here: "
            "apt-get install wrk (Debian, Ubuntu), or see https://github.com/wg/wrk."
        )
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)  # noqa: S607
    return " ".join((said.stdout or said.stderr).split()[:2])


def read_output(text: str) -> Load:
    """Read what `wrk --latency` prints.

    Raises `BenchError` if it is something else.
    """
    total = _TOTAL.search(text)
    if total is None:
        raise BenchError(f"wrk said: {text.strip()[:300]}")
    percentiles = {name: float(n) * _UNITS[unit] for name, n, unit in _PERCENTILE.findall(text)}
    refused, broken = _REFUSED.search(text), _BROKEN.search(text)
    return Load(
        requests=int(total[1]),
        seconds=float(total[2]) * _UNITS[total[3]] / 1000,
        p50_ms=percentiles.get("50", 0.0),
        p99_ms=percentiles.get("99", 0.0),
        failures=int(refused[1] if refused else 0)
        + sum(map(int, broken.groups() if broken else ())),
    )


@dataclass(frozen=True, slots=True)
class Wrk:
    """A load that can be put on a server: which script, with what, over how many connections."""

    port: int
    script: str
    arguments: Sequence[str]
    connections: int
    core: int

    def run(self, seconds: int) -> Load:
        """Put it on for so long."""
        with self.running(seconds) as process:
            output, _ = process.communicate(timeout=seconds + _GRACE_SECONDS)
        return read_output(output)

    @contextmanager
    def running(self, seconds: int) -> Iterator[subprocess.Popen[str]]:
        """Put it on while the block runs, for so long at most."""
        options = ["--latency", "--threads=1", f"--connections={self.connections}"]
        script = [f"--duration={seconds}s", "--timeout=60s", f"--script={_LUA / self.script}"]
        url = f"http://{HOST}:{self.port}"
        command = ["wrk", *options, *script, url, "--", *self.arguments]
        process = subprocess.Popen(
            pinned(command, [self.core]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
