"""Logging in by password: read, let go, hash, write."""

from dataclasses import dataclass

from gatepost.features.accounts import lockout
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import User
from gatepost.features.audit import service as audit
from gatepost.features.audit.events import Event
from gatepost.features.auth.errors import InvalidCredentials
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.tokens import TokenPair
from gatepost.security.hash_pool import ServerBusy
from gatepost.security.passwords import UnusablePassword
from gatepost.work import Work

PASSWORD = "password"  # noqa: S105 - the name of the method

_ATTEMPTS = 3
"""How often a hash may be replaced under a login's hands before the login is refused."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """What was verified: the transaction that follows must find it unchanged."""

    user_id: int
    password_hash: str
    rehashed: str | None


async def log_in(work: Work, login: str, password: str) -> TokenPair:
    """Start a session for whom the credentials name; raises as `authenticate` does."""
    user = await authenticate(work, login, password)
    pair = await sessions.start(work, user.id, user.role, PASSWORD)
    about = audit.About(user_id=user.id, method=PASSWORD)
    await audit.record(work, Event.LOGIN_SUCCEEDED, about)
    return pair


async def authenticate(work: Work, login: str, password: str) -> User:
    """The user whom the credentials belong to, locked until the transaction ends.

    An unknown user costs as much as a known one, and a disabled one is refused like a wrong
    password: raises `InvalidCredentials`, and after several of them `LoginLocked`, even where the
    password is right.
    """
    for _ in range(_ATTEMPTS):
        proof = await _verify(work, login, password)
        user = await accounts.find_locked(work, proof.user_id)
        if user is None or not user.is_active:
            raise await _refusal(work, login, proof.user_id)  # deleted or disabled while we hashed
        if user.password_hash == proof.password_hash:
            if proof.rehashed is not None:
                await accounts.store_rehashed(work, user.id, proof.rehashed)
            return user
        # Another login rehashed it, or its owner changed it: verify against what it is now.
    raise await _refusal(work, login, proof.user_id)


async def _verify(work: Work, login: str, password: str) -> _Proof:
    credentials = await accounts.find_credentials(work, login)
    user_id = None if credentials is None else credentials.id
    password_hash = None if credentials is None else credentials.password_hash
    may_log_in = credentials is not None and credentials.is_active
    await work.let_go()
    account = lockout.account_of(user_id, login)
    async with work.runtime.lockout.attempt(account, work.origin.address) as attempt:
        verification = await work.runtime.passwords.verify(password, password_hash)
        attempt.succeeded = verification.matches and may_log_in
    if attempt.locked:
        await lockout.record_lock(work, user_id)
    if not attempt.succeeded or user_id is None or password_hash is None:
        raise await _refusal(work, login, user_id)
    rehashed = await _rehash(work, password) if verification.needs_rehash else None
    return _Proof(user_id, password_hash, rehashed)


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
    await audit.record(work, Event.LOGIN_FAILED, about)
    return InvalidCredentials()
