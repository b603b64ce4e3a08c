"""Logs users in: by a password, and by the steps after it, such as a second factor."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gatepost.features.accounts import lockout
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import Credentials, User
from gatepost.features.accounts.proof import PASSWORD, prove_password
from gatepost.features.audit import service as audit
from gatepost.features.auth import events, pending_logins, steps
from gatepost.features.auth.errors import InvalidCredentials
from gatepost.features.auth.steps import UnfinishedLogin
from gatepost.features.callers.authentication import Authentication, Proof
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.tokens import TokenPair
from gatepost.security.hash_pool import ServerBusy
from gatepost.security.passwords import UnusablePassword
from gatepost.work import Work

T = TypeVar("T")

_TRIES = 3
"""How often a login is tried while the user's credentials change at the same time."""

Prove = Callable[[Work, UnfinishedLogin], Awaitable[Proof]]


async def log_in(work: Work, login: str, password: str) -> TokenPair:
    """Log a user in by password, and start the session; raises as `authenticate` does.

    If a step requires another proof, raises its problem, with a token for `resume`.
    """
    return await _with_proof(work, login, password, _start)


async def resume(work: Work, token: str, prove: Prove) -> TokenPair:
    """Continue a login with the next proof, and start the session; each token works once.

    `prove` verifies the proof, and raises the problem of a wrong one; the login ends after five
    attempts. Raises `InvalidToken` for a used or expired token, and if the user has changed since;
    the problem of a further step; or `StoreUnavailable`.
    """
    pending = pending_logins.open_token(work, token)
    await pending_logins.begin_attempt(work, pending)
    user = await accounts.find_credentials_of(work, pending.user_id)
    await work.commit_and_release()
    if user is None or not pending.is_of(user):
        raise InvalidToken
    proof = await prove(work, UnfinishedLogin(user, pending.authentication))
    await work.commit_and_release()
    await pending_logins.use(work, pending)
    finished = UnfinishedLogin(user, pending.authentication.with_proof(proof))
    pair = await work.write(_start, finished, None)
    if pair is None:
        raise InvalidToken
    return pair


async def authenticate(work: Work, login: str, password: str) -> User:
    """The user with these credentials, locked until the transaction ends.

    Raises `InvalidCredentials` for a wrong password and for unknown or disabled users, after the
    same time; and `LoginLocked` after several failures, even if the password is right.
    """
    return await _with_proof(work, login, password, _lock)


async def _with_proof(
    work: Work,
    login: str,
    password: str,
    action: Callable[[Work, UnfinishedLogin, str | None], Awaitable[T | None]],
) -> T:
    """Verify the password, and run the action with the user in a transaction.

    The action returns None if the user has changed since; then all is tried again. It also takes a
    new hash to store, if the present one has another cost than new hashes.
    """
    for _ in range(_TRIES):
        proved, new_hash = await _prove(work, login, password)
        answer = await work.write(action, proved, new_hash)
        if answer is not None:
            return answer
        user = await accounts.find(work, proved.user.id)
        if user is None or not user.is_active:
            break
    raise await _record_failure(work, login, proved.user.id)


async def _start(work: Work, login: UnfinishedLogin, new_hash: str | None) -> TokenPair | None:
    """Insert the session and its audit events, unless a step requires another proof."""
    await sessions.prepare_to_start(work)
    user = await _rehashed(work, login.user, new_hash)
    if user is None:
        return None
    await steps.require_all(work, login)
    about = audit.EventContext(user_id=user.id, method=login.authentication.method)
    success = audit.new_event(work, events.LOGIN_SUCCEEDED, about)
    pair = await sessions.start(
        work,
        user,
        login.authentication,
        also=[audit.row_of(success)],
        if_unchanged=accounts.is_unchanged(user),
    )
    if pair is not None:
        audit.publish_after_commit(work, success)
    return pair


async def _lock(work: Work, login: UnfinishedLogin, new_hash: str | None) -> User | None:
    user = await _rehashed(work, login.user, new_hash)
    if user is None or not await work.hold(accounts.is_unchanged(user)):
        return None
    return await accounts.find(work, user.id)


async def _rehashed(work: Work, user: Credentials, new_hash: str | None) -> Credentials | None:
    """The credentials, with the new hash stored if there is one; None if they have changed."""
    return user if new_hash is None else await accounts.replace_hash(work, user, new_hash)


async def _prove(work: Work, login: str, password: str) -> tuple[UnfinishedLogin, str | None]:
    """The user whose password this is, and a new hash of it if it has to be rehashed."""
    known = await accounts.find_credentials(work, login)
    user_id = None if known is None else known.id
    check = await prove_password(work, known, password, lockout.account_of(user_id, login))
    if check.has_locked:
        await lockout.record_lock(work, user_id)
    if check.proof is None or known is None:
        raise await _record_failure(work, login, user_id)
    new_hash = await _rehash(work, password) if check.needs_rehash else None
    return UnfinishedLogin(known, Authentication((check.proof,))), new_hash


async def _rehash(work: Work, password: str) -> str | None:
    """A new hash of a verified password; None if it cannot be hashed, or the server is busy."""
    try:
        return await work.runtime.passwords.hash(password)
    except (UnusablePassword, ServerBusy):
        return None  # the next login will try again


async def _record_failure(work: Work, login: str, user_id: int | None) -> InvalidCredentials:
    """Record the failed login, without the text typed, and return the problem to raise."""
    key = audit.fingerprint(work, accounts.key_of_login(login))
    details = {"login": key} if user_id is None else {}
    about = audit.EventContext(user_id=user_id, method=PASSWORD, details=details)
    await audit.record(work, events.LOGIN_FAILED, about)
    return InvalidCredentials()
