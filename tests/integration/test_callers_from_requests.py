"""Nothing that a client sends says who is calling, whatever a host's route asks for by mistake."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, Optional, TypeVar

import httpx
import pydantic
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Form, Query, WebSocket, routing
from pydantic import (
    BaseModel,
    ConfigDict,
    Json,
    RootModel,
    SkipValidation,
    TypeAdapter,
    ValidationError,
)
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from typing_extensions import TypedDict

from gatepost import (
    CurrentPrincipal,
    CurrentUser,
    OptionalPrincipal,
    OptionalUser,
    Principal,
    User,
    install,
)
from gatepost.client import Claims
from tests.support.asgi import open_websocket
from tests.support.hosts import ADA, running, settings_for
from tests.support.service import PASSWORD, bearer

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FORGED_PRINCIPAL = {
    "user_id": 1,
    "session_id": 1,
    "role": "admin",
    "method": "password",
    "auth_time": NOON.isoformat(),
}
FORGED_USER = {
    "id": 1,
    "email": ADA,
    "username": None,
    "full_name": None,
    "role": "admin",
    "is_active": True,
    "email_verified": True,
    "created_at": NOON.isoformat(),
    "updated_at": NOON.isoformat(),
}
FORGED_CLAIMS = {
    "subject": "1",
    "user_id": 1,
    "session_id": "1",
    "role": "admin",
    "token_id": "a",
    "expires_at": NOON.isoformat(),
    "claims": {},
}

T = TypeVar("T")


class Order(BaseModel):
    buyer: Principal | None = None


class Wish(BaseModel):
    order: list[dict[str, Order]]


class Tree(BaseModel):
    leaves: "list[Tree]" = []
    owner: User | None = None


class Later(BaseModel):
    model_config = ConfigDict(defer_build=True)

    users: "list[User | Later]" = []


class Unchecked(BaseModel):
    user: SkipValidation[User]


class Envelope(BaseModel, Generic[T]):
    content: T


class Everybody(RootModel[list[User]]):
    pass


class Typed(TypedDict):
    user: User


class Named(NamedTuple):
    user: User


@dataclass
class Plain:
    principal: Principal


@pydantic.dataclasses.dataclass
class Checked:
    principal: Principal


class Member(User):
    desk: str = ""


CALLERS = [
    (Principal, FORGED_PRINCIPAL),
    (User, FORGED_USER),
    (Member, FORGED_USER),
    (Claims, FORGED_CLAIMS),
]


class OfClass:
    def __init__(self, caller: CurrentPrincipal | None = None) -> None:
        self.caller = caller


class Filter(BaseModel):
    by: Annotated[Json[Principal], "as JSON"]


MISTAKES: list[Any] = [
    CurrentPrincipal | None,
    Optional[CurrentUser],  # noqa: UP045 - as older code writes it
    OptionalUser | None,
    OptionalPrincipal | int,
    list[CurrentUser],
    dict[str, CurrentPrincipal],
    Annotated[CurrentUser | None, "of the host's own"],
    Principal,
    User,
    Member,
    Claims,
    Annotated[Principal, Body()],
    Annotated[Principal, Body(embed=True)],
    Annotated[User, Query()],
    Annotated[User, Form()],
    Annotated[Filter, Query()],
    Annotated[Principal, Depends()],
    Annotated[User, Depends()],
    Annotated[Member, Depends()],
    Annotated[Claims, Depends()],
    Annotated[OfClass, Depends()],
    Order,
    Wish,
    list[Tree],
    Envelope[User],
    Everybody,
    Later,
    Unchecked,
    Annotated[Later, Form()],
    Typed,
    Named,
    Plain,
    Checked,
]


def route_of(taken: Any) -> Callable[..., Any]:
    async def order(caller=None) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - annotated below
        assert caller is None, caller

    order.__annotations__["caller"] = taken
    return order


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    app = FastAPI()
    install(app, settings_for(f"sqlite:///{tmp_path}/host.db"))
    return app


async def start(app: FastAPI) -> str:
    """Try to start a host; returns why it does not."""
    with pytest.raises(TypeError) as refusal:
        async with app.router.lifespan_context(app):
            pass
    return str(refusal.value)


@pytest.mark.parametrize("taken", MISTAKES, ids=range(len(MISTAKES)))
async def test_a_host_whose_route_takes_the_caller_from_a_request_does_not_start(
    app: FastAPI, taken: Any
) -> None:
    app.add_api_route("/orders/{number}", route_of(taken), methods=["POST"])
    told = await start(app)
    assert "POST /orders/{number}: `" in told
    assert "OptionalUser" in told


async def test_a_route_that_the_host_adds_as_it_starts_is_judged_too(tmp_path: Path) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.add_api_route("/orders", route_of(CurrentUser | None), methods=["POST"])
        yield

    app = FastAPI(lifespan=lifespan)
    install(app, settings_for(f"sqlite:///{tmp_path}/host.db"))
    assert "POST /orders: `caller` takes User" in await start(app)


async def test_every_such_route_is_told_at_once(app: FastAPI) -> None:
    for method, taken in (("GET", CurrentUser | None), ("PUT", Order)):
        app.add_api_route("/orders", route_of(taken), methods=[method])
    told = await start(app)
    assert "GET /orders: `caller` takes User" in told
    assert "PUT /orders: `caller` takes Principal" in told


includes_lazily = pytest.mark.skipif(
    not hasattr(routing, "iter_route_contexts"),
    reason="FastAPI before 0.138 copies the routes that a router has by then, and no mounts",
)


def in_a_router(app: FastAPI, route: Callable[..., Any]) -> str:
    inner, outer = APIRouter(), APIRouter()
    app.include_router(outer, prefix="/of")
    outer.include_router(inner, prefix="/shop")
    inner.add_api_route("/orders", route)  # once all are included
    return "GET /of/shop/orders"


def in_a_dependency_of_a_router(app: FastAPI, route: Callable[..., Any]) -> str:
    router = APIRouter()
    router.add_api_route("/orders", lambda: None)
    app.include_router(router, dependencies=[Depends(route)])
    return "GET /orders"


def in_a_dependency_of_a_dependency(app: FastAPI, route: Callable[..., Any]) -> str:
    async def outer(_: Annotated[None, Depends(route)]) -> None:
        pass

    app.add_api_route("/orders", lambda: None, dependencies=[Depends(outer)])
    return "GET /orders"


def in_a_websocket(app: FastAPI, route: Callable[..., Any]) -> str:
    @app.websocket("/live")
    async def live(socket: WebSocket, _: Annotated[None, Depends(route)]) -> None:
        await socket.accept()

    return "WebSocket /live"


def in_a_mounted_application(app: FastAPI, route: Callable[..., Any]) -> str:
    inner, outer = FastAPI(), Starlette()
    app.mount("/of", GZipMiddleware(outer))
    outer.router.routes.append(Mount("/shop", GZipMiddleware(inner)))
    inner.add_api_route("/orders", route)
    return "GET /of/shop/orders"


def in_a_mounted_router(app: FastAPI, route: Callable[..., Any]) -> str:
    router = APIRouter()
    router.add_api_route("/orders", route)
    app.mount("/shop", router)
    return "GET /shop/orders"


def in_an_application_of_a_router(app: FastAPI, route: Callable[..., Any]) -> str:
    router, inner = APIRouter(), FastAPI()
    inner.add_api_route("/orders", route)
    router.mount("/shop", inner)
    app.include_router(router, prefix="/of")
    return "GET /of/shop/orders"


def in_an_application_of_a_host_name(app: FastAPI, route: Callable[..., Any]) -> str:
    inner = FastAPI()
    inner.add_api_route("/orders", route)
    app.host("shop.example.com", inner)
    return "GET /orders"


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(in_a_router, marks=includes_lazily),
        in_a_dependency_of_a_router,
        in_a_dependency_of_a_dependency,
        in_a_websocket,
        in_a_mounted_application,
        in_a_mounted_router,
        pytest.param(in_an_application_of_a_router, marks=includes_lazily),
        in_an_application_of_a_host_name,
    ],
)
async def test_the_mistake_is_found_wherever_the_route_lies(
    app: FastAPI, place: Callable[[FastAPI, Callable[..., Any]], str]
) -> None:
    name = place(app, route_of(CurrentUser | None))
    assert f"{name}: `caller` takes User" in await start(app)


async def test_a_host_that_is_mounted_in_itself_starts(app: FastAPI) -> None:
    app.mount("/again", app)
    async with app.router.lifespan_context(app):
        pass


@pytest.mark.parametrize(("caller", "forged"), CALLERS)
@pytest.mark.parametrize("depth", [0, 1])
async def test_a_forged_caller_is_refused_even_where_nobody_looked(
    caller: type, forged: dict[str, Any], depth: int
) -> None:
    app = FastAPI()
    taken = caller | None if depth == 0 else Envelope[caller | None]  # type: ignore[valid-type] # made here
    app.add_api_route("/orders", route_of(taken), methods=["POST"])
    body = forged if depth == 0 else {"content": forged}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
        answer = await client.post("/orders", json=body)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(("caller", "forged"), CALLERS)
async def test_a_callers_type_is_of_no_use_as_a_dependency_itself(
    caller: type, forged: dict[str, Any]
) -> None:
    app = FastAPI()
    app.add_api_route("/orders", route_of(Annotated[caller, Depends()]), methods=["POST"])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
        for body in (forged, {"caller": forged}, {}):
            query = {name: str(value) for name, value in forged.items()}
            answer = await client.post("/orders", json=body, params=query)
            assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(("caller", "forged"), CALLERS)
def test_validation_never_makes_a_caller(caller: type, forged: dict[str, Any]) -> None:
    adapter = TypeAdapter[Any](caller)
    holder = pydantic.create_model("Holder", caller=(caller, ...))
    for attempt in (
        lambda: adapter.validate_python(forged),
        lambda: adapter.validate_python(forged, strict=False, from_attributes=True),
        lambda: adapter.validate_python(tuple(forged.values())),
        lambda: adapter.validate_json(pydantic.TypeAdapter(dict).dump_json(forged)),
        lambda: adapter.validate_strings({name: str(value) for name, value in forged.items()}),
        lambda: holder(caller=forged),
        lambda: holder.model_validate({"caller": forged}),
    ):
        with pytest.raises(ValidationError, match="says who is calling"):
            attempt()


def test_code_makes_callers_and_shows_them() -> None:
    principal = Principal(**{**FORGED_PRINCIPAL, "auth_time": NOON})  # type: ignore[arg-type] # of mixed types
    user = User(**FORGED_USER)
    member = Member(**FORGED_USER, desk="3b")
    holder = pydantic.create_model("Holder", p=(Principal, ...), u=(list[User], ...))
    held = holder(p=principal, u=[user, member])
    assert held.p is principal  # type: ignore[attr-defined] # made above
    shown = held.model_dump(mode="json")
    assert shown["p"]["user_id"] == 1
    assert shown["u"][0]["email"] == ADA
    assert member.desk == "3b"
    with pytest.raises(ValidationError, match="email"):
        User(id=1)


async def test_a_route_may_answer_with_the_caller(app: FastAPI) -> None:
    @app.get("/user")
    async def read_user(user: CurrentUser) -> User:
        return user

    @app.get("/principal")
    async def read_principal(principal: CurrentPrincipal) -> dict[str, Principal]:
        return {"caller": principal}

    @app.get("/maybe")
    async def read_maybe(user: OptionalUser) -> User | None:
        return user

    async with running(app, app.state.gatepost_installed) as host:
        headers = await host.sign_up()
        user = await host.client.get("/user", headers=headers)
        assert user.json() == (await host.client.get("/auth/me", headers=headers)).json()
        caller = (await host.client.get("/principal", headers=headers)).json()["caller"]
        assert (caller["user_id"], caller["role"]) == (1, "user")
        assert (await host.client.get("/maybe", headers=headers)).json() == user.json()
        assert (await host.client.get("/maybe")).json() is None
        schemas = (await host.client.get("/openapi.json")).json()["components"]["schemas"]
        assert "email" in schemas["User"]["properties"]
        assert "user_id" in schemas["Principal"]["properties"]


async def test_an_optional_caller_is_nobody_without_a_credential_and_refused_with_a_bad_one(
    app: FastAPI,
) -> None:
    gatepost = app.state.gatepost_installed

    @app.get("/user")
    async def read_user(user: OptionalUser) -> int | None:
        return user.id if user else None

    @app.post("/principal")
    async def read_principal(principal: OptionalPrincipal) -> int | None:
        return principal.user_id if principal else None

    @app.get("/handle")
    async def read_both(
        user: Annotated[User | None, Depends(gatepost.optional_user)],
        principal: Annotated[Principal | None, Depends(gatepost.optional_principal)],
    ) -> int | None:
        assert (user is None) is (principal is None)
        return user.id if user else None

    @app.websocket("/live")
    async def live(socket: WebSocket, user: OptionalUser) -> None:
        await socket.accept()
        await socket.send_text("nobody" if user is None else user.email)

    async with running(app, gatepost) as host:
        good = await host.sign_up()
        for method, path in (("GET", "/user"), ("POST", "/principal"), ("GET", "/handle")):
            for headers, status, body in (
                (good, 200, 1),
                ({}, 200, None),
                ({"Authorization": "Basic YTpi"}, 200, None),
                (bearer("a.b.c"), 401, "invalid_token"),
                ({"Authorization": "Bearer"}, 401, "invalid_token"),
                ({"Cookie": "access_token=a.b.c"}, 401, "invalid_token"),
            ):
                answer = await host.client.request(method, path, headers=headers)
                assert answer.status_code == status, (path, headers, answer.text)
                said = answer.json()
                assert (said if status == 200 else said["code"]) == body
        cookie = {"Cookie": f"access_token={good['Authorization'].removeprefix('Bearer ')}"}
        crossing = {**cookie, "Sec-Fetch-Site": "cross-site"}
        answer = await host.client.post("/principal", headers=crossing)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected")
        said = await open_websocket(app, "/live")
        assert said[1]["text"] == "nobody"
        token = good["Authorization"].encode()
        said = await open_websocket(app, "/live", [(b"authorization", token)])
        assert said[1]["text"] == ADA
        said = await open_websocket(app, "/live", [(b"authorization", b"Bearer a.b.c")])
        assert said[0]["status"] == 401
        ended = await host.client.post("/auth/logout", headers=good)
        assert ended.status_code == 200
        assert (await host.client.get("/user", headers=good)).status_code == 401
        log_in = {"email": ADA, "password": PASSWORD, "transport": "bearer"}
        assert (await host.client.post("/auth/login", json=log_in)).status_code == 200
