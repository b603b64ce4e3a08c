"""Which runtime answers a request: that of the application that it has come to last."""

from starlette.types import Scope

from gatepost.runtime import Runtime

_KEPT_AS = "gatepost.runtime"


def bind_runtime(scope: Scope) -> Runtime | None:
    """Let a request be its application's own, whatever others it has come through.

    Returns the application's runtime; None while that is not running.
    """
    runtime: Runtime | None = getattr(scope["app"].state, "gatepost", None)
    scope[_KEPT_AS] = runtime
    return runtime


def runtime_of(scope: Scope) -> Runtime:
    """The runtime that answers this request; the application is running."""
    runtime: Runtime = scope.get(_KEPT_AS) or scope["app"].state.gatepost
    return runtime
