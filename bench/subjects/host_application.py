"""A host application: the same route bare, and with each of the dependencies that say who calls."""

from typing import Annotated

from fastapi import Depends, FastAPI

from gatepost import CurrentPrincipal, CurrentUser, Principal, Settings, install, require_role

app = FastAPI()
install(app, Settings.from_environment())

Member = Annotated[Principal, Depends(require_role("user", "admin"))]


@app.get("/bare")
async def read_bare() -> dict[str, int]:
    """A route that asks for nobody."""
    return {"id": 1}


@app.get("/principal")
async def read_principal(principal: CurrentPrincipal) -> dict[str, int]:
    """A route that asks for the caller."""
    return {"id": principal.user_id}


@app.get("/user")
async def read_user(user: CurrentUser) -> dict[str, int]:
    """A route that asks for the user who calls."""
    return {"id": user.id}


@app.get("/role")
async def read_role(member: Member) -> dict[str, int]:
    """A route that asks for a role."""
    return {"id": member.user_id}
