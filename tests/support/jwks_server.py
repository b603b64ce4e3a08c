"""A real HTTP server on loopback that publishes keys, and counts who asks."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gatepost.security import tokens
from gatepost.security.tokens import Key
from tests.support import patience


class JwksServer:
    """Answers as it was last told to; `requests` holds the paths asked for."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.status = 200
        self.body = b""
        self.headers: Mapping[str, str] = {}
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/.well-known/jwks.json"

    def publish(self, *keys: Key | Mapping[str, Any]) -> None:
        """Answer with these keys, or entries, from now on."""
        entries = [tokens.public_jwk(key) if isinstance(key, Key) else key for key in keys]
        self.status, self.headers = 200, {}
        self.body = json.dumps({"keys": entries}).encode()

    def fail(self) -> None:
        """Answer 500 from now on."""
        self.status, self.body = 500, b"{}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every answer back for as long as the block lasts."""
        self.asked.clear()
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                server.asked.set()
                server.open.wait(patience.SECONDS)
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - ditto
                pass

        return Handler

    @contextmanager
    def serving(self) -> Iterator["JwksServer"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.open.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()
