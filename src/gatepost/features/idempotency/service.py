"""Stores answers, so that a request that is sent again is not executed again.

The answer commits in the transaction of the change, so a process that is killed leaves both or
neither. Of two concurrent requests the second to insert its answer rolls back and returns the
first one's: a unique key of the database decides, across all processes.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta

from gatepost.features.idempotency import repository
from gatepost.features.idempotency.errors import IdempotencyConflict, IdempotencyKeyReused
from gatepost.features.idempotency.state import IdempotencyState
from gatepost.runtime import Runtime
from gatepost.work import Work

LIFETIME = timedelta(hours=24)
"""How long an answer is stored."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An operation that one caller wants executed once; `fingerprint` identifies what was sent."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer, with the headers that describe its body and the change."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def identify(runtime: Runtime, scope: tuple[str, ...], sent: tuple[bytes, ...]) -> Attempt:
    """The attempt with this `scope` (caller, method, path and key) and this content `sent`.

    Name and fingerprint are HMACs: a body may hold a password, which could be guessed offline
    from a plain digest.
    """
    named = (part.encode("utf-8", "surrogatepass") for part in scope)
    return Attempt(
        name=_mac(runtime.state(IdempotencyState).key, b"attempt", *named),
        fingerprint=_mac(runtime.state(IdempotencyState).key, b"fingerprint", *sent),
    )


async def find(work: Work, attempt: Attempt) -> Answer | None:
    """The stored answer to this attempt, if it was made in the last 24 hours.

    Raises `IdempotencyKeyReused` if another body was sent with the same key.
    """
    stored = await repository.find(work.db, attempt.name)
    if stored is None:
        return None
    if stored.created_at <= work.now - LIFETIME:
        await repository.remove(work.db, stored.id)
        return None
    if not hmac.compare_digest(stored.fingerprint, attempt.fingerprint):
        raise IdempotencyKeyReused("Send the same request again, or give another one a new key.")
    text = work.runtime.state(IdempotencyState).cipher.decrypt(
        stored.encrypted_answer, context=attempt.name.encode()
    )
    return _unpack(text)


async def keep(work: Work, attempt: Attempt, answer: Answer) -> Answer | None:
    """Commit the answer together with the writes of this work, and return None.

    If a concurrent request was answered first, roll back and return its answer. Raises as `find`
    does, and `IdempotencyConflict` if no answer is found after all.
    """
    encrypted = work.runtime.state(IdempotencyState).cipher.encrypt(
        _pack(answer), context=attempt.name.encode()
    )
    if await repository.put(work.db, attempt.name, attempt.fingerprint, encrypted, work.now):
        await work.commit_and_release()
        return None
    await work.rollback_and_release()
    first = await find(work, attempt)
    if first is None:
        raise IdempotencyConflict("Send it again.")
    return first


async def purge(work: Work) -> int:
    """Delete a batch of answers older than 24 hours; returns how many, 0 once none are left."""
    return await repository.delete_before(work.db, work.now - LIFETIME)


def _mac(key: bytes, *parts: bytes) -> str:
    """The HMAC of the parts, each after its length, so that the encoding is unambiguous."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        mac.update(len(part).to_bytes(8, "big"))
        mac.update(part)
    return mac.hexdigest()


def _pack(answer: Answer) -> bytes:
    head = json.dumps({"status": answer.status, "headers": answer.headers})
    return head.encode() + b"\n" + answer.body


def _unpack(text: bytes) -> Answer:
    head, _, body = text.partition(b"\n")
    about = json.loads(head)
    return Answer(
        status=about["status"],
        headers=tuple((name, value) for name, value in about["headers"]),
        body=body,
    )
