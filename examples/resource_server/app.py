"""An API of your own that takes Gatepost's access tokens: `python examples/resource_server/app.py`.

Environment:
  JWKS_URL    where Gatepost publishes its keys (ALGORITHM=RS256, PS256, ES256 or EdDSA);
              by default that of the Gatepost which `make run` serves
  SECRET_KEY  Gatepost's own SECRET_KEY instead, where it signs with HS256 (its default)
  ISSUER      Gatepost's ISSUER, by default http://127.0.0.1:8000
  AUDIENCE    Gatepost's AUDIENCE, by default gatepost
  PORT        where to serve this API, by default 8001
"""

import os
from collections.abc import Mapping
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI

from gatepost.client import Claims, TokenVerifier


def create_app(verifier: TokenVerifier) -> FastAPI:
    """Make the API: one route for everybody who is logged in, one for admins."""
    app = FastAPI(title="Orders")

    @app.get("/orders")
    async def list_orders(claims: Annotated[Claims, Depends(verifier)]) -> dict[str, object]:
        return {"orders_of": claims.user_id, "role": claims.role}

    @app.delete("/orders", dependencies=[Depends(verifier.require_role("admin"))])
    async def delete_orders() -> dict[str, str]:
        return {"message": "All orders deleted"}

    return app


def verifier_from(environ: Mapping[str, str]) -> TokenVerifier:
    """Verify by the shared secret if there is one, else by the published keys."""
    issuer = environ.get("ISSUER", "http://127.0.0.1:8000")
    audience = environ.get("AUDIENCE", "gatepost")
    if secret := environ.get("SECRET_KEY"):
        return TokenVerifier(issuer=issuer, audience=audience, secret=secret)
    jwks_url = environ.get("JWKS_URL", "http://127.0.0.1:8000/.well-known/jwks.json")
    return TokenVerifier(issuer=issuer, audience=audience, jwks_url=jwks_url)


if __name__ == "__main__":
    uvicorn.run(create_app(verifier_from(os.environ)), port=int(os.environ.get("PORT", "8001")))
