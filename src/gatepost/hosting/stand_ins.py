"""Lets a host's tests replace the caller by `dependency_overrides`, in all routes at once."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import UserNotFound
from gatepost.features.accounts.schemas import User, UserRead
from gatepost.features.callers.cache import CachedCaller
from gatepost.features.callers.errors import NotAuthenticated
from gatepost.features.callers.principal import Principal
from gatepost.features.callers.roles import Role
from gatepost.runtime import Runtime
from gatepost.stores.session_cache import ReadVersion
from gatepost.web.fastapi_parts import get_dependant, solve_dependencies
from gatepost.work import Origin, begin_work

Dependency = Callable[..., Any]

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_ASKED_BY_ONE = "gatepost.asked_by_stand_in"
"""Set in the scope of an override, so that its own dependencies get the real caller."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The dependencies of one instance that tests may replace, as keys of the overrides."""

    principal: Sequence[Dependency]
    user: Sequence[Dependency]


@dataclass(frozen=True, slots=True)
class StandIn:
    """The value that a test's override gives for the caller: a principal, a user, or None."""

    value: Any
    is_user: bool

    def principal(self) -> Principal | None:
        if self.value is None or not self.is_user:
            principal: Principal | None = self.value
            return principal
        return Principal(
            user_id=self.value.id, role=str(self.value.role), auth_time=self.value.created_at
        )

    async def caller(self, runtime: Runtime | None) -> CachedCaller:
        """The caller for the service's own routes; it is never cached."""
        principal = self.principal()
        if principal is None:
            raise NotAuthenticated
        caller = CachedCaller(
            key=0,
            user_id=principal.user_id,
            expires_at=_LONG_AGO,
            version=ReadVersion(0, 0.0),
            principal=principal,
        )
        user = await self.user(runtime)
        caller.user = user if isinstance(user, User) else None
        return caller

    async def user(self, runtime: Runtime | None) -> User | None:
        """The user of the principal, from the database; an invented one if the id is unknown."""
        if self.value is None or self.is_user:
            user: User | None = self.value
            return user
        if runtime is not None:
            try:
                async with begin_work(runtime, Origin("stand-in"), writes=False) as work:
                    read = UserRead.model_validate(
                        await accounts.get_public(work, self.value.user_id)
                    )
                    return User.model_construct(**dict(read))
            except UserNotFound:
                pass
        return _made_up(self.value)


def _made_up(principal: Principal) -> User:
    return User(
        id=principal.user_id,
        email=f"user-{principal.user_id}@example.com",
        username=None,
        full_name=None,
        role=Role(principal.role),
        is_active=True,
        email_verified=True,
        created_at=principal.auth_time or _LONG_AGO,
        updated_at=principal.auth_time or _LONG_AGO,
    )


async def find_stand_in(
    connection: HTTPConnection, host: FastAPI, replaced: Replaced, *, wants_user: bool
) -> StandIn | None:
    """Return the caller that a test's override gives, or None if there is no override.

    The overrides of the route's own application come first, then the host's.
    """
    if _ASKED_BY_ONE in connection.scope:
        return None
    kinds = [(key, False) for key in replaced.principal]
    kinds += [(key, True) for key in replaced.user]
    kinds.sort(key=lambda kind: kind[1] is not wants_user)
    for app in (connection.scope.get("app"), host):
        overrides = getattr(app, "dependency_overrides", None) or {}
        for key, is_user in kinds:
            if key in overrides:
                return StandIn(await _ask(connection, app, key), is_user=is_user)
    return None


async def _ask(connection: HTTPConnection, app: Any, key: Dependency) -> Any:  # noqa: ANN401 - what a test's function gives
    """Resolve an overridden dependency, with its own dependencies, as FastAPI does."""

    def ask(value: Annotated[object, Depends(key)]) -> None:
        pass

    async with AsyncExitStack() as stack:
        stacks = {"fastapi_inner_astack": stack, "fastapi_function_astack": stack}
        scope = {**connection.scope, **stacks, _ASKED_BY_ONE: True}
        solved = await solve_dependencies(
            request=_of_same_kind(connection, scope),
            dependant=get_dependant(path="/", call=ask),
            dependency_overrides_provider=app,
            async_exit_stack=stack,
            embed_body_fields=False,
        )
    if solved.errors:
        raise RequestValidationError(solved.errors)
    return solved.values["value"]


def _of_same_kind(connection: HTTPConnection, scope: dict[str, Any]) -> Request | WebSocket:
    if isinstance(connection, WebSocket):
        return WebSocket(scope, connection.receive, connection.send)
    return Request(scope, connection.receive) if isinstance(connection, Request) else Request(scope)
