"""Puts the parts together: the whole service as one ASGI application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from gatepost.clock import Clock
from gatepost.features.accounts.admin_router import router as users
from gatepost.features.accounts.router import read_me
from gatepost.features.accounts.router import router as profile
from gatepost.features.accounts.routing import CallerRoute
from gatepost.features.accounts.schemas import UserRead
from gatepost.features.activity.router import router as activity
from gatepost.features.audit.sealing import keep_sealing
from gatepost.features.auth.router import router as auth
from gatepost.features.items.router import router as items
from gatepost.features.sessions.router import router as sessions
from gatepost.features.short_paths.router import router as short_paths
from gatepost.features.signing_keys.router import router as signing_keys
from gatepost.hooks import Hooks
from gatepost.observability.sampling import keep_sampling
from gatepost.purging import keep_purging
from gatepost.runtime import Runtime, start_runtime
from gatepost.settings import Settings
from gatepost.starting import prepare, schema_is_current
from gatepost.stores.choice import describe_session_cache, describe_store
from gatepost.web.documentation import document_router as document
from gatepost.web.documentation import router as documentation
from gatepost.web.fastapi_parts import telemetry_options
from gatepost.web.front_page import router as front_page
from gatepost.web.health import router as health
from gatepost.web.metrics import router as metrics
from gatepost.web.middleware import middleware_stack
from gatepost.web.openapi import describe
from gatepost.web.problems import install_problem_handlers
from gatepost.web.route_index import RouteIndex
from gatepost.web.routing import placed
from gatepost.web.static_files import router as static_files
from gatepost.web.telemetry import TracedService
from gatepost.web.unix_sockets import tell_of_unknown_clients

log = logging.getLogger(__name__)

_SECONDS_FOR_CHORES = 5.0
"""How long what is under way in the background may take to end when the service stops."""


def create_app(
    settings: Settings, *, clock: Clock | None = None, hooks: Hooks | None = None
) -> FastAPI:
    """Make the service. It opens the database, and prepares it, when it starts.

    `clock` and `hooks` take the place of the computer's clock and of no callbacks.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, clock=clock, hooks=hooks) as runtime:
            app.state.gatepost = runtime
            yield

    app = assemble(settings)
    app.router.lifespan_context = lifespan
    return app


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock | None = None, hooks: Hooks | None = None
) -> AsyncIterator[Runtime]:
    """Everything a running service needs, opened and prepared; closed when the block ends."""
    async with start_runtime(settings, clock=clock, hooks=hooks) as runtime:
        log.info(
            "store.chosen", extra={"store": runtime.store.kind, "note": describe_store(settings)}
        )
        log.info("sessions.remembered", extra={"note": describe_session_cache(settings)})
        log.info("argon2.chosen", extra={"backend": runtime.passwords.argon2_backend})
        await prepare(runtime)
        chores = [
            asyncio.create_task(keep_purging(runtime)),
            asyncio.create_task(keep_sealing(runtime)),
        ]
        watching = asyncio.create_task(tell_of_unknown_clients(settings))
        sampling = None
        if runtime.metrics.is_shared:
            sampling = asyncio.create_task(keep_sampling(runtime.metrics))
        listening = asyncio.create_task(runtime.announcements.keep_listening())
        try:
            yield runtime
        finally:
            watching.cancel()
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            if sampling is not None:
                sampling.cancel()
            # Not cancelled while they write: SQLite would keep the lock of a broken connection.
            runtime.stopping.set()
            _, late = await asyncio.wait(chores, timeout=_SECONDS_FOR_CHORES)
            for chore in late:
                chore.cancel()


def assemble(settings: Settings) -> FastAPI:
    """The application without its lifespan: `app.state.gatepost` has to be set before it serves."""
    kind = TracedService if settings.tracing_enabled else FastAPI
    app = kind(
        title=settings.project_name,
        version=settings.version,
        openapi_url=None,  # `web.documentation` serves it, as it is from where we are mounted
        docs_url=None,
        redoc_url=None,
        middleware=middleware_stack(settings),
        redirect_slashes=False,
        **telemetry_options(settings),
    )
    app.router.routes.extend((RouteIndex(app.router.routes), *_routes(settings.api_v1_str)))
    app.state.auth_folders = (f"{settings.api_v1_str}/auth", "/auth")
    app.state.readiness_checks = {"schema": schema_is_current}
    install_problem_handlers(app, settings.auth_schemes)
    describe(app, settings)
    return app


def auth_at_root() -> Iterator[APIRoute]:
    """What is below `/auth`, without it: for hosts that mount the service at a path like that."""
    me = APIRouter(route_class=CallerRoute)
    me.add_api_route("/me", read_me, response_model=UserRead)
    for router in (auth, sessions, me):
        yield from placed(router, in_schema=False)


def _routes(prefix: str) -> Iterator[APIRoute]:
    """Every route; those of the API below its prefix, which is documented, and without it."""
    yield from _api(prefix)
    yield from _api("", in_schema=False)
    yield from placed(document, prefix)
    yield from placed(document)
    for router in (short_paths, signing_keys, health, metrics):
        yield from placed(router)
    for router in (front_page, documentation, static_files):
        yield from placed(router)


def _api(prefix: str, *, in_schema: bool = True) -> Iterator[APIRoute]:
    for router in (auth, sessions):
        yield from placed(router, f"{prefix}/auth", in_schema=in_schema)
    for router in (profile, users, activity, items):
        yield from placed(router, prefix, in_schema=in_schema)
