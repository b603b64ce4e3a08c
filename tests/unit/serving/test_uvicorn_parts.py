"""What is used of uvicorn's private parts is there; a version without it fails here first."""

import inspect
import re

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from uvicorn.supervisors.multiprocess import Process

from tests.support.source import Module, offences

PROTOCOL = ("cycle", "pipeline", "url", "headers", "client", "server_state", "transport", "loop")
CALLBACKS = ("on_message_begin", "on_headers_complete", "on_body", "on_message_complete")
CYCLE = (
    "keep_alive",
    "response_started",
    "response_complete",
    "disconnected",
    "flow",
    "access_log",
    "scope",
    "more_body",
    "default_headers",
    "waiting_for_100_continue",
    "message_event",
    "on_response",
    "transport",
)


def attributes_set_by(kind: type) -> set[str]:
    return set(re.findall(r"self\.(\w+)(?:: [^=\n]+)? = ", inspect.getsource(kind)))


@pytest.mark.parametrize("name", PROTOCOL)
def test_a_connection_has_this(name: str) -> None:
    assert name in attributes_set_by(HttpToolsProtocol)


@pytest.mark.parametrize("name", [*CALLBACKS, "_start_asgi_task", "send_400_response"])
def test_a_connection_does_this(name: str) -> None:
    assert callable(getattr(HttpToolsProtocol, name))


@pytest.mark.parametrize("name", CYCLE)
def test_a_request_has_this(name: str) -> None:
    assert name in attributes_set_by(RequestResponseCycle)


def test_a_server_has_its_connections_and_the_headers_of_every_response() -> None:
    state = ServerState()
    assert (state.connections, state.default_headers) == (set(), [])
    assert "servers" in inspect.getsource(uvicorn.Server)


def test_a_supervised_process_has_its_end_of_the_pipe() -> None:
    assert "child_conn" in inspect.getsource(Process.__init__)
    assert isinstance(Process.exitcode, property)


def test_nothing_else_imports_them() -> None:
    def private(module: Module) -> set[str]:
        return {name for name in module.imported if name.startswith(("uvicorn.pro", "uvicorn.sup"))}

    assert not offences(private, but=("serving.uvicorn_parts",))
