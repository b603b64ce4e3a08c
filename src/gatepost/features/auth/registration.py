"""Making an account of one's own, or for others where registration is closed."""

from gatepost.features.accounts import passwords
from gatepost.features.accounts.models import User
from gatepost.features.accounts.passwords import NewAccount
from gatepost.features.auth.errors import RegistrationClosed
from gatepost.features.callers.permissions import ADMINS, is_allowed
from gatepost.features.callers.principal import Principal
from gatepost.work import Work


async def register(work: Work, new: NewAccount, registrar: Principal | None = None) -> User:
    """Make an account.

    Raises `RegistrationClosed`, and as `passwords.create` does.
    """
    return await passwords.create(work, new, actor_id=refuse_if_closed(work, registrar))


def refuse_if_closed(work: Work, registrar: Principal | None) -> int | None:
    """Return the id of the admin who makes the account, where only admins may; else None.

    Raises `RegistrationClosed` for all others where registration is closed.
    """
    if work.runtime.settings.registration.registration_open:
        return None
    if registrar is None or not is_allowed(registrar, ADMINS):
        raise RegistrationClosed
    return registrar.user_id
