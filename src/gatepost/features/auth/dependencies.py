"""Who makes an account, where not everybody may."""

from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Request

from gatepost.features.auth.registration import refuse_if_closed
from gatepost.features.callers.dependencies import find_caller
from gatepost.features.callers.errors import NotAuthenticated
from gatepost.features.callers.principal import Principal
from gatepost.web.dependencies import RequestWork


async def find_registrar(request: Request, work: RequestWork) -> Principal | None:
    """The admin who is calling, where registration is closed; None where it is open.

    Raises `RegistrationClosed` for all others where it is closed, and as `find_caller` does for
    credentials that are no good.
    """
    runtime = work.runtime
    if runtime.settings.registration.registration_open:
        return None
    await work.commit_and_release()  # nobody needs two connections at a time
    registrar = None
    with suppress(NotAuthenticated):
        caller, _ = await find_caller(request, runtime)
        registrar = caller.principal
    refuse_if_closed(work, registrar)
    return registrar


Registrar = Annotated[Principal | None, Depends(find_registrar, scope="function")]

MayRegister = Depends(find_registrar, scope="function")
"""The same for a route's list, where it comes before what is stored or sent."""
