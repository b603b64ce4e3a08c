"""`Depends(verifier)` lets a caller in, or says in HTTP's words why not (RFC 6750)."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket

from gatepost.client import Claims, TokenVerifier
from gatepost.security import tokens
from tests.support.asgi import open_websocket
from tests.support.jwks_server import JwksServer
from tests.unit.client.conftest import SetClock
from tests.unit.client.forge import AUDIENCE, ISSUER, claims, key_of

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

    @app.get("/anybody")
    async def read_anybody(
        claims: Annotated[Claims | None, Depends(verifier.optional)],
    ) -> int | None:
        return claims.user_id if claims else None

    add_websockets(app, verifier)
    sub = FastAPI()
    app.mount("/sub", sub)

    @sub.get("/me")
    async def read_me_in_sub(claims: Annotated[Claims, Depends(verifier)]) -> int:
        return claims.user_id

    @app.get("/both", dependencies=[Depends(staff)])
    def read_both(claims: Annotated[Claims, Depends(verifier)]) -> str:
        return claims.role

    return app


def add_websockets(app: FastAPI, verifier: TokenVerifier) -> None:
    staff = verifier.require_role("moderator", "admin")

    @app.websocket("/live")
    async def live(socket: WebSocket, claims: Annotated[Claims, Depends(verifier)]) -> None:
        await socket.accept()
        await socket.send_text(str(claims.user_id))

    @app.websocket("/staff/live")
    async def live_of_staff(socket: WebSocket, claims: Annotated[Claims, Depends(staff)]) -> None:
        await socket.accept()
        await socket.send_text(claims.role)

    @app.websocket("/late")
    async def late(socket: WebSocket) -> None:
        await socket.accept()
        await verifier(socket)


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


async def test_in_a_mounted_application_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sub/me", headers=bearing())).json() == 42
    answer = await client.get("/sub/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_an_optional_token_is_none_where_none_was_sent(client: httpx.AsyncClient) -> None:
    assert (await client.get("/anybody", headers=bearing())).json() == 42
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        assert (await client.get("/anybody", headers=headers)).json() is None
    for value in ("Bearer", "Bearer a.b.c", bearing(exp=1)["Authorization"]):
        answer = await client.get("/anybody", headers={"Authorization": value})
        assert answer.status_code == 401, value
    two = [("Authorization", "Basic YTpi"), ("Authorization", bearing()["Authorization"])]
    assert (await client.get("/anybody", headers=two)).status_code == 401


def field(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def test_a_websocket_is_let_in_by_its_token(app: FastAPI) -> None:
    said = await open_websocket(app, "/live", field(bearing()))
    assert said[1]["text"] == "42"
    said = await open_websocket(app, "/staff/live", field(bearing(role="admin")))
    assert said[1]["text"] == "admin"


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/live", {}, 401, 3000),
        ("/live", {"Authorization": "Bearer a.b.c"}, 401, 3000),
        ("/staff/live", bearing(role="user"), 403, 3003),
    ],
)
async def test_a_websocket_is_refused_or_closed(
    app: FastAPI, path: str, headers: dict[str, str], status: int, code: int
) -> None:
    said = await open_websocket(app, path, field(headers))
    assert (said[0]["type"], said[0]["status"]) == ("websocket.http.response.start", status)
    assert b"www-authenticate" in dict(said[0]["headers"])
    (closed,) = await open_websocket(app, path, field(headers), extensions=None)
    assert (closed["type"], closed["code"]) == ("websocket.close", code)


async def test_a_websocket_that_was_accepted_is_closed(app: FastAPI) -> None:
    _, closed = await open_websocket(app, "/late")
    assert (closed["type"], closed["code"]) == ("websocket.close", 3000)


async def test_other_schemes_bring_a_token_where_they_are_named(
    jwks: JwksServer, clock: SetClock
) -> None:
    app = FastAPI()
    verifier = TokenVerifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_url=jwks.url,
        clock=clock,
        schemes=("Token", "JWT", "token"),
    )

    @app.get("/me")
    async def read_me(claims: Annotated[Claims, Depends(verifier)]) -> int:
        return claims.user_id

    @app.get("/staff", dependencies=[Depends(verifier.require_role("admin"))])
    async def read_staff() -> None:
        pass

    token = bearing()["Authorization"].removeprefix("Bearer ")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        for value, path, status, challenge in (
            (f"Token {token}", "/me", 200, None),
            (f"jwt {token}", "/me", 200, None),
            (f"Bearer {token}", "/me", 401, "Token, JWT"),
            ("Token a", "/me", 401, 'Token error="invalid_token", JWT error="invalid_token"'),
            (
                f"Token {token}",
                "/staff",
                403,
                'Token error="insufficient_scope", JWT error="insufficient_scope"',
            ),
        ):
            answer = await client.get(path, headers={"Authorization": value})
            assert answer.status_code == status
            assert answer.headers.get("WWW-Authenticate") == challenge


@pytest.mark.parametrize("schemes", [(), ("",), ("Bea rer",), ("Basic",), ("Bearer", "dpop")])
def test_schemes_of_other_credentials_are_refused(schemes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="scheme"):
        TokenVerifier(issuer=ISSUER, audience=AUDIENCE, secret="s" * 32, schemes=schemes)


def test_a_role_has_to_be_named() -> None:
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url="https://a.example/jwks")
    with pytest.raises(ValueError, match="role"):
        verifier.require_role()
