"""Logging in: by a first proof, which is a password, and the steps after it."""

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

_ATTEMPTS = 3
"""How often a hash may be replaced under a login's hands before the login is refused."""

Prove = Callable[[Work, UnfinishedLogin], Awaitable[Proof]]


async def log_in(work: Work, login: str, password: str) -> TokenPair:
    """Start a session for the user whom the credentials name; raises as `authenticate` does.

    Raises the refusal of a step that asks for more; by the token in it `resume` goes on.
    """
    return await _with_proof(work, login, password, _start)


async def resume(work: Work, token: str, prove: Prove) -> TokenPair:
    """Go on with a login that a step has stopped, and start the session; each token does once.

    `prove` raises the problem of a wrong proof, which counts: five of them end the login. Raises
    `InvalidToken` for a token that is used, too old or of a user who has changed since, and the
    refusal of the next step that asks for more. Raises `StoreUnavailable`.
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
    """The user whom the credentials belong to, locked until the transaction ends.

    An unknown user costs as much as a known one, and a disabled one is refused like a wrong
    password: raises `InvalidCredentials`, and after several of them `LoginLocked`, even where the
    password is right.
    """
    return await _with_proof(work, login, password, _lock)


async def _with_proof(
    work: Work,
    login: str,
    password: str,
    story: Callable[[Work, UnfinishedLogin, str | None], Awaitable[T | None]],
) -> T:
    """Verify the password and run a story, which returns None if the user has changed since.

    The story takes the hash to store, if the present one is not of today's cost.
    """
    for _ in range(_ATTEMPTS):
        proved, new_hash = await _prove(work, login, password)
        answer = await work.write(story, proved, new_hash)
        if answer is not None:
            return answer
        user = await accounts.find(work, proved.user.id)
        if user is None or not user.is_active:
            break
    raise await _refusal(work, login, proved.user.id)


async def _start(work: Work, login: UnfinishedLogin, new_hash: str | None) -> TokenPair | None:
    """Write the session and its audit events at once, if no step asks for more."""
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
    """The credentials under today's hash; None if they have changed since they were proved."""
    return user if new_hash is None else await accounts.replace_hash(work, user, new_hash)


async def _prove(work: Work, login: str, password: str) -> tuple[UnfinishedLogin, str | None]:
    """The user whose password this is, and today's hash of it where it needs another one."""
    known = await accounts.find_credentials(work, login)
    user_id = None if known is None else known.id
    check = await prove_password(work, known, password, lockout.account_of(user_id, login))
    if check.has_locked:
        await lockout.record_lock(work, user_id)
    if check.proof is None or known is None:
        raise await _refusal(work, login, user_id)
    new_hash = await _hash_anew(work, password) if check.needs_rehash else None
    return UnfinishedLogin(known, Authentication((check.proof,))), new_hash


async def _hash_anew(work: Work, password: str) -> str | None:
    """Today's hash of a password that was right; None where there can be none, or none now."""
    try:
        return await work.runtime.passwords.hash(password)
    except (UnusablePassword, ServerBusy):
        return None  # the next login will try again


async def _refusal(work: Work, login: str, user_id: int | None) -> InvalidCredentials:
    """Record the failed login, without what was typed, and return the refusal to raise."""
    key = audit.fingerprint(work, accounts.key_of_login(login))
    details = {"login": key} if user_id is None else {}
    about = audit.EventContext(user_id=user_id, method=PASSWORD, details=details)
    await audit.record(work, events.LOGIN_FAILED, about)
    return InvalidCredentials()
