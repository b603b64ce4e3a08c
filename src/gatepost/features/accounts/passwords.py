"""Setting a password: judged, hashed while nothing is held, then stored in a short transaction."""

from dataclasses import dataclass
from typing import Any

from gatepost.errors import ValidationFailed
from gatepost.features.accounts import events, lockout
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import EmailTaken, WrongPassword
from gatepost.features.accounts.models import User
from gatepost.features.accounts.proof import PASSWORD, prove_password
from gatepost.features.accounts.service import NewUser
from gatepost.features.audit import service as audit
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.callers.principal import Principal
from gatepost.features.callers.roles import Role
from gatepost.features.sessions import service as sessions
from gatepost.security import password_policy
from gatepost.work import Work

_NEEDS_PASSWORD = {
    "loc": ["body", "current_password"],
    "msg": "Give the current password to change the email address.",
    "type": "missing",
}


async def hash_new(
    work: Work,
    password: str,
    identities: tuple[str | None, ...],
    loc: tuple[str, ...] = ("body", "password"),
) -> str:
    """Hash a password that meets the policy; raises `WeakPassword` naming every unmet rule.

    The caller holds no transaction: `work.commit_and_release()` comes first. `loc` is where in the
    request the password stands.
    """
    accepted = password_policy.check(password, work.runtime.settings.passwords, identities, loc=loc)
    return await work.runtime.passwords.hash(accepted)


async def change(work: Work, principal: Principal, current: str, new: str) -> None:
    """Change the caller's own password and end their other sessions.

    Raises `WrongPassword` or `WeakPassword`; the session in use goes on.
    """
    user = await confirm(work, principal, current)
    confirmed_hash, identities = user.password_hash, identities_of(user)
    await work.commit_and_release()
    new_hash = await hash_new(work, new, identities, ("body", "new_password"))

    async def store(work: Work) -> None:
        await _lock_unchanged(work, principal, confirmed_hash)
        await accounts.store_new_password(work, principal.user_id, new_hash)
        await sessions.end_all(work, principal.user_id, but=principal.session_id)
        about = audit.EventContext(user_id=principal.user_id, session_id=principal.session_id)
        await audit.record(work, events.PASSWORD_CHANGED, about)

    await work.write(store)


async def change_own_profile(
    work: Work, principal: Principal, changes: dict[str, Any], current: str | None
) -> User:
    """Change the caller's profile, as `accounts.change_profile` does.

    A new email address takes the current password, which is compared as `confirm` does: raises as
    that does, too, and `ValidationFailed` without it.
    """
    user_id, hashed = principal.user_id, None
    is_confirmed = "email" in changes
    if is_confirmed:
        if current is None:
            raise ValidationFailed(errors=[_NEEDS_PASSWORD])
        hashed = (await confirm(work, principal, current)).password_hash

    async def change_it(work: Work) -> User:
        if is_confirmed:
            await _lock_unchanged(work, principal, hashed)
        return await accounts.change_profile(work, user_id, changes, actor_id=user_id)

    return await work.write(change_it)


async def confirm(work: Work, principal: Principal, password: str) -> User:
    """Let the caller prove the password once more; returns them, locked until it is used.

    Raises `WrongPassword`, and records it; it counts like a failed login, and after several of
    them this raises `LoginLocked`. Raises `InvalidToken` for a user who is disabled.
    """
    known = await accounts.find_credentials_of(work, principal.user_id)
    if known is not None and not known.is_active:
        raise InvalidToken
    account = lockout.account_of(principal.user_id, "")
    check = await prove_password(work, known, password, account)
    if check.proof is not None and known is not None:
        return await _lock_unchanged(work, principal, known.password_hash)
    about = audit.EventContext(
        user_id=principal.user_id, session_id=principal.session_id, method=PASSWORD
    )
    if check.has_locked:
        await audit.record_in_own_transaction(work, events.LOGIN_LOCKED, about)
    await audit.record_in_own_transaction(work, events.PASSWORD_CHANGE_FAILED, about)
    raise WrongPassword


async def _lock_unchanged(work: Work, principal: Principal, hashed: str | None) -> User:
    """Lock and return the caller, if they are as they were before a password was hashed."""
    user = await accounts.find_for_update(work, principal.user_id)
    if user is None or not user.is_active:
        raise InvalidToken
    if user.password_hash != hashed:
        raise WrongPassword
    return user


async def reset(work: Work, user_id: int, new: str, *, actor_id: int | None = None) -> None:
    """Set a password for a user and end all their sessions; raises `WeakPassword`."""
    user = await accounts.get(work, user_id)
    await work.commit_and_release()
    new_hash = await hash_new(work, new, identities_of(user))

    async def store(work: Work) -> None:
        await accounts.get_for_update(work, user_id)
        await accounts.store_new_password(work, user_id, new_hash)
        await sessions.end_all(work, user_id, actor_id=actor_id)
        about = audit.EventContext(user_id=user_id, actor_id=actor_id)
        await audit.record(work, events.PASSWORD_CHANGED, about)

    await work.write(store)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made. Without a password no password logs in to it."""

    email: str
    password: str | None = None
    username: str | None = None
    full_name: str | None = None
    role: Role = Role.USER
    email_verified: bool = False


async def create(work: Work, new: NewAccount, *, actor_id: int | None = None) -> User:
    """Add an account; raises `WeakPassword`, `EmailTaken` or `UsernameTaken`.

    Raises `ValidationFailed` as `accounts.create` does.
    """
    await work.commit_and_release()
    prepared = await prepare(work, new)
    return await work.write(accounts.create, prepared, actor_id=actor_id)


async def prepare(work: Work, new: NewAccount) -> NewUser:
    """Hash the password; raises `WeakPassword`. The caller holds no transaction.

    Raises `ValidationFailed` for an address at a domain that this service does not take.
    """
    accounts.refuse_special_domain(work, new.email)
    password_hash = None
    if new.password is not None:
        identities = (new.email, new.username, new.full_name)
        password_hash = await hash_new(work, new.password, identities)
    return NewUser(
        new.email,
        password_hash,
        username=new.username,
        full_name=new.full_name,
        role=new.role,
        email_verified=new.email_verified,
    )


async def create_admin(work: Work, email: str, password: str, full_name: str | None = None) -> User:
    """Add an admin; raises `WeakPassword` or `EmailTaken`."""
    new = NewAccount(email, password, full_name=full_name, role=Role.ADMIN, email_verified=True)
    return await create(work, new)


async def create_first_admin(
    work: Work, email: str, password: str, full_name: str | None = None
) -> bool:
    """Add an admin if there is none; False if there is one. Several processes may try at once."""
    if await accounts.has_active_admin(work):
        return False
    try:
        await create_admin(work, email, password, full_name)
    except EmailTaken:
        if await accounts.has_active_admin(work):
            return False  # another process was quicker
        raise
    return True


def identities_of(user: User) -> tuple[str | None, ...]:
    """What a password must not be close to."""
    return user.email, user.username, user.full_name
