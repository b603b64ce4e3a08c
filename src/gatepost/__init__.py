"""Authentication for Python teams: a service of its own, or part of your FastAPI application."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# The public face is loaded at first use, so that `gatepost.client` stays light in a resource
# server. Type checkers read the imports below; the architecture tests allow them here only.
if TYPE_CHECKING:
    from gatepost.app import create_app
    from gatepost.configuration import Settings
    from gatepost.embedding import (
        CurrentPrincipal,
        CurrentUser,
        Gatepost,
        OptionalPrincipal,
        OptionalUser,
        install,
        require_role,
    )
    from gatepost.errors import Problem
    from gatepost.features.accounts.schemas import User
    from gatepost.features.callers.principal import Principal
    from gatepost.hooks import HookEvent, Hooks
    from gatepost.settings import SettingsError

__all__ = [
    "CurrentPrincipal",
    "CurrentUser",
    "Gatepost",
    "HookEvent",
    "Hooks",
    "OptionalPrincipal",
    "OptionalUser",
    "Principal",
    "Problem",
    "Settings",
    "SettingsError",
    "User",
    "create_app",
    "install",
    "require_role",
]

_HOMES = {
    "CurrentPrincipal": ("gatepost.embedding", "CurrentPrincipal"),
    "CurrentUser": ("gatepost.embedding", "CurrentUser"),
    "Gatepost": ("gatepost.embedding", "Gatepost"),
    "HookEvent": ("gatepost.hooks", "HookEvent"),
    "Hooks": ("gatepost.hooks", "Hooks"),
    "OptionalPrincipal": ("gatepost.embedding", "OptionalPrincipal"),
    "OptionalUser": ("gatepost.embedding", "OptionalUser"),
    "Principal": ("gatepost.features.callers.principal", "Principal"),
    "Problem": ("gatepost.errors", "Problem"),
    "Settings": ("gatepost.configuration", "Settings"),
    "SettingsError": ("gatepost.settings", "SettingsError"),
    "User": ("gatepost.features.accounts.schemas", "User"),
    "create_app": ("gatepost.app", "create_app"),
    "install": ("gatepost.embedding", "install"),
    "require_role": ("gatepost.embedding", "require_role"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes are of any type
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
