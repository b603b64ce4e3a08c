"""For resource servers: verify Gatepost's access tokens, without the rest of Gatepost.

A `TokenVerifier` is made once, and is a FastAPI dependency: `Annotated[Claims, Depends(verifier)]`.
`examples/resource_server` is a whole application around one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Loaded at first use: the service reads tokens by `gatepost.client.jwt`, and needs no HTTP client.
if TYPE_CHECKING:
    from gatepost.client.cookies import DropQuotedCookies
    from gatepost.client.jwks import KeysUnavailable
    from gatepost.client.jwt import InvalidToken, UnknownKey
    from gatepost.client.verifier import Claims, TokenVerifier

__all__ = [
    "Claims",
    "DropQuotedCookies",
    "InvalidToken",
    "KeysUnavailable",
    "TokenVerifier",
    "UnknownKey",
]

_HOMES = {
    "Claims": "gatepost.client.verifier",
    "DropQuotedCookies": "gatepost.client.cookies",
    "InvalidToken": "gatepost.client.jwt",
    "KeysUnavailable": "gatepost.client.jwks",
    "TokenVerifier": "gatepost.client.verifier",
    "UnknownKey": "gatepost.client.jwt",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes are of any type
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
