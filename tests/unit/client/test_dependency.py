"""`Depends(verifier)` lets a caller in, or says in HTTP's words why not (RFC 6750)."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from gatepost.client import Claims, TokenVerifier
from gatepost.security import tokens
from tests.unit.client.conftest import SetClock
from tests.unit.client.forge import AUDIENCE, ISSUER, claims, key_of
from tests.unit.client.jwks_server import JwksServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(jwks: JwksServer, clock: SetClock) -> FastAPI:
    app = FastAPI()
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url=jwks.url, clock=clock)
    staff = verifier.require_role("moderator", "admin")

    @app.get("/me")
    async def read_me(claims: Annotated[Claims, Depends(verifier)]) -> int:
        return claims.user_id

    @app.get("/staff")
    def read_staff(claims: Annotated[Claims, Depends(staff)]) -> str:
        return claims.role

    @app.get("/both", dependencies=[Depends(staff)])
    def read_both(claims: Annotated[Claims, Depends(verifier)]) -> str:
        return claims.role

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client


def bearing(**changes: object) -> dict[str, str]:
    token = tokens.encode(tokens.ACCESS, claims(**changes), key_of("ES256"))
    return {"Authorization": f"Bearer {token}"}


async def test_a_good_token_lets_its_bearer_in(client: httpx.AsyncClient) -> None:
    answer = await client.get("/me", headers=bearing())
    assert (answer.status_code, answer.json()) == (200, 42)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}],
)
async def test_no_token_gets_a_challenge_and_no_error(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.get("/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["x", "a.b.c", "a b", "é", "x" * 9000])
async def test_a_bad_token_gets_the_error_that_rfc_6750_names(
    client: httpx.AsyncClient, token: str
) -> None:
    headers = [(b"Authorization", f"Bearer {token}".encode())]
    answer = await client.get("/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_of_two_headers_neither_is_believed(client: httpx.AsyncClient) -> None:
    good = bearing()["Authorization"]
    for other in (good, "Basic YTpi"):
        both = [("Authorization", good), ("Authorization", other)]
        answer = await client.get("/me", headers=both)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_the_answer_does_not_say_what_was_wrong(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/me", headers=bearing(**change))
        for change in ({"exp": 1}, {"iss": "other"}, {"aud": "other"}, {"sub": "bob"})
    ]
    assert len({(a.status_code, a.text, a.headers["WWW-Authenticate"]) for a in answers}) == 1


@pytest.mark.parametrize(("role", "status"), [("user", 403), ("moderator", 200), ("admin", 200)])
@pytest.mark.parametrize("path", ["/staff", "/both"])
async def test_only_the_roles_named_may_enter(
    client: httpx.AsyncClient, path: str, role: str, status: int
) -> None:
    answer = await client.get(path, headers=bearing(role=role))
    assert answer.status_code == status
    challenge = answer.headers.get("WWW-Authenticate")
    assert challenge == ('Bearer error="insufficient_scope"' if status == 403 else None)


async def test_a_role_is_of_no_use_without_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.get("/staff")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_without_keys_the_caller_is_asked_to_come_back(
    client: httpx.AsyncClient, jwks: JwksServer
) -> None:
    jwks.fail()
    answer = await client.get("/me", headers=bearing())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


async def test_the_routes_declare_the_bearer_scheme(app: FastAPI) -> None:
    document = app.openapi()
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["components"]["securitySchemes"] == {"Gatepost": scheme}
    for path in ("/me", "/staff", "/both"):
        assert {"Gatepost": []} in document["paths"][path]["get"]["security"]


def test_a_role_has_to_be_named() -> None:
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url="https://a.example/jwks")
    with pytest.raises(ValueError, match="role"):
        verifier.require_role()
