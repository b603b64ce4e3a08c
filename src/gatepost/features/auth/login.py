"""Logging in by password: read, release the connection, hash, write."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
from gatepost.work import Work

T = TypeVar("T")

PASSWORD = "password"  # noqa: S105 - the name of the method

_ATTEMPTS = 3
"""How often a hash may be replaced under a login's hands before the login is refused."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """The credentials that a password was verified against; they are compared once more."""

    known: Credentials
    rehashed: str | None


async def log_in(work: Work, login: str, password: str) -> TokenPair:
    """Start a session for whom the credentials name; raises as `authenticate` does."""
    return await _with_proof(work, login, password, _start)


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
    story: Callable[[Work, _Proof], Awaitable[T | None]],
) -> T:
    """Verify the password and run a story, which returns None if the user has changed since."""
    for _ in range(_ATTEMPTS):
        proof = await _verify(work, login, password)
        answer = await work.write(story, proof)
        if answer is not None:
            return answer
        user = await accounts.find(work, proof.known.id)
        if user is None or not user.is_active:
            break
    raise await _refusal(work, login, proof.known.id)


async def _start(work: Work, proof: _Proof) -> TokenPair | None:
    """Write the session and what the audit log says of it, all at once."""
    await sessions.get_ready(work)
    known = await _rehashed(work, proof)
    if known is None:
        return None
    about = audit.About(user_id=known.id, method=PASSWORD)
    success = audit.prepare(work, events.LOGIN_SUCCEEDED, about)
    pair = await sessions.start(
        work,
        known.id,
        known.role,
        PASSWORD,
        also=[audit.row_of(success)],
        if_unchanged=accounts.is_unchanged(known),
    )
    if pair is not None:
        audit.publish_after_commit(work, success)
    return pair


async def _lock(work: Work, proof: _Proof) -> User | None:
    known = await _rehashed(work, proof)
    if known is None or not await work.hold(accounts.is_unchanged(known)):
        return None
    return await accounts.find(work, known.id)


async def _rehashed(work: Work, proof: _Proof) -> Credentials | None:
    """The credentials under today's hash; None if they have changed since they were proved."""
    if proof.rehashed is None:
        return proof.known
    return await accounts.replace_hash(work, proof.known, proof.rehashed)


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
