"""Processes end with the one that started them, even if it is killed and can tell nobody."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support import patience
from tests.support.command import COMMAND
from tests.support.processes import gatepost_on

pytestmark = pytest.mark.faults

UVICORN = (sys.executable, "-m", "uvicorn", "gatepost.asgi:app")
PORT = r"http://127\.0\.0\.1:(\d+)"


def is_listening(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(patience.SECONDS)
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("command", "words", "served"),
    [
        (COMMAND, ("serve", "--workers", "2"), 2),
        (COMMAND, ("dev",), 1),
        (UVICORN, ("--workers", "2"), 2),
    ],
    ids=["serve", "dev", "uvicorn"],
)
def test_nobody_holds_the_port_when_the_parent_is_killed(
    tmp_path: Path, command: tuple[str, ...], words: tuple[str, ...], served: int
) -> None:
    gatepost = gatepost_on(f"sqlite:///{tmp_path}/test.db", tmp_path, LOG_FORMAT="json")
    with gatepost.start(*words, "--port", "0", command=command) as process:
        port = int(process.wait_for(PORT)[1])
        process.wait_for(r"(?s)" + ".*".join([r"Application startup complete"] * served))
        assert is_listening(port)
        os.kill(process.popen.pid, signal.SIGKILL)
        deadline = time.monotonic() + patience.SECONDS
        while is_listening(port):
            assert time.monotonic() < deadline, "a worker still listens"
            time.sleep(0.05)
        # It ends when nobody holds the pipe any more that they print to.
        _, printed = process.end()
    assert printed.count("service.orphaned") == served
    assert "Traceback" not in printed
