"""Logins that wait for another proof: each is stored in an encrypted token, which works once.

The token itself holds the proofs, so that write access to the store does not allow a login. The
store only counts the attempts, and whether the token was used.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gatepost.features.accounts.models import Credentials
from gatepost.features.auth.state import AuthState
from gatepost.features.callers.authentication import Authentication, Factor, Proof
from gatepost.features.callers.errors import InvalidToken
from gatepost.security.encryption import DecryptionFailed
from gatepost.stores.entries import Entry, milliseconds
from gatepost.work import Work

LIFETIME: Final = timedelta(minutes=5)
MOST_ATTEMPTS: Final = 5

_CONTEXT = b"pending login"
_USED = b"used"


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """The content of a token: the user, and the proofs given so far."""

    id: str
    user_id: int
    password_changed_at: datetime
    authentication: Authentication

    def is_of(self, user: Credentials) -> bool:
        """Whether the user is active, and has the same password as when the login began."""
        return user.is_active and user.password_changed_at == self.password_changed_at


def seal(work: Work, user: Credentials, authentication: Authentication) -> str:
    """A token for a login that waits for another proof."""
    content = {
        "id": secrets.token_hex(16),
        "user": user.id,
        "changed": user.password_changed_at.isoformat(),
        "until": (work.now + LIFETIME).isoformat(),
        "proofs": [_as_json(proof) for proof in authentication.proofs],
    }
    sealed = work.runtime.state(AuthState).cipher.encrypt(
        json.dumps(content).encode(), context=_CONTEXT
    )
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_token(work: Work, token: str) -> PendingLogin:
    """The content of a token; raises `InvalidToken` if it is forged or expired."""
    cipher = work.runtime.state(AuthState).cipher
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        content = json.loads(cipher.decrypt(sealed, context=_CONTEXT))
    except (ValueError, binascii.Error, DecryptionFailed) as error:
        raise InvalidToken from error
    if datetime.fromisoformat(content["until"]) <= work.now:
        raise InvalidToken
    return PendingLogin(
        content["id"],
        content["user"],
        datetime.fromisoformat(content["changed"]),
        Authentication(tuple(map(_from_json, content["proofs"]))),
    )


async def begin_attempt(work: Work, pending: PendingLogin) -> None:
    """Count an attempt; raises `InvalidToken` if the login is completed, or had too many attempts.

    Raises `StoreUnavailable`. No transaction may be open.
    """
    if not await work.runtime.store.update(_key(pending), _count_attempt):
        raise InvalidToken


async def use(work: Work, pending: PendingLogin) -> None:
    """Mark the token as used; of concurrent requests one succeeds, the others get `InvalidToken`.

    Raises `StoreUnavailable`. No transaction may be open.
    """
    if not await work.runtime.store.update(_key(pending), _mark_used):
        raise InvalidToken


def _key(pending: PendingLogin) -> str:
    return f"pending-login:{pending.id}"


def _count_attempt(entry: Entry | None, now: int) -> tuple[Entry | None, bool]:
    if entry is not None and entry.value == _USED:
        return entry, False
    attempts = 1 + (0 if entry is None else int(entry.value))
    if attempts > MOST_ATTEMPTS:
        return entry, False
    return Entry(b"%d" % attempts, now + milliseconds(LIFETIME)), True


def _mark_used(entry: Entry | None, now: int) -> tuple[Entry | None, bool]:
    if entry is None or entry.value == _USED:
        return entry, False
    return Entry(_USED, now + milliseconds(LIFETIME)), True


def _as_json(proof: Proof) -> dict[str, object]:
    return {
        "method": proof.method,
        "at": proof.at.isoformat(),
        "amr": proof.amr,
        "factors": sorted(proof.factors),
        "detail": dict(proof.detail),
    }


def _from_json(proof: Mapping[str, Any]) -> Proof:
    return Proof(
        proof["method"],
        datetime.fromisoformat(proof["at"]),
        tuple(proof["amr"]),
        frozenset(map(Factor, proof["factors"])),
        proof["detail"],
    )
