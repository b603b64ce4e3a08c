"""The signing keys of access tokens: stored encrypted, and rotated with an overlap."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gatepost.features.audit import service as audit
from gatepost.features.signing_keys import events, repository
from gatepost.features.signing_keys.errors import SigningKeysUnreadable
from gatepost.features.signing_keys.models import StoredKey
from gatepost.features.signing_keys.state import SigningKeysState
from gatepost.holding import expect_no_transaction
from gatepost.runtime import Runtime
from gatepost.security import tokens
from gatepost.security.encryption import DecryptionFailed
from gatepost.security.key_ring import KeyRing
from gatepost.security.tokens import Key
from gatepost.work import Work

log = logging.getLogger(__name__)

RING_LIFETIME = timedelta(minutes=1)
"""How long a process may sign with a key that another process has replaced."""

SHORTEST_OVERLAP = timedelta(hours=2)
"""A ring's lifetime, the longest access token (60 minutes), and a margin for cached JWKS."""

_REREAD_PAUSE = timedelta(seconds=1)


async def prepare_signing(work: Work) -> None:
    """Read the ring unless it was read in the last minute. No transaction may be open."""
    await _keys_younger_than(work, RING_LIFETIME)


def signing_key(runtime: Runtime) -> Key:
    """The key that signs; `prepare_signing` has read it before."""
    signing = runtime.state(SigningKeysState).ring.signing
    assert signing is not None  # noqa: S101 - a ring that was read holds a key
    return signing


def cached_keys(runtime: Runtime, now: datetime) -> Mapping[str | None, Key] | None:
    """The keys that verify tokens; None if they have to be read first."""
    ring = runtime.state(SigningKeysState).ring
    return ring.verifying if ring.is_younger(RING_LIFETIME, now) else None


async def verifying_keys(work: Work) -> Mapping[str | None, Key]:
    """The keys that verify tokens. No transaction may be open."""
    return await _keys_younger_than(work, RING_LIFETIME)


async def reread_verifying_keys(work: Work) -> Mapping[str | None, Key]:
    """The same, but read again after an unknown `kid`; at most once a second."""
    return await _keys_younger_than(work, _REREAD_PAUSE)


async def _keys_younger_than(work: Work, age: timedelta) -> Mapping[str | None, Key]:
    """The verifying keys, read unless they are younger; concurrent callers share one read.

    No transaction may be open: the reader may have to wait for a connection.
    """
    ring = work.runtime.state(SigningKeysState).ring
    if not ring.is_younger(age, work.now):
        expect_no_transaction("the key ring")
        async with ring.reading:
            if not ring.is_younger(age, work.now):
                await read_ring(work)
                await work.commit_and_release()
    return ring.verifying


async def read_ring(work: Work) -> None:
    """Fill this process's ring: from the secret, or from the table for asymmetric algorithms.

    Creates the first key if there is none. If several processes do so at once, the newest key
    signs, and all of them verify. Raises `SigningKeysUnreadable`.
    """
    settings = work.runtime.settings
    if settings.tokens.algorithm.startswith("HS"):
        key = tokens.secret_key(settings.tokens.algorithm, settings.tokens.secret_key)
        work.runtime.state(SigningKeysState).ring.replace(key, {key.kid: key}, work.now)
        return
    rows = [k for k in await repository.list_live(work.db, work.now) if _is_ours(work, k)]
    signing = next((row for row in rows if row.retires_at is None), None)
    if signing is None:
        await work.commit_and_release()
        signing = await _create(work)
        await work.commit_and_release()  # before any process signs with it
        rows = [signing, *rows]
    keys: dict[str | None, Key] = {row.kid: _decrypt(work, row) for row in rows}
    work.runtime.state(SigningKeysState).ring.replace(keys[signing.kid], keys, work.now)


async def rotate(work: Work, overlap: timedelta) -> StoredKey:
    """Sign with a new key from now on; the old keys verify tokens for `overlap`.

    Raises `SigningKeysUnreadable` if the ring is encrypted under another `SECRET_KEY`.
    """
    for row in await repository.list_live(work.db, work.now):
        _decrypt(work, row)
    await work.commit_and_release()
    key = await _create(work)
    await repository.retire_others(work.db, key.id, work.now + max(overlap, SHORTEST_OVERLAP))
    await audit.record(
        work, events.SIGNING_KEY_ROTATED, audit.EventContext(details={"kid": key.kid})
    )
    work.after_commit(partial(_expire, work.runtime.state(SigningKeysState).ring))
    return key


async def _expire(ring: KeyRing) -> None:
    ring.read_at = None


async def list_keys(work: Work) -> Sequence[StoredKey]:
    return await repository.list_all(work.db)


async def public_keys(work: Work) -> list[dict[str, Any]]:
    """The JSON Web Key Set (RFC 7517); empty for the HMAC algorithms, whose key is secret."""
    if work.runtime.settings.tokens.algorithm.startswith("HS"):
        return []
    return [tokens.public_jwk(key) for key in (await verifying_keys(work)).values()]


async def purge(work: Work) -> int:
    """Delete keys whose tokens have all expired; returns how many."""
    return await repository.delete_retired(work.db, work.now - SHORTEST_OVERLAP)


async def _create(work: Work) -> StoredKey:
    """Make a key pair, and insert it. No transaction may be open."""
    algorithm = work.runtime.settings.tokens.algorithm
    # In a thread: an RSA key takes tenths of a second.
    key = await work.runtime.hash_pool.run(lambda: tokens.generate_key(algorithm))
    kid = str(key.kid)
    row = StoredKey(
        kid=kid,
        algorithm=algorithm,
        encrypted_private_key=work.runtime.state(SigningKeysState).cipher.encrypt(
            tokens.dump_private_key(key), context=_context(kid, algorithm)
        ),
        created_at=work.now,
        retires_at=None,
    )
    await repository.insert(work.db, row)
    await audit.record(work, events.SIGNING_KEY_CREATED, audit.EventContext(details={"kid": kid}))
    return row


def _is_ours(work: Work, row: StoredKey) -> bool:
    """Whether the key is for the current algorithm; the table may hold keys of earlier ones."""
    return row.algorithm == work.runtime.settings.tokens.algorithm


def _decrypt(work: Work, row: StoredKey) -> Key:
    context = _context(row.kid, row.algorithm)
    try:
        private = work.runtime.state(SigningKeysState).cipher.decrypt(
            row.encrypted_private_key, context=context
        )
    except DecryptionFailed:
        log.error("signing_key.unreadable", extra={"kid": row.kid})  # noqa: TRY400 - it says no more
        raise SigningKeysUnreadable from None
    return tokens.load_private_key(private, row.algorithm, row.kid)


def _context(kid: str, algorithm: str) -> bytes:
    """The associated data of a ciphertext, which binds it to its row and algorithm."""
    return f"signing key {kid} {algorithm}".encode()
