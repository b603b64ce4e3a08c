"""Registers an account: by anybody, or by admins only if registration is closed."""

from gatepost.features.accounts import passwords
from gatepost.features.accounts.models import User
from gatepost.features.accounts.passwords import NewAccount
from gatepost.features.auth.errors import RegistrationClosed
from gatepost.features.callers.permissions import ADMINS, is_allowed
from gatepost.features.callers.principal import Principal
from gatepost.work import Work


async def register(work: Work, new: NewAccount, registrar: Principal | None = None) -> User:
    """Create an account; raises `RegistrationClosed`, and as `passwords.create` does."""
    return await passwords.create(work, new, actor_id=require_registrar(work, registrar))


def require_registrar(work: Work, registrar: Principal | None) -> int | None:
    """The id of the admin if registration is closed; None if it is open.

    Raises `RegistrationClosed` if it is closed and the registrar is no admin.
    """
    if work.runtime.settings.registration.registration_open:
        return None
    if registrar is None or not is_allowed(registrar, ADMINS):
        raise RegistrationClosed
    return registrar.user_id
