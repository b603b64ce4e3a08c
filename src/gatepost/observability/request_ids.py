"""The id of the request that is being answered, for log lines."""

from contextvars import ContextVar, Token

_current: ContextVar[str | None] = ContextVar("gatepost_request_id", default=None)


def current_request_id() -> str | None:
    """The id of the request that this task answers; None outside of a request."""
    return _current.get()


def bind_request_id(request_id: str) -> Token[str | None]:
    """Add the id to log lines of this task and its subtasks; returns a token to unbind it."""
    return _current.set(request_id)


def unbind_request_id(bound: Token[str | None]) -> None:
    """Undo `bind_request_id`, which returned the token."""
    _current.reset(bound)
