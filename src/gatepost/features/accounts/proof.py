"""Proof by password: for a login, and for a caller who confirms their identity."""

from dataclasses import dataclass
from typing import Final

from gatepost.features.accounts.models import Credentials
from gatepost.features.callers.authentication import Factor, Proof
from gatepost.work import Work

PASSWORD: Final = "password"  # noqa: S105 - the name of the method


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """The result of verifying a password: a proof, or None if it was wrong."""

    proof: Proof | None
    has_locked: bool
    """Whether this failure has locked the account."""
    needs_rehash: bool


async def prove_password(
    work: Work, known: Credentials | None, password: str, account: str
) -> PasswordCheck:
    """Verify a user's password; a failure is counted under `account` in the lockout.

    The work is committed first, so no transaction is open while the password is hashed: check that
    `known` is unchanged before relying on the proof. An unknown or disabled user takes as long, and
    fails. Raises `LoginLocked` after several failures, or `ServerBusy`.
    """
    await work.commit_and_release()
    password_hash = None if known is None else known.password_hash
    async with work.runtime.lockout.attempt(account, work.origin.address) as attempt:
        verification = await work.runtime.passwords.verify(password, password_hash)
        attempt.succeeded = verification.matches and known is not None and known.is_active
    proof = None
    if attempt.succeeded:
        proof = Proof(PASSWORD, work.now, ("pwd",), frozenset({Factor.KNOWLEDGE}))
    return PasswordCheck(proof, attempt.locked, verification.needs_rehash)
