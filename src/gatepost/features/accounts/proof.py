"""Proof by password: for a login, and for a caller who confirms who they are."""

from dataclasses import dataclass
from typing import Final

from gatepost.features.accounts.models import Credentials
from gatepost.features.callers.authentication import Factor, Proof
from gatepost.work import Work

PASSWORD: Final = "password"  # noqa: S105 - the name of the method


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """The outcome of comparing a password: a proof, or None if it was wrong."""

    proof: Proof | None
    has_locked: bool
    """Whether this failure was the one that locked the account."""
    needs_rehash: bool


async def prove_password(
    work: Work, known: Credentials | None, password: str, account: str
) -> PasswordCheck:
    """Compare a password with a user's; a failure counts against the `account` of the lockout.

    Nothing is held meanwhile: what the work did is committed first, and `known` has to be compared
    again before anything goes by the proof. A user who is unknown or disabled costs as much and
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
