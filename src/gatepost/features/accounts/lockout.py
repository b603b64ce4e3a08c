"""The lockout of accounts: the key that failures are counted under, and unlocking."""

from gatepost.features.accounts import events
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import User
from gatepost.features.audit import service as audit
from gatepost.work import Work


def account_of(user_id: int | None, login: str) -> str:
    """The key of an account in the lockout: by user, or by `login` if that names no user.

    All logins of a user, by email address or username, share one key.
    """
    if user_id is not None:
        return f"user {user_id}"
    return f"nobody {accounts.key_of_login(login)}"


async def record_lock(work: Work, user_id: int | None) -> None:
    """Record in the audit log that this request's failure locked the account."""
    await audit.record(work, events.LOGIN_LOCKED, audit.EventContext(user_id=user_id))


async def unlock(work: Work, user_id: int, *, actor_id: int) -> User:
    """Reset a user's failed attempts; raises `UserNotFound` or `StoreUnavailable`."""
    user = await accounts.get(work, user_id)
    await work.commit_and_release()
    await work.runtime.lockout.unlock(account_of(user.id, ""))
    await audit.record(
        work, events.LOGIN_UNLOCKED, audit.EventContext(user_id=user_id, actor_id=actor_id)
    )
    return user


async def unlock_elsewhere(work: Work, user_id: int) -> User:
    """As `unlock`, from a process that does not serve requests."""
    user = await accounts.get(work, user_id)
    await work.commit_and_release()
    await work.runtime.lockout.unlock_elsewhere(account_of(user.id, ""))
    await audit.record(work, events.LOGIN_UNLOCKED, audit.EventContext(user_id=user_id))
    return user
