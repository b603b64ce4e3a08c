"""Runs uvicorn on a socket that is ours before anything else is done."""

import errno
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import typer
import uvicorn
from uvicorn.supervisors import ChangeReload, Multiprocess

import gatepost
from gatepost.cli.output import REFUSED, fail
from gatepost.cli.stories.bounded_http import BoundedHttp
from gatepost.draining import let_nobody_queue
from gatepost.observability.sharing import forget_process, shared_metrics
from gatepost.settings import Settings

APPLICATION = "gatepost.asgi:app"

_SECONDS_TO_END = 10
_SECONDS_TO_PROVE_ALIVE = 60
_BACKLOG = 2048
_LOOK_AGAIN_SECONDS = 0.05

# uvicorn's word for a process that failed before it served.
_STARTUP_FAILURE = 3

_REASONS = {
    errno.EADDRINUSE: "another program listens there. Stop it, or choose another --port",
    errno.EACCES: "this user may not. Choose a --port above 1023",
    errno.EADDRNOTAVAIL: "this machine does not have that address. Choose another --host",
}


def listen(host: str, port: int) -> socket.socket:
    """Take the port; one that is taken is told in a line, with exit status 1."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once: of two that have bound it only one can listen.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0, "there is no such address. Choose another --host")
        fail(f"Cannot listen on {_join(host, port)}: {reason}.")
    listener.set_inheritable(True)
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL at which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    return f"http://{_join(reachable, port)}"


def run_processes(listener: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl+C, then exit 0; a service that cannot start exits 1."""
    workers = settings.workers
    config = _configure(settings, workers=workers)
    # uvicorn ends requests in peace, then hands the signal on to this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if workers > 1:
        started = _run_several(config, listener, settings.shutdown_delay_seconds)
    else:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        started = server.started
    if not started:
        raise typer.Exit(REFUSED)


def _run_several(config: uvicorn.Config, listener: socket.socket, drain_seconds: float) -> bool:
    with shared_metrics(os.environ) as folder:
        supervisor = _Supervisor(config, [listener], folder, drain_seconds)
        supervisor.run()
    return not any(each.exitcode == _STARTUP_FAILURE for each in supervisor.processes)


class _Supervisor(Multiprocess):
    """uvicorn's own, with what it leaves behind cleared away."""

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        metrics: Path | None,
        seconds: float,
    ) -> None:
        """Take where the processes count together, and how long each of them drains."""
        super().__init__(config, sockets)
        self._seconds = seconds
        self._metrics = metrics
        self._pids: set[int] = set()

    def keep_subprocess_alive(self) -> None:
        for each in self.processes:
            # The worker's end is the worker's alone: then the pipe breaks with it, and one that
            # dies while it is asked whether it lives is not waited for.
            each.child_conn.close()
        super().keep_subprocess_alive()
        alive = {each.pid for each in self.processes if each.pid is not None}
        if self._metrics is not None:
            for pid in self._pids - alive:
                forget_process(self._metrics, pid)
        self._pids = alive

    def terminate_all(self) -> None:
        super().terminate_all()
        give_up_at = time.monotonic() + self._seconds
        while time.monotonic() < give_up_at and any(p.process.is_alive() for p in self.processes):
            time.sleep(_LOOK_AGAIN_SECONDS)
        # Whoever connects from now on would wait at a socket that nobody reads.
        for each in self.sockets:
            let_nobody_queue(each)
            each.close()


def run_reloading(listener: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl+C; whenever the package's code changes, anew."""
    config = _configure(
        settings,
        reload=True,
        reload_dirs=[str(Path(gatepost.__file__).parent)],
    )
    server = uvicorn.Server(config)
    ChangeReload(config, target=server.run, sockets=[listener]).run()


def _configure(settings: Settings, **options: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own options
    strict_transport_security = settings.strict_transport_security
    defaults: dict[str, Any] = {
        "http": partial(BoundedHttp, strict_transport_security=strict_transport_security),
        "lifespan": "on",
        "access_log": False,
        "log_config": None,  # `observability.logs` has seen to it
        # A client's word on its own address is judged by TRUSTED_PROXIES.
        "proxy_headers": False,
        "server_header": False,
        "ws": "none",
        "timeout_graceful_shutdown": _SECONDS_TO_END,
        "timeout_keep_alive": settings.keep_alive_seconds,
        # On a busy machine a worker is a while in starting, and is not to be killed for it.
        "timeout_worker_healthcheck": _SECONDS_TO_PROVE_ALIVE,
    }
    return uvicorn.Config(APPLICATION, **(defaults | options))


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
