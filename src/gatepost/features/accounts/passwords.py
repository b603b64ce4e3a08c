"""Sets passwords: checks the policy, hashes without a transaction, then stores the hash."""

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
    """Check a password against the policy, and hash it; raises `WeakPassword` with all unmet rules.

    No transaction may be open: call `work.commit_and_release()` before. `loc` is the password's
    location in the request.
    """
    accepted = password_policy.check(password, work.runtime.settings.passwords, identities, loc=loc)
    return await work.runtime.passwords.hash(accepted)


async def change(work: Work, principal: Principal, current: str, new: str) -> None:
    """Change the caller's own password, and end all of their sessions but this one.

    Raises `WrongPassword`, `LoginLocked` or `WeakPassword`.
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

    A new email address requires the current password: raises as `confirm` does, and
    `ValidationFailed` without a password.
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
    """Verify the caller's password again, and return the user, whose row is then locked.

    A wrong password is recorded and counts as a failed login: raises `WrongPassword`, and
    `LoginLocked` after several. Raises `InvalidToken` if the user is disabled.
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
    """Lock the caller's row and return it, if neither password nor activity has changed since."""
    user = await accounts.find_for_update(work, principal.user_id)
    if user is None or not user.is_active:
        raise InvalidToken
    if user.password_hash != hashed:
        raise WrongPassword
    return user


async def reset(work: Work, user_id: int, new: str, *, actor_id: int | None = None) -> None:
    """Set a user's password, and end all of their sessions; raises `WeakPassword`."""
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
    """An account to create. Without a password, a login by password is impossible."""

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
    user = await to_new_user(work, new)
    return await work.write(accounts.create, user, actor_id=actor_id)


async def to_new_user(work: Work, new: NewAccount) -> NewUser:
    """Validate a new account and hash its password. No transaction may be open.

    Raises `WeakPassword`, and `ValidationFailed` for an email domain that is not allowed.
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
    """Add an admin if there is none; False if there is one. Safe to call in several processes."""
    if await accounts.has_active_admin(work):
        return False
    try:
        await create_admin(work, email, password, full_name)
    except EmailTaken:
        if await accounts.has_active_admin(work):
            return False  # another process has just added one
        raise
    return True


def identities_of(user: User) -> tuple[str | None, ...]:
    """The texts that a password must not resemble."""
    return user.email, user.username, user.full_name
