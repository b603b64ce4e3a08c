"""A temporary folder for one server, gone with it however the tests end."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 180.0
STOP_SECONDS = 120.0

# The watchdog reads a pipe whose other end only the tests' process has. However that process ends,
# the pipe closes: the program last named goes, with its process group, and then the folder.
WATCHDOG = """
group=
while read -r word; do
  [ "$word" != finished ] || exit
  group=$word
done
if [ -n "$group" ]; then
  kill -s QUIT -- "-$group"; sleep 1; kill -s KILL -- "-$group"
fi
rm -rf "$1"
"""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a server runs as where the tests run as root."""

    name: str
    user_id: int
    group_id: int


class Lair:
    """A temporary folder for one server, with a watchdog that outlives us if need be."""

    def __init__(self) -> None:
        # Sockets' paths are limited to about a hundred characters: the folder's name is short.
        self.path = Path(tempfile.mkdtemp(prefix="gp-"))
        self._last: tuple[Sequence[str], Account | None] = ((), None)
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def run(self, command: Sequence[str], account: Account | None = None) -> None:
        """Run a preparing program to its end; `OSError` has its last words."""
        with self.launch(command, account) as process:
            try:
                status = process.wait(START_SECONDS)
            finally:
                process.kill()
        self._tell("")
        if status:
            raise OSError(self.last_words())

    def launch(
        self, command: Sequence[str], account: Account | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own: Ctrl-C in the terminal is for the tests."""
        self._last = (command, account)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
                user=account.user_id if account else None,
                group=account.group_id if account else None,
                extra_groups=[] if account else None,
            )
        self._tell(str(process.pid))
        return process

    def launch_again(self) -> subprocess.Popen[bytes]:
        """Start the program last launched once more, on what it has left here."""
        return self.launch(*self._last)

    def last_words(self) -> str:
        """Return the end of what the last program said."""
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])

    def leave(self) -> None:
        """Send the watchdog away, and delete the folder."""
        self._watchdog.communicate("finished\n", timeout=STOP_SECONDS)
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.path / "log"

    def _tell(self, word: str) -> None:
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.write(f"{word}\n")
        self._watchdog.stdin.flush()


@dataclass(slots=True)
class Daemon:
    """A server process of ours, in its lair."""

    process: subprocess.Popen[bytes]
    lair: Lair
    stop_signal: signal.Signals = signal.SIGKILL

    def stop(self) -> None:
        """End the process by its id, at the latest after `STOP_SECONDS`, and delete its folder."""
        self._end(self.stop_signal)
        self.lair.leave()

    def pause(self) -> None:
        """End the process as an operator does, nothing committed is lost, and keep its folder."""
        self._end(signal.SIGINT if self.stop_signal == signal.SIGQUIT else signal.SIGTERM)

    def resume(self) -> None:
        """Start it again where it was; it does not answer yet."""
        self.process = self.lair.launch_again()

    def _end(self, with_signal: signal.Signals) -> None:
        self.process.send_signal(with_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _environment() -> dict[str, str]:
    """The programs' own surroundings: nothing of PGDATA, MYSQL_HOME or a locale that they lack."""
    return {"PATH": search_path(), "LC_ALL": "C", "HOME": "/"}


def search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
