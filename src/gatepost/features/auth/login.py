"""Logging in by password: read, let go, hash, write."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gatepost.features.accounts import lockout
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import Credentials, User
from gatepost.features.audit import service as audit
from gatepost.features.auth import events
from gatepost.features.auth.errors import InvalidCredentials
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.tokens import TokenPair
from gatepost.security.hash_pool import ServerBusy
from gatepost.security.passwords import UnusablePassword
from gatepost.work import Work, write

T = TypeVar("T")

PASSWORD = "password"  # noqa: S105 - the name of the method

_ATTEMPTS = 3
"""How often a hash may be replaced under a login's hands before the login is refused."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """What was verified: the transaction that follows must find it unchanged."""

    known: Credentials
    rehashed: str | None


async def log_in(work: Work, login: str, password: str) -> TokenPair:
    """Start a session for whom the credentials name; raises as `authenticate` does."""
    proof = await _verify(work, login, password)
    await sessions.get_ready(work)
    pair = await _start_at_once(work, proof)
    if pair is not None:
        return pair
    return await _with_user(work, login, password, proof, partial(_start, work))


async def authenticate(work: Work, login: str, password: str) -> User:
    """The user whom the credentials belong to, locked until the transaction ends.

    An unknown user costs as much as a known one, and a disabled one is refused like a wrong
    password: raises `InvalidCredentials`, and after several of them `LoginLocked`, even where the
    password is right.
    """

    async def give(user: User) -> User:
        return user

    return await _with_user(work, login, password, await _verify(work, login, password), give)


async def _start_at_once(work: Work, proof: _Proof) -> TokenPair | None:
    """Start the session in one statement, which finds the user unchanged; None if none was."""
    known = proof.known
    if not work.runtime.autocommit.is_direct or proof.rehashed is not None:
        return None
    opening = await sessions.prepare(work, known.id, known.role, PASSWORD)
    if opening is None:
        return None
    about = audit.About(user_id=known.id, method=PASSWORD)
    success = audit.prepare(work, events.LOGIN_SUCCEEDED, about)
    rows = [opening.session, *map(audit.insertion, (opening.event, success))]
    if not await accounts.insert_while_unchanged(work, known, opening.room, rows):
        return None
    pair = sessions.issue(work, opening)
    audit.tell(work, success)
    return pair


async def _start(work: Work, user: User) -> TokenPair:
    pair = await sessions.start(work, user.id, user.role, PASSWORD)
    about = audit.About(user_id=user.id, method=PASSWORD)
    await audit.record(work, events.LOGIN_SUCCEEDED, about)
    return pair


async def _with_user(
    work: Work, login: str, password: str, proof: _Proof, story: Callable[[User], Awaitable[T]]
) -> T:
    """Run a story with the user locked whose password was verified, and who is the same as then."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await work.commit_and_release()  # nobody is kept waiting while a password is hashed
            # Another login rehashed it, or its owner changed it: verify against what it is now.
            proof = await _verify(work, login, password)
        answer = await write(work, partial(_while_unchanged, work, login, proof, story))
        if answer is not None:
            return answer
    raise await _refusal(work, login, proof.known.id)


async def _while_unchanged(
    work: Work, login: str, proof: _Proof, story: Callable[[User], Awaitable[T]]
) -> T | None:
    """Run the story with the user locked; None where the password is another one by now."""
    user = await accounts.find_for_update(work, proof.known.id)
    if user is None or not user.is_active:
        raise await _refusal(work, login, proof.known.id)  # deleted or disabled meanwhile
    if user.password_hash != proof.known.password_hash:
        return None
    if proof.rehashed is not None:
        await accounts.store_rehashed(work, user.id, proof.rehashed)
    return await story(user)


async def _verify(work: Work, login: str, password: str) -> _Proof:
    known = await accounts.find_credentials(work, login)
    user_id = None if known is None else known.id
    password_hash = None if known is None else known.password_hash
    may_log_in = known is not None and known.is_active
    await work.commit_and_release()
    account = lockout.account_of(user_id, login)
    async with work.runtime.lockout.attempt(account, work.origin.address) as attempt:
        verification = await work.runtime.passwords.verify(password, password_hash)
        attempt.succeeded = verification.matches and may_log_in
    if attempt.locked:
        await lockout.record_lock(work, user_id)
    if not attempt.succeeded or known is None:
        raise await _refusal(work, login, user_id)
    rehashed = await _rehash(work, password) if verification.needs_rehash else None
    return _Proof(known, rehashed)


async def _rehash(work: Work, password: str) -> str | None:
    """Today's hash of a password that was right; None where there can be none, or none now."""
    try:
        return await work.runtime.passwords.hash(password)
    except (UnusablePassword, ServerBusy):
        return None  # the next login will try again


async def _refusal(work: Work, login: str, user_id: int | None) -> InvalidCredentials:
    """The refusal to raise, remembered: it keeps what was written, but never what was typed."""
    key = audit.fingerprint(work, accounts.key_of_login(login))
    details = {"login": key} if user_id is None else {}
    about = audit.About(user_id=user_id, method=PASSWORD, details=details)
    await audit.record(work, events.LOGIN_FAILED, about)
    return InvalidCredentials()
