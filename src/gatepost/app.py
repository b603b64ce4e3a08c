"""Builds the service: one ASGI application of all features, middleware and routes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import APIRouter, FastAPI

from gatepost.clock import Clock
from gatepost.configuration import Settings
from gatepost.features import FEATURES
from gatepost.hooks import Hooks
from gatepost.manifest import Mount, interface_of, load_all, metrics_of
from gatepost.observability.sampling import run_sampler
from gatepost.purging import run_purger
from gatepost.runtime import Runtime, start_runtime
from gatepost.starting import prepare, schema_is_current
from gatepost.stores.factory import describe_session_cache, describe_store
from gatepost.web.documentation import document_router as document
from gatepost.web.documentation import router as documentation
from gatepost.web.fastapi_parts import telemetry_options
from gatepost.web.front_page import router as front_page
from gatepost.web.health import router as health
from gatepost.web.metrics import router as metrics
from gatepost.web.middleware import middleware_stack
from gatepost.web.openapi import describe
from gatepost.web.problems import install_problem_handlers
from gatepost.web.route_table import RouteTable
from gatepost.web.static_files import router as static_files
from gatepost.web.telemetry import TracedService
from gatepost.web.unix_sockets import warn_of_unknown_clients

log = logging.getLogger(__name__)

SECONDS_FOR_CHORES = 5.0
"""How long the background tasks may take to end when the service stops."""


def create_app(
    settings: Settings, *, clock: Clock | None = None, hooks: Hooks | None = None
) -> FastAPI:
    """Make the service. It opens and prepares the database when its lifespan starts.

    `clock` replaces the system clock; `hooks` has the callbacks of events.
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
    """Open and prepare everything a running service needs; close it when the block ends."""
    async with start_runtime(
        settings, clock=clock, hooks=hooks, authenticators=authenticators()
    ) as runtime:
        _log_choices(runtime)
        runtime.metrics.declare(metrics_of(FEATURES))
        await prepare(runtime)
        chores = [
            asyncio.create_task(chore(runtime))
            for chore in (run_purger, *load_all(FEATURES, "chores"))
        ]
        watching = asyncio.create_task(warn_of_unknown_clients(settings.protection))
        sampling = None
        if runtime.metrics.is_shared:
            sampling = asyncio.create_task(run_sampler(runtime.metrics))
        listening = asyncio.create_task(runtime.invalidation.run_listener())
        try:
            yield runtime
        finally:
            watching.cancel()
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            if sampling is not None:
                sampling.cancel()
            # Not cancelled during a write: the broken connection would keep SQLite's write lock.
            runtime.stopping.set()
            _, late = await asyncio.wait(chores, timeout=SECONDS_FOR_CHORES)
            for chore in late:
                chore.cancel()


def _log_choices(runtime: Runtime) -> None:
    settings = runtime.settings
    log.info("store.chosen", extra={"store": runtime.store.kind, "note": describe_store(settings)})
    log.info("sessions.remembered", extra={"note": describe_session_cache(settings)})
    log.info("argon2.chosen", extra={"backend": runtime.passwords.argon2_backend})


def authenticators() -> tuple[Any, ...]:
    """The authenticators of the features, in order of precedence: the first credential counts."""
    return tuple(kind() for kind in load_all(FEATURES, "authenticators"))


def assemble(settings: Settings, *, for_mount: bool = False) -> FastAPI:
    """The application without its lifespan: set `app.state.gatepost` before it serves.

    With `for_mount`, routes below `/auth` are also served without it, for hosts that mount the
    service at such a path.
    """
    interface = interface_of(FEATURES)
    kind = TracedService if settings.observability.tracing_enabled else FastAPI
    app = kind(
        title=settings.service.project_name,
        version=settings.service.version,
        openapi_url=None,  # `web.documentation` serves it, with the mount's path in it
        docs_url=None,
        redoc_url=None,
        middleware=middleware_stack(settings, interface),
        redirect_slashes=False,
        **telemetry_options(settings.observability),
    )
    _add_routes(RouteTable(app.router.routes), settings.service.api_v1_str, for_mount=for_mount)
    app.state.auth_folders = tuple(_folders(settings.service.api_v1_str, for_mount=for_mount))
    app.state.links = interface.links
    app.state.readiness_checks = {"schema": schema_is_current}
    install_problem_handlers(app, settings.transports.auth_schemes)
    describe(app, settings, interface)
    return app


def _folders(prefix: str, *, for_mount: bool) -> Iterator[str]:
    """The paths below which clients log in, refresh and log out."""
    paths = dict.fromkeys(mount.path for mount, _ in _routers() if mount.is_at_mount)
    for start in (prefix, ""):
        yield from (f"{start}{path}" for path in paths)
    if for_mount:
        yield ""


def _routers() -> Iterator[tuple[Mount, APIRouter]]:
    """The routers of the features, from the top feature down."""
    for feature in FEATURES:
        for mount in feature.routers:
            yield mount, feature.load(mount.router)


def _add_routes(table: RouteTable, prefix: str, *, for_mount: bool) -> None:
    """Add every route; those of the API with their prefix, which is documented, and without it."""
    api = [(mount.path, router) for mount, router in _routers() if mount.is_api]
    for path, router in api:
        table.add(router, f"{prefix}{path}")
    for path, router in api:
        table.add(router, path, in_schema=False)
    table.add(document, prefix)
    table.add(document)
    for mount, router in _routers():
        if not mount.is_api:
            table.add(router, mount.path)
    for router in (health, metrics, front_page, documentation, static_files):
        table.add(router)
    for mount, router in _routers():
        if for_mount and mount.is_at_mount:
            table.add(router, in_schema=False)
