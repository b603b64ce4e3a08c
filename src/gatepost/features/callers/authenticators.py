"""The ways to authenticate a request, tried in order."""

from typing import Protocol

from starlette.types import Scope

from gatepost.features.callers.cache import CachedCaller
from gatepost.features.callers.errors import NotAuthenticated
from gatepost.runtime import Runtime
from gatepost.settings import CoreSettings
from gatepost.work import Work


class Credential(Protocol):
    """A credential as a request sends it, not yet verified."""

    @property
    def is_ambient(self) -> bool:
        """Whether browsers send it on their own, so that CSRF is possible."""

    def find_cached(self, runtime: Runtime) -> CachedCaller | None:
        """The caller from this process's cache; None if they have to be loaded.

        Raises `InvalidToken` for a credential that is bad without a look at the database.
        """

    async def load(self, work: Work) -> CachedCaller:
        """Read the caller from the database; call it before any other query of this work.

        Raises `InvalidToken`.
        """


class Authenticator(Protocol):
    """Finds credentials of one kind."""

    def find_credential(self, scope: Scope, settings: CoreSettings) -> Credential | None:
        """The request's credential of this kind; None if it has none.

        Raises `InvalidToken` for several: a proxy may have checked another one than we would.
        """


def find_credential(scope: Scope, runtime: Runtime) -> Credential:
    """The request's credential: the first that any authenticator of the runtime finds.

    Raises `NotAuthenticated` if there is none, and `InvalidToken` as `Authenticator` does.
    """
    settings = runtime.settings
    for authenticator in runtime.authenticators:
        credential: Credential | None = authenticator.find_credential(scope, settings)
        if credential is not None:
            return credential
    raise NotAuthenticated
