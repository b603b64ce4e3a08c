"""Runs the command in this process, where that is enough, or as a process of its own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from gatepost.cli.commands import app
from tests.support import patience
from tests.support.environ import environ_left_alone
from tests.support.logs import logging_left_alone

COMMAND = (sys.executable, "-m", "gatepost")


@dataclass(frozen=True, slots=True)
class Gatepost:
    """The command in a folder and an environment."""

    folder: Path
    environ: Mapping[str, str]

    def having(self, **more: str) -> "Gatepost":
        """The same with other settings."""
        return replace(self, environ={**self.environ, **more})

    def run(self, *words: str, typed: str | None = None) -> Result:
        """Run it in this process, without a terminal."""
        with environ_left_alone(), logging_left_alone():
            result = CliRunner().invoke(app, list(words), input=typed, env=dict(self.environ))
        unexpected = result.exception
        if unexpected is not None and not isinstance(unexpected, SystemExit):
            raise unexpected
        assert "Traceback" not in result.output
        return result

    def done(self, *words: str, typed: str | None = None) -> str:
        """Run it, see that it did what it was told, and return what it printed."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str, typed: str | None = None) -> Any:
        """The same for what prints JSON: nothing else is on standard output."""
        return json.loads(self.done(*words, "--json", typed=typed))

    def refused(self, *words: str, status: int = 1, typed: str | None = None) -> str:
        """Run it, see that it refused with this status, and return why."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        return result.stderr

    def process_environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **self.environ}

    def run_process(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it as a process, without a terminal, to its end."""
        return subprocess.run(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.process_environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience.SECONDS,
            check=False,
        )

    @contextlib.contextmanager
    def start(self, *words: str, command: tuple[str, ...] = COMMAND) -> Iterator["Process"]:
        """Start it as a process, and end it and its own by their group, whatever happens."""
        with subprocess.Popen(
            [*command, *words],
            cwd=self.folder,
            env=self.process_environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as popen:
            process = Process(popen)
            try:
                yield process
            finally:
                # Its workers too: they would go on, and hold the pipe that it printed to.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(popen.pid, signal.SIGKILL)
                process.read_to_the_end()


class Process:
    """A process and all that it prints."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen
        self._printed = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed this; a process that ends without is an error."""
        with self._news:
            found = self._news.wait_for(
                lambda: re.search(pattern, self._printed) or self.popen.poll() is not None,
                patience.SECONDS,
            )
            match = re.search(pattern, self._printed)
        assert found, self._printed
        assert match, self._printed
        return match

    def terminate(self) -> tuple[int, str]:
        """Ask it to stop; returns its exit status and all that it printed."""
        self.popen.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Wait until it ends by itself; the same."""
        status = self.popen.wait(patience.SECONDS)
        self.read_to_the_end()
        return status, self._printed

    def read_to_the_end(self) -> None:
        """Let the reader finish: its pipe may not be closed under it."""
        self._reader.join(patience.SECONDS)

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._news:
                self._printed += line
                self._news.notify_all()
        self.popen.wait()
        with self._news:
            self._news.notify_all()
