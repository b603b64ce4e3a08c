"""Publishes the public keys, so that resource servers can verify access tokens themselves."""

from typing import Any

from fastapi import APIRouter, Response

from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.schemas import KeySet
from gatepost.web.dependencies import RequestWork
from gatepost.web.routing import BoundedRoute

# Not strict: caches and probes may append any query parameters.
router = APIRouter(tags=["keys"], route_class=BoundedRoute)


@router.get("/.well-known/jwks.json")
async def key_set(work: RequestWork, response: Response) -> KeySet:
    """The JSON Web Key Set (RFC 7517). Empty while tokens are signed with a shared secret."""
    response.headers["Cache-Control"] = "public, max-age=300"
    keys: list[dict[str, Any]] = await signing_keys.public_keys(work)
    return KeySet(keys=keys)
