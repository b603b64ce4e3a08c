"""The service inside another FastAPI application, and who is calling, for the host's own routes."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection
from starlette.routing import Match, Mount
from starlette.types import Scope

from gatepost.app import assemble, auth_at_root, running
from gatepost.client.cookies import READS_COOKIES_SLOWLY, DropQuotedCookies
from gatepost.clock import Clock
from gatepost.errors import Problem
from gatepost.features.accounts.dependencies import deny, get_user
from gatepost.features.accounts.roles import Role
from gatepost.features.accounts.schemas import UserRead
from gatepost.features.sessions.dependencies import get_principal, password_form
from gatepost.features.sessions.principal import Principal
from gatepost.hooks import Hooks
from gatepost.runtime import Runtime
from gatepost.settings import Settings
from gatepost.web.dependencies import origin_of
from gatepost.web.problems import REQUEST_ID, answer_problem, passing_problem
from gatepost.work import begin_work

_PREFIX = re.compile(r"(/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+")


@dataclass(slots=True)
class Gatepost:
    """One instance inside a host application.

    `user`, `principal` and `require_role` are dependencies of this very instance, for hosts that
    install several; with only one, `CurrentUser` and its kin say the same.
    """

    settings: Settings
    prefix: str
    _runtime: Runtime | None = field(default=None, repr=False)

    @property
    def runtime(self) -> Runtime:
        """What it holds open; raises `RuntimeError` while the host is not running."""
        if self._runtime is None:
            raise RuntimeError("Gatepost starts with the host's lifespan, which is not running")
        return self._runtime

    async def principal(self, connection: HTTPConnection) -> Principal:
        """Who is calling. Raises `NotAuthenticated`, `InvalidToken` or `CsrfRejected`."""
        with self._asking(connection) as request:
            return await get_principal(request, self.runtime, None)

    async def user(self, connection: HTTPConnection) -> UserRead:
        """The user who is calling. Raises as `principal` does."""
        with self._asking(connection) as request:
            return await get_user(request, self.runtime, None)

    def require_role(self, *roles: Role | str) -> Callable[[HTTPConnection], Awaitable[Principal]]:
        """A dependency that lets callers with one of these roles pass; else `PermissionDenied`.

        Raises `ValueError`, when it is made, for a role that there is not, and for none at all.
        """
        allowed = _known(roles)

        async def check_role(connection: HTTPConnection) -> Principal:
            with self._asking(connection) as request:
                principal = await get_principal(request, self.runtime, None)
                if principal.role not in allowed:
                    origin = origin_of(request.scope, self.settings)
                    async with begin_work(self.runtime, origin, writes=False) as work:
                        await deny(work, principal)
                return principal

        return check_role

    @contextmanager
    def _asking(self, connection: HTTPConnection) -> Iterator[Request]:
        """Name the request, and make a problem of a database that does not answer.

        All work ends before the host's route begins: it holds neither lock nor connection.
        """
        # Our own application names its requests in a middleware; the host's may not have one.
        connection.scope.setdefault(REQUEST_ID, uuid4().hex)
        try:
            yield _request_of(connection)
        except (SQLAlchemyError, OSError) as error:
            problem = passing_problem(error)
            if problem is None:
                raise
            raise problem from error


def install(
    app: FastAPI,
    settings: Settings,
    prefix: str = "/auth",
    *,
    clock: Clock | None = None,
    hooks: Hooks | None = None,
) -> Gatepost:
    """Mount the whole service in `app` below `prefix`, and start and stop it with the host.

    Below the prefix everything answers as in the service itself, and what is below `/auth` there
    answers without it too: with the default prefix, `/auth/login` and `/auth/refresh`. Refusals
    of our dependencies on the host's own routes are answered as problem details; the host's
    other errors, its middleware and its documentation stay its own. Raises `ValueError` for a
    prefix that is no path, or that this host has given away already.
    """
    if prefix != "/" and not _PREFIX.fullmatch(prefix):
        raise ValueError("a prefix is / or a path such as /auth, without a slash at its end")
    path = prefix.rstrip("/")
    for route in app.routes:
        if isinstance(route, Mount) and f"{path}/".startswith(f"{route.path}/"):
            above = route.path or "/"
            raise ValueError(f"what is mounted at {above} answers {prefix} already: mount it later")
    gatepost = Gatepost(settings=settings, prefix=prefix)
    service = assemble(settings)
    service.router.routes.extend(auth_at_root())
    service.state.auth_folders = (*service.state.auth_folders, "")
    app.router.routes.append(Mount(path, service) if path else _AmongTheHosts(path, service))
    if READS_COOKIES_SLOWLY:
        app.add_middleware(DropQuotedCookies)
    _start_with_host(app, service, gatepost, clock, hooks)
    app.add_exception_handler(Problem, answer_problem)
    if not hasattr(app.state, "gatepost_installed"):
        app.state.gatepost_installed = gatepost
        _tell_where_to_log_in(app, prefix)
    return gatepost


class _AmongTheHosts(Mount):
    """The service at the host's own root: it leaves to the host what it has no route for."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        as_ours = {**scope, **child}
        if scope["type"] == "http" and any(
            route.matches(as_ours)[0] != Match.NONE for route in self.routes
        ):
            return match, child
        return Match.NONE, {}


def _request_of(connection: HTTPConnection) -> Request:
    """The request that this is, or with which a browser opens a WebSocket.

    Any site's page can open one, and what is said through it may change something: it counts as
    a request that does, of the method that RFC 8441 gives it.
    """
    if isinstance(connection, Request):
        return connection
    return Request({**connection.scope, "type": "http", "method": "CONNECT"})


def _known(roles: tuple[Role | str, ...]) -> frozenset[Role]:
    if not roles:
        raise ValueError("name a role at least")
    return frozenset(Role(role) for role in roles)


def _start_with_host(
    app: FastAPI, service: FastAPI, gatepost: Gatepost, clock: Clock | None, hooks: Hooks | None
) -> None:
    host_lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def both(host: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - Starlette's own signature
        async with running(gatepost.settings, clock=clock, hooks=hooks) as runtime:
            gatepost._runtime = runtime  # noqa: SLF001 - this module's own class
            service.state.gatepost = runtime
            try:
                async with host_lifespan(host) as state:
                    yield state
            finally:
                gatepost._runtime = None  # noqa: SLF001 - this module's own class

    app.router.lifespan_context = both


def _tell_where_to_log_in(app: FastAPI, prefix: str) -> None:
    """Let the Authorize button of the host's own documentation log in here."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        schemes = document.get("components", {}).get("securitySchemes", {})
        scheme = schemes.get(password_form.scheme_name, {})
        if "flows" in scheme:
            scheme["flows"]["password"]["tokenUrl"] = f"{prefix}/login".lstrip("/")
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI documents this way to extend it


def _installed(connection: HTTPConnection) -> Gatepost:
    gatepost = getattr(connection.scope["app"].state, "gatepost_installed", None)
    if not isinstance(gatepost, Gatepost):
        msg = "call gatepost.install(app, settings) on the application of this route"
        raise RuntimeError(msg)  # noqa: TRY004 - nothing has a wrong type: it is not installed
    return gatepost


_Documented = Annotated[str | None, Depends(password_form)]


async def current_principal(connection: HTTPConnection, _: _Documented) -> Principal:
    """Who is calling the host's route."""
    return await _installed(connection).principal(connection)


async def current_user(connection: HTTPConnection, _: _Documented) -> UserRead:
    """The user who is calling the host's route."""
    return await _installed(connection).user(connection)


def require_role(*roles: Role | str) -> Callable[..., Awaitable[Principal]]:
    """A dependency for the host's routes: `Depends(require_role("admin"))`.

    Raises `ValueError`, when the route is made, for a role that there is not, and for none at all.
    """
    allowed = _known(roles)

    async def check_role(connection: HTTPConnection, _: _Documented) -> Principal:
        return await _installed(connection).require_role(*allowed)(connection)

    return check_role


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
CurrentUser = Annotated[UserRead, Depends(current_user)]
