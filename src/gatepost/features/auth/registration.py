"""Making an account."""

from gatepost.features.accounts import passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import User
from gatepost.features.accounts.service import NewUser
from gatepost.features.auth.errors import RegistrationClosed
from gatepost.features.auth.schemas import Registration
from gatepost.features.callers.permissions import ADMINS, is_allowed
from gatepost.features.callers.principal import Principal
from gatepost.work import Work


async def register(
    work: Work, registration: Registration, registrar: Principal | None = None
) -> User:
    """Make an account with the role `user`.

    Raises `RegistrationClosed`, `WeakPassword`, `EmailTaken` or `UsernameTaken`, and
    `ValidationFailed` as `prepare` does.
    """
    actor_id = refuse_if_closed(work, registrar)
    await work.commit_and_release()
    new = await prepare(work, registration)
    return await work.write(accounts.create, new, actor_id=actor_id)


async def prepare(work: Work, registration: Registration) -> NewUser:
    """Hash the password; raises `WeakPassword`. The caller holds no transaction.

    Raises `ValidationFailed` for an address at a domain that this service does not take.
    """
    accounts.refuse_special_domain(work, registration.email)
    email, username, name = registration.email, registration.username, registration.full_name
    password_hash = await passwords.hash_new(work, registration.password, (email, username, name))
    return NewUser(email, password_hash, username=username, full_name=name)


def refuse_if_closed(work: Work, registrar: Principal | None) -> int | None:
    """Return who makes the account, if it is an admin who does it for somebody else.

    Raises `RegistrationClosed` for all others where registration is closed.
    """
    if work.runtime.settings.registration_open:
        return None
    if registrar is None or not is_allowed(registrar, ADMINS):
        raise RegistrationClosed
    return registrar.user_id
