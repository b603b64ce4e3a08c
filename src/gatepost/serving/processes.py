"""Runs the service in one uvicorn process, in several, or in one that reloads."""

import signal
import socket
import sys
import time
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from gatepost.observability.sharing import forget_process, shared_metrics
from gatepost.serving.graceful import stop_accepting
from gatepost.serving.limited_http import LimitedHttpProtocol
from gatepost.serving.uvicorn_parts import (
    ChangeReload,
    Multiprocess,
    close_pipes_of_children,
    has_failed_to_start,
)
from gatepost.settings import CoreSettings

APPLICATION = "gatepost.asgi:app"

_SECONDS_TO_END = 10
_SECONDS_TO_ANSWER_A_PING = 60
_POLL_SECONDS = 0.05


def run_processes(
    listener: socket.socket, settings: CoreSettings, environ: MutableMapping[str, str]
) -> bool:
    """Serve until SIGTERM or Ctrl+C, and then exit 0; False if the service could not start.

    `environ` is the environment of this process, which several processes inherit.
    """
    workers = settings.stores.workers
    config = _configure(settings, workers=workers)
    # uvicorn ends requests in peace, then hands the signal on to this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if workers > 1:
        with shared_metrics(environ) as folder:
            return _run_several(config, listener, folder, settings.service.shutdown_delay_seconds)
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return server.started


def run_reloading(listener: socket.socket, settings: CoreSettings) -> None:
    """Serve until SIGTERM or Ctrl+C; restart whenever the package's code changes."""
    config = _configure(
        settings,
        reload=True,
        reload_dirs=[str(Path(__file__).parents[1])],
    )
    server = uvicorn.Server(config)
    ChangeReload(config, target=server.run, sockets=[listener]).run()


def _run_several(
    config: uvicorn.Config, listener: socket.socket, metrics: Path | None, drain_seconds: float
) -> bool:
    supervisor = _Supervisor(config, [listener], metrics, drain_seconds)
    supervisor.run()
    return not has_failed_to_start(supervisor)


class _Supervisor(Multiprocess):
    """uvicorn's supervisor; it also clears away what ended processes leave behind."""

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        metrics: Path | None,
        seconds: float,
    ) -> None:
        """Take the folder of the shared metrics, and how long each process drains."""
        super().__init__(config, sockets)
        self._seconds = seconds
        self._metrics = metrics
        self._pids: set[int] = set()

    def keep_subprocess_alive(self) -> None:
        close_pipes_of_children(self)
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
            time.sleep(_POLL_SECONDS)
        # A new connection would wait at a socket that no process reads.
        for each in self.sockets:
            stop_accepting(each)
            each.close()


def _configure(settings: CoreSettings, **options: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own options
    strict_transport_security = settings.protection.strict_transport_security
    defaults: dict[str, Any] = {
        "http": partial(LimitedHttpProtocol, strict_transport_security=strict_transport_security),
        "lifespan": "on",
        "access_log": False,
        "log_config": None,  # `observability.logs` configures logging
        # TRUSTED_PROXIES decides whether a client's X-Forwarded-For counts.
        "proxy_headers": False,
        "server_header": False,
        "ws": "none",
        "timeout_graceful_shutdown": _SECONDS_TO_END,
        "timeout_keep_alive": settings.service.keep_alive_seconds,
        # On a busy machine a worker may take long to start, and must not be killed for it.
        "timeout_worker_healthcheck": _SECONDS_TO_ANSWER_A_PING,
    }
    return uvicorn.Config(APPLICATION, **(defaults | options))
