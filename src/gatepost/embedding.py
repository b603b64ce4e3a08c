"""Installs the service in a FastAPI application, and provides the caller to its routes."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

from gatepost.app import assemble, running
from gatepost.client.cookies import READS_COOKIES_SLOWLY, DropQuotedCookies
from gatepost.clock import Clock
from gatepost.configuration import Settings
from gatepost.errors import Problem
from gatepost.features.accounts.dependencies import find_user
from gatepost.features.accounts.schemas import User
from gatepost.features.callers.authenticators import find_credential
from gatepost.features.callers.cache import CachedCaller
from gatepost.features.callers.dependencies import STAND_IN, CallerDependency, find_principal
from gatepost.features.callers.errors import NotAuthenticated, PermissionDenied
from gatepost.features.callers.permissions import Requirement, deny, is_allowed, one_of
from gatepost.features.callers.principal import Principal
from gatepost.features.callers.roles import Role
from gatepost.hooks import Hooks
from gatepost.hosting.applications import OwnMount, applications_of
from gatepost.hosting.documents import set_login_url
from gatepost.hosting.inputs import refuse_callers_in_requests
from gatepost.hosting.refusals import Refusal, answering, check_refusal, refused
from gatepost.hosting.stand_ins import Replaced, StandIn, find_stand_in
from gatepost.runtime import Runtime
from gatepost.web.dependencies import origin_of
from gatepost.web.problems import REQUEST_ID, name_schemes, transient_problem
from gatepost.work import begin_work

T = TypeVar("T")

_AS_PROBLEMS = {401: NotAuthenticated, 403: PermissionDenied}
"""By status: the problem for an `HTTPException` that a test's replacement of the caller raises."""

_PREFIX = re.compile(r"(/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+")


@dataclass(slots=True, eq=False)
class Gatepost:
    """One instance in a host application.

    `user`, `principal`, their optional forms and `require_role` are dependencies of this instance,
    for hosts that install several. With only one, `CurrentUser` and the others do the same.
    """

    settings: Settings
    prefix: str
    _host: FastAPI = field(repr=False)
    _refusal: Refusal | None = field(default=None, repr=False)
    _runtime: Runtime | None = field(default=None, repr=False)

    @property
    def runtime(self) -> Runtime:
        """The running service's resources; raises `RuntimeError` while the host is not running."""
        if self._runtime is None:
            raise RuntimeError("Gatepost starts with the host's lifespan, which is not running")
        return self._runtime

    async def principal(self, connection: HTTPConnection) -> Principal:
        """The caller. Raises `NotAuthenticated`, `InvalidToken` or `CsrfRejected`."""
        cached = self._find_cached(connection)
        if cached is not None:
            return cached.principal
        with self._asking(connection) as request:
            stand_in = await self._stand_in(connection, wants_user=False)
            if stand_in is not None:
                return _required(stand_in.principal())
            return await find_principal(request, self.runtime)

    async def user(self, connection: HTTPConnection) -> User:
        """The caller as a user. Raises as `principal` does."""
        cached = self._find_cached(connection)
        if cached is not None and cached.user is not None:
            user: User = cached.user
            return user
        with self._asking(connection) as request:
            stand_in = await self._stand_in(connection, wants_user=True)
            if stand_in is not None:
                return _required(await stand_in.user(self._runtime))
            return await find_user(request, self.runtime)

    async def optional_principal(self, connection: HTTPConnection) -> Principal | None:
        """The caller; None without a credential. Raises for an invalid one, as `principal`."""
        try:
            return await self.principal(connection)
        except NotAuthenticated:
            return None

    async def optional_user(self, connection: HTTPConnection) -> User | None:
        """The caller as a user; None without a credential. Raises for an invalid one."""
        try:
            return await self.user(connection)
        except NotAuthenticated:
            return None

    def require_role(self, *roles: Role | str) -> Callable[[HTTPConnection], Awaitable[Principal]]:
        """A dependency that requires one of these roles; it raises `PermissionDenied`.

        This method raises `ValueError` for an unknown role, and for none at all.
        """
        needed = one_of(roles)

        async def check_role(connection: HTTPConnection) -> Principal:
            return await self._with_right(connection, needed)

        return check_role

    def _find_cached(self, connection: HTTPConnection) -> CachedCaller | None:
        """The caller of a valid bearer token, if cached; None decides nothing."""
        runtime = self._runtime
        if runtime is None or self._may_be_replaced(connection):
            return None
        try:
            credential = find_credential(connection.scope, runtime)
            return None if credential.is_ambient else credential.find_cached(runtime)
        except Problem:
            return None  # `principal` and `user` will raise it again, and answer it

    async def _with_right(self, connection: HTTPConnection, needed: Requirement) -> Principal:
        principal = await self.principal(connection)
        if not is_allowed(principal, needed):
            with self._asking(connection) as request:
                await self._deny(request, principal)
        return principal

    async def _deny(self, request: Request, principal: Principal) -> None:
        """Raise `PermissionDenied`, and record it, unless a test has replaced the caller."""
        if await self._stand_in(request, wants_user=False) is not None:
            raise PermissionDenied
        origin = origin_of(request.scope, self.settings.protection)
        async with begin_work(self.runtime, origin, writes=False) as work:
            await deny(work, principal)

    async def _stand_in(self, connection: HTTPConnection, *, wants_user: bool) -> StandIn | None:
        if not self._may_be_replaced(connection):
            return None
        return await find_stand_in(connection, self._host, self._replaced(), wants_user=wants_user)

    def _may_be_replaced(self, connection: HTTPConnection) -> bool:
        own = getattr(connection.scope.get("app"), "dependency_overrides", None)
        return bool(own or self._host.dependency_overrides)

    async def _caller_of_stand_in(self, request: Request) -> CachedCaller | None:
        try:
            stand_in = await self._stand_in(request, wants_user=False)
        except HTTPException as refusal:
            # The service answers problems; an exception of another status is passed on.
            raise _AS_PROBLEMS.get(refusal.status_code, refusal) from refusal
        return None if stand_in is None else await stand_in.caller(self._runtime)

    def _replaced(self) -> Replaced:
        is_first = getattr(self._host.state, "gatepost_installed", None) is self
        return Replaced(
            principal=[
                self.principal,
                self.optional_principal,
                *((current_principal, optional_principal) if is_first else ()),
            ],
            user=[
                self.user,
                self.optional_user,
                *((current_user, optional_user) if is_first else ()),
            ],
        )

    @contextmanager
    def _asking(self, connection: HTTPConnection) -> Iterator[Request]:
        """Set a request id, and raise problems and database errors as `HTTPException`s.

        All work ends before the host's route begins, which gets no lock or connection of ours.
        """
        # Our own application sets request ids in a middleware, which the host does not have.
        connection.scope.setdefault(REQUEST_ID, uuid4().hex)
        try:
            yield _request_of(connection)
        except HTTPException:
            raise  # by a test's replacement of the caller
        except Problem as problem:
            name_schemes(problem, self.settings.transports.auth_schemes)
            raise refused(connection, problem, self._refusal) from problem
        except (SQLAlchemyError, OSError) as error:
            transient = transient_problem(error)
            if transient is None:
                raise
            raise refused(connection, transient, self._refusal) from error


def _required(caller: T | None) -> T:
    if caller is None:
        raise NotAuthenticated
    return caller


def install(
    app: FastAPI,
    settings: Settings,
    prefix: str = "/auth",
    *,
    clock: Clock | None = None,
    hooks: Hooks | None = None,
    refusal: Refusal | None = None,
) -> Gatepost:
    """Mount the whole service in `app` below `prefix`, and start and stop it with the host.

    Below the prefix all routes are those of the service; routes below `/auth` are also served
    without that segment: with the default prefix, `/auth/login` and `/auth/refresh`. If one of our
    dependencies refuses a request to the host's own route, the answer is a problem document, or
    the response that `refusal(request, problem)` returns. The host's other errors, its middleware
    and its documentation are not changed. Raises `ValueError` for a prefix that is not a path or
    belongs to another mount, and `TypeError` for a `refusal` that does not take these two
    arguments, and for `hooks` that are not `Hooks`. The host's start raises `CallerFromRequest` if
    one of its routes reads the caller from the request's body, query or form.
    """
    if refusal is not None:
        check_refusal(refusal)
    if hooks is not None and not isinstance(hooks, Hooks):
        raise TypeError("hooks is a Hooks(), whose on() takes the callbacks")
    if prefix != "/" and not _PREFIX.fullmatch(prefix):
        raise ValueError("a prefix is / or a path such as /auth, without a slash at its end")
    path = prefix.rstrip("/")
    for route in app.routes:
        if isinstance(route, Mount) and f"{path}/".startswith(f"{route.path}/"):
            above = route.path or "/"
            raise ValueError(
                f"the application mounted at {above} answers {prefix} already: mount it later"
            )
    gatepost = Gatepost(settings=settings, prefix=prefix, _host=app, _refusal=refusal)
    service = assemble(settings, for_mount=True)
    mount = _ServiceMount if path else _RootMount
    app.router.routes.append(mount(path, service, gatepost))
    if READS_COOKIES_SLOWLY:
        app.add_middleware(DropQuotedCookies)
    _start_with_host(app, service, gatepost, clock, hooks)
    app.add_exception_handler(Problem, answering(refusal))
    if not hasattr(app.state, "gatepost_installed"):
        app.state.gatepost_installed = gatepost
        # Applications that are mounted in the host find it by the outermost router in the scope.
        vars(app.router)["gatepost_installed"] = gatepost
        set_login_url(app, gatepost.settings, gatepost.prefix)
    return gatepost


class _ServiceMount(OwnMount):
    """The mount of the service; overrides of the caller in a host's tests apply here, too."""

    def __init__(self, prefix: str, service: FastAPI, gatepost: Gatepost) -> None:
        super().__init__(prefix, app=service)
        self._gatepost = gatepost

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._gatepost._host.dependency_overrides:  # noqa: SLF001 - this module's own class
            scope[STAND_IN] = self._gatepost._caller_of_stand_in  # noqa: SLF001 - as above
        await super().handle(scope, receive, send)


class _RootMount(_ServiceMount):
    """The service at the host's own root; it leaves paths without a route to the host."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        as_ours = {**scope, **child}
        if scope["type"] == "http" and any(
            route.matches(as_ours)[0] != Match.NONE for route in self.routes
        ):
            return match, child
        return Match.NONE, {}


def _request_of(connection: HTTPConnection) -> Request:
    """The connection as a request; a WebSocket's handshake becomes a CONNECT request (RFC 8441).

    That is not a safe method, so it is checked for cross-site forgery: any site's page can open a
    WebSocket, and send messages that change something.
    """
    if isinstance(connection, Request):
        return connection
    return Request({**connection.scope, "type": "http", "method": "CONNECT"})


def _start_with_host(
    app: FastAPI, service: FastAPI, gatepost: Gatepost, clock: Clock | None, hooks: Hooks | None
) -> None:
    host_lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def both(host: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - Starlette's own signature
        _check_routes(app, gatepost)
        async with running(gatepost.settings, clock=clock, hooks=hooks) as runtime:
            gatepost._runtime = runtime  # noqa: SLF001 - this module's own class
            service.state.gatepost = runtime
            try:
                async with host_lifespan(host) as state:
                    _check_routes(app, gatepost)  # again: the host's lifespan may add routes
                    yield state
            finally:
                gatepost._runtime = None  # noqa: SLF001 - this module's own class

    app.router.lifespan_context = both


def _check_routes(app: FastAPI, gatepost: Gatepost) -> None:
    """Check the routes of the host, and set the login URL in its OpenAPI documents.

    Only the first of several instances does so. Raises `CallerFromRequest`.
    """
    if app.state.gatepost_installed is not gatepost:
        return
    refuse_callers_in_requests(app.routes)
    for each in (app, *applications_of(app.routes)):
        set_login_url(each, gatepost.settings, gatepost.prefix, is_host=each is app)
        each.state.gatepost_of_host = gatepost


def _installed(connection: HTTPConnection) -> Gatepost:
    """The instance of the route's application, or of the host in which that is mounted."""
    scope = connection.scope
    state = getattr(scope.get("app"), "state", None)
    gatepost = (
        getattr(state, "gatepost_installed", None)
        or getattr(scope.get("router"), "gatepost_installed", None)
        # If the host itself is mounted, the router in the scope is the outer application's.
        or getattr(state, "gatepost_of_host", None)
    )
    if not isinstance(gatepost, Gatepost):
        msg = "call gatepost.install(app, settings) on the application that the server runs"
        raise RuntimeError(msg)  # noqa: TRY004 - nothing has a wrong type: it is not installed
    return gatepost


async def _find_principal(connection: HTTPConnection) -> Principal:
    return await _installed(connection).principal(connection)


async def _find_user(connection: HTTPConnection) -> User:
    return await _installed(connection).user(connection)


async def _find_optional_principal(connection: HTTPConnection) -> Principal | None:
    return await _installed(connection).optional_principal(connection)


async def _find_optional_user(connection: HTTPConnection) -> User | None:
    return await _installed(connection).optional_user(connection)


current_principal = CallerDependency(_find_principal)
"""The caller of the host's route."""
current_user = CallerDependency(_find_user)
"""The caller of the host's route, as a user."""
optional_principal = CallerDependency(_find_optional_principal)
"""The caller; None without a credential. An invalid one is refused."""
optional_user = CallerDependency(_find_optional_user)
"""The user; None without a credential. An invalid one is refused."""


def require_role(*roles: Role | str) -> CallerDependency[Principal]:
    """A dependency for the host's routes: `Depends(require_role("admin"))`.

    Raises `ValueError` for an unknown role, and for none at all, when the route is declared.
    """
    needed = one_of(roles)

    async def find_allowed(connection: HTTPConnection) -> Principal:
        return await _installed(connection)._with_right(connection, needed)  # noqa: SLF001 - this module's own class

    return CallerDependency(find_allowed)


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
CurrentUser = Annotated[User, Depends(current_user)]
OptionalPrincipal = Annotated[Principal | None, Depends(optional_principal)]
OptionalUser = Annotated[User | None, Depends(optional_user)]
