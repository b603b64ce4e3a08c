"""Who makes an account, where not everybody may."""

from typing import Annotated

from fastapi import Depends, Request

from gatepost.features.sessions.dependencies import find_session
from gatepost.features.sessions.errors import NotAuthenticated
from gatepost.features.sessions.principal import Principal
from gatepost.web.dependencies import CurrentRuntime, RequestWork


async def find_registrar(
    request: Request, runtime: CurrentRuntime, work: RequestWork
) -> Principal | None:
    """Who is calling, where registration is closed; None where it is open, or nobody says.

    Raises as `find_session` does for credentials that are no good.
    """
    if runtime.settings.registration_open:
        return None
    await work.let_go()  # nobody needs two connections at a time
    try:
        session, _ = await find_session(request, runtime)
    except NotAuthenticated:
        return None
    return session.principal


Registrar = Annotated[Principal | None, Depends(find_registrar, scope="function")]
