"""For resource servers: verify Gatepost's access tokens, without the rest of Gatepost.

A `TokenVerifier` is made once, and is a FastAPI dependency: `Annotated[Claims, Depends(verifier)]`.
`examples/resource_server` is a whole application around one.
"""

from gatepost.client.jwks import KeysUnavailable
from gatepost.client.jwt import InvalidToken, UnknownKey
from gatepost.client.verifier import Claims, TokenVerifier

__all__ = ["Claims", "InvalidToken", "KeysUnavailable", "TokenVerifier", "UnknownKey"]
