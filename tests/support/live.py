"""The service behind a real server, on a loopback port that the system chose, in its own thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from tests.support import patience


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve `app` until the block ends; gives its base URL."""
    config = uvicorn.Config(
        app, log_config=None, lifespan="on", proxy_headers=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(patience.SECONDS)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    for _ in range(patience.SECONDS * 100):
        if server.started:
            return
        thread.join(0.01)
        if not thread.is_alive():
            break
    raise RuntimeError("the server did not start")
