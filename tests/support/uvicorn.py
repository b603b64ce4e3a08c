"""A real server in a process of its own, on a port that the kernel chose."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support import patience


@contextmanager
def listening(
    application: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve `module:app` from a folder, with these variables and few others; gives its URL.

    The socket is made here and handed over, so that no other process can take the port between.
    """
    log = folder / "server.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "uvicorn", application, f"--fd={listener.fileno()}"]
        process = subprocess.Popen(
            [*command, "--no-proxy-headers", "--app-dir=."],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PUBLIC_URL": url, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        try:
            _wait_for(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(patience.SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + patience.SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            # The socket listens already, and holds what comes until the server is there.
            httpx.get(url, timeout=5, trust_env=False)
        except httpx.TransportError:
            continue
        return
    raise AssertionError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")
