"""The admin who registers accounts while registration is closed."""

from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Request

from gatepost.features.auth.registration import require_registrar
from gatepost.features.callers.dependencies import find_caller
from gatepost.features.callers.errors import NotAuthenticated
from gatepost.features.callers.principal import Principal
from gatepost.web.dependencies import RequestWork


async def find_registrar(request: Request, work: RequestWork) -> Principal | None:
    """The calling admin if registration is closed; None if it is open.

    If it is closed, raises `RegistrationClosed` for other callers and for requests without
    credentials, and as `find_caller` does for bad ones.
    """
    runtime = work.runtime
    if runtime.settings.registration.registration_open:
        return None
    await work.commit_and_release()  # a request must never need two connections at once
    registrar = None
    with suppress(NotAuthenticated):
        caller, _ = await find_caller(request, runtime)
        registrar = caller.principal
    require_registrar(work, registrar)
    return registrar


Registrar = Annotated[Principal | None, Depends(find_registrar, scope="function")]

MayRegister = Depends(find_registrar, scope="function")
"""The same for a route's `dependencies`, so that it runs before the body is handled."""
