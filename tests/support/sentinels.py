"""Servers that sentinels watch over, as one test starts and kills them."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import valkey

from tests.support import patience
from tests.support.redis_process import find_program

PASSWORD = "s3cret/with:odd@signs"
SENTINEL_PASSWORD = "another=secret&"
SERVICE = "ours"


class Watch:
    """A primary, a replica and a sentinel, on ports that nobody else had; gone with the block.

    These speak to each other by ports alone, and what is free may be taken a moment later: then
    another is tried.
    """

    def __init__(self) -> None:
        self._program = str(find_program())
        self._folder = Path(tempfile.mkdtemp(prefix="gp-"))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.primary = self.replica = self.sentinel = 0

    def __enter__(self) -> Self:
        try:
            self.primary = self._start_server()
            self.replica = self._start_server("--replicaof", f"127.0.0.1 {self.primary}")
            self.sentinel = self._start(self._sentinel_command)
            until(self._is_replicated)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def kill_primary(self) -> None:
        self._kill(self.primary)

    def _end(self) -> None:
        for port in list(self._processes):
            self._kill(port)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self, port: int) -> None:
        process = self._processes.pop(port)
        process.kill()
        process.wait()

    def _start_server(self, *options: str) -> int:
        passwords = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
        return self._start(
            lambda port: ["--port", str(port), "--save", "", *passwords, *options], PASSWORD
        )

    def _sentinel_command(self, port: int) -> list[str]:
        file = self._folder / f"{port}.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\nrequirepass {SENTINEL_PASSWORD}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary} 1\n"
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"\n'
            f"sentinel down-after-milliseconds {SERVICE} 500\n",
            encoding="utf-8",
        )
        return [str(file), "--sentinel"]

    def _start(self, command: Callable[[int], list[str]], password: str = SENTINEL_PASSWORD) -> int:
        give_up_at = time.monotonic() + patience.SECONDS
        while time.monotonic() < give_up_at:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port: int = free.getsockname()[1]
            process = subprocess.Popen(
                [self._program, *command(port)],
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._processes[port] = process
            while process.poll() is None and time.monotonic() < give_up_at:
                with contextlib.suppress(valkey.RedisError), _ask(port, password) as client:
                    client.ping()
                    return port
                time.sleep(0.02)
            self._kill(port)
        raise TimeoutError

    def _is_replicated(self) -> bool:
        """Whether the sentinel knows the replica, and that as one that may take over."""
        with _ask(self.sentinel, SENTINEL_PASSWORD) as client:
            replicas: list[dict[str, Any]] = client.sentinel_slaves(SERVICE)
        with _ask(self.replica, PASSWORD) as client:
            is_linked = client.info("replication")["master_link_status"] == "up"
        return is_linked and any(each.get("master-link-status") == "ok" for each in replicas)


def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + patience.SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, "it never was so"
        time.sleep(0.05)


def _ask(port: int, password: str) -> valkey.Valkey:
    return valkey.Valkey(host="127.0.0.1", port=port, password=password, decode_responses=True)
