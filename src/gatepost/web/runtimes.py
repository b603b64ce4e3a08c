"""Binds a request to the runtime of the innermost application that it has reached."""

from starlette.types import Scope

from gatepost.runtime import Runtime

_KEPT_AS = "gatepost.runtime"


def bind_runtime(scope: Scope) -> Runtime | None:
    """Bind a request to its application's runtime, also if it came through other applications.

    Returns the runtime; None while the application is not running.
    """
    runtime: Runtime | None = getattr(scope["app"].state, "gatepost", None)
    scope[_KEPT_AS] = runtime
    return runtime


def runtime_of(scope: Scope) -> Runtime:
    """The runtime that a request is bound to. The application must be running."""
    runtime: Runtime = scope.get(_KEPT_AS) or scope["app"].state.gatepost
    return runtime
