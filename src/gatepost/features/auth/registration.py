"""Making an account."""

from gatepost.features.accounts import passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import User
from gatepost.features.accounts.service import NewUser
from gatepost.features.auth.errors import RegistrationClosed
from gatepost.features.auth.schemas import Registration
from gatepost.work import Work, write


async def register(work: Work, registration: Registration) -> User:
    """Make an account with the role `user`.

    Raises `RegistrationClosed`, `WeakPassword`, `EmailTaken` or `UsernameTaken`, and
    `ValidationFailed` as `prepare` does.
    """
    refuse_if_closed(work)
    await work.let_go()
    new = await prepare(work, registration)
    return await write(work, lambda: accounts.create(work, new))


async def prepare(work: Work, registration: Registration) -> NewUser:
    """Hash the password; raises `WeakPassword`. The caller holds no transaction.

    Raises `ValidationFailed` for an address at a domain that this service does not take.
    """
    accounts.refuse_special_domain(work, registration.email)
    email, username, name = registration.email, registration.username, registration.full_name
    password_hash = await passwords.hash_new(work, registration.password, (email, username, name))
    return NewUser(email, password_hash, username=username, full_name=name)


def refuse_if_closed(work: Work) -> None:
    if not work.runtime.settings.registration_open:
        raise RegistrationClosed
