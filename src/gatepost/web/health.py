"""Health checks for load balancers and people; each check has a time limit."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import BaseModel, Field

from gatepost.db.probe import is_reachable
from gatepost.runtime import Runtime
from gatepost.web.dependencies import CurrentRuntime
from gatepost.web.routing import BoundedRoute

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2.0
"""The time limit of a check; one that takes longer has failed."""

ReadinessCheck = Callable[[Runtime], Awaitable[bool]]

router = APIRouter(prefix="/health", tags=["service"], route_class=BoundedRoute)


class Health(BaseModel):
    """Whether the service can do its work."""

    status: Literal["healthy", "unhealthy"]
    database: Literal["connected", "disconnected"]
    version: str


class Liveness(BaseModel):
    """That the process runs and answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether requests may be sent here."""

    status: Literal["ready", "degraded", "not_ready"]
    checks: dict[str, bool] = Field(
        description="Each check and whether it passed.", examples=[{"database": True}]
    )


def _unavailable(model: type[BaseModel], description: str) -> dict[int | str, dict[str, Any]]:
    return {status.HTTP_503_SERVICE_UNAVAILABLE: {"model": model, "description": description}}


async def get_readiness_checks(request: Request) -> Mapping[str, ReadinessCheck]:
    """The checks in `app.state.readiness_checks`, by name; the database is checked besides."""
    checks: Mapping[str, ReadinessCheck] = getattr(request.app.state, "readiness_checks", {})
    return checks


ReadinessChecks = Annotated[Mapping[str, ReadinessCheck], Depends(get_readiness_checks)]


@router.get("", responses=_unavailable(Health, "The database cannot be reached"))
async def health(runtime: CurrentRuntime, response: Response) -> Health:
    """Whether the service works and reaches its database, and which version it is."""
    version = runtime.settings.service.version
    if await _database_answers(runtime):
        return Health(status="healthy", database="connected", version=version)
    response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Health(status="unhealthy", database="disconnected", version=version)


@router.get("/live")
async def liveness() -> Liveness:
    """That the process is alive. Asks nothing of the database: a restart would not mend that."""
    return Liveness()


@router.get("/ready", responses=_unavailable(Readiness, "Requests would fail here now"))
async def readiness(
    runtime: CurrentRuntime, checks: ReadinessChecks, response: Response
) -> Readiness:
    """Whether requests may be sent here: the database answers and its schema is this version's.

    A store that is down is told as `degraded`: the limits do without it for a while, and to take
    every process out of service for it would be worse.
    """
    passed = await asyncio.gather(
        _database_answers(runtime),
        *(_passes(check, runtime) for check in checks.values()),
        _passes(_store_answers, runtime),
    )
    found = dict(zip(["database", *checks, "store"], passed, strict=True))
    if all(passed):
        return Readiness(status="ready", checks=found)
    if all(passed[:-1]):
        return Readiness(status="degraded", checks=found)
    response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(status="not_ready", checks=found)


async def _store_answers(runtime: Runtime) -> bool:
    await runtime.store.ping()
    return True


async def _database_answers(runtime: Runtime) -> bool:
    return await is_reachable(runtime.engine, seconds=TIMEOUT_SECONDS)


async def _passes(check: ReadinessCheck, runtime: Runtime) -> bool:
    """Run a check. A check that raises or times out has failed; its error's class is logged."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await check(runtime)
    except Exception as error:  # noqa: BLE001 - a check that breaks has not passed
        log.warning("readiness.check_broke", extra={"error": type(error).__name__})
        return False
