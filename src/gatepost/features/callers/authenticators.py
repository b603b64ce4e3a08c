"""The ways in which a request can say who is calling, tried in order."""

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
        """Whether browsers send it by themselves, so that other sites can make them send it."""

    def find_cached(self, runtime: Runtime) -> CachedCaller | None:
        """The caller, if this process has them in its cache; None if they have to be loaded.

        Raises `InvalidToken` for a credential that is known to be bad.
        """

    async def load(self, work: Work) -> CachedCaller:
        """Read the caller from the database; nothing is read in this work before.

        Raises `InvalidToken`.
        """


class Authenticator(Protocol):
    """Finds credentials of one kind."""

    def find_credential(self, scope: Scope, settings: CoreSettings) -> Credential | None:
        """The credential of this kind that a request sends; None if it sends none.

        Raises `InvalidToken` for several, of which a proxy may have looked at another one.
        """


def find_credential(scope: Scope, runtime: Runtime) -> Credential:
    """The credential that counts: the first that an authenticator of the runtime finds.

    Raises `NotAuthenticated` if none does, and `InvalidToken` as they do.
    """
    settings = runtime.settings
    for authenticator in runtime.authenticators:
        credential: Credential | None = authenticator.find_credential(scope, settings)
        if credential is not None:
            return credential
    raise NotAuthenticated
