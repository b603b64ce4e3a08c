"""A host application of one route, which takes what `BENCH_DEPENDENCY` says, or nothing."""

import os
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI

from gatepost import CurrentPrincipal, CurrentUser, Principal, Settings, install, require_role

app = FastAPI()
install(app, Settings.from_environment())


async def read_bare() -> dict[str, int]:
    """A route that asks for nobody."""
    return {"id": 1}


async def read_principal(principal: CurrentPrincipal) -> dict[str, int]:
    """A route that asks for the caller."""
    return {"id": principal.user_id}


async def read_user(user: CurrentUser) -> dict[str, int]:
    """A route that asks for the user who calls."""
    return {"id": user.id}


async def read_role(
    member: Annotated[Principal, Depends(require_role("user", "admin"))],
) -> dict[str, int]:
    """A route that asks for a role."""
    return {"id": member.user_id}


ROUTES: dict[str, Callable[..., Any]] = {
    "": read_bare,
    "principal": read_principal,
    "user": read_user,
    "role": read_role,
}
# One route an application: routes are searched in order, and the later ones would be slower.
app.get("/route")(ROUTES[os.environ.get("BENCH_DEPENDENCY", "")])
