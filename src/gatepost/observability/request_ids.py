"""Which request is being answered, for whoever writes a line to the log meanwhile."""

from contextvars import ContextVar, Token

_current: ContextVar[str | None] = ContextVar("gatepost_request_id", default=None)


def current_request_id() -> str | None:
    """The id of the request that this task answers; None outside of any."""
    return _current.get()


def bind_request_id(request_id: str) -> Token[str | None]:
    """Let lines of this task, and of those that it starts, bear the id; returns what unbinds it."""
    return _current.set(request_id)


def unbind_request_id(bound: Token[str | None]) -> None:
    """End what `bind_request_id` began."""
    _current.reset(bound)
