"""The hash chain of the audit log: the MAC of each row, and its link to the row before it.

Every tag is HMAC-SHA256 (RFC 2104) under a key derived from SECRET_KEY, over a JSON array. The
array is unambiguous, and its first member is the purpose: a tag for one purpose is not valid for
another.
"""

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from gatepost.features.audit.models import AuditEvent, AuditHead, NewAuditEvent

BEGINNING = ""
"""The previous hash of the first row, which has no row before it."""

_SALT = 16
_OF_LOG_WITH_HEAD = "h"
"""First character of the salt of a row that was written when the log had a head.

All other salts are hexadecimal.
"""

# `repr`, because a tampered row may hold values that JSON has not, such as bytes in SQLite.
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr)


@dataclass(frozen=True, slots=True)
class Keys:
    """The key of `SECRET_KEY`, which signs, and all known keys by their ids."""

    own: bytes
    by_id: Mapping[str, bytes]

    def key_of(self, row: AuditEvent | AuditHead) -> bytes | None:
        """The key with the row's `key_id`; None if it is not known."""
        return self.by_id.get(row.key_id)

    def verifying_key_of(self, head: AuditHead) -> bytes | None:
        """The key that verifies the head; None if no known key does."""
        key = self.key_of(head)
        return key if key is not None and is_genuine_head(key, head) else None


@lru_cache(maxsize=8)
def keys_of(own: bytes, former: tuple[bytes, ...]) -> Keys:
    """The known keys, of which only `own` signs."""
    return Keys(own, {key_id(key): key for key in (*former, own)})


@lru_cache(maxsize=64)
def key_id(key: bytes) -> str:
    """The id of a key, which does not disclose the key."""
    return _tag(key, "key id")[:16]


def fingerprint(key: bytes, text: str) -> str:
    """A keyed hash: equal for equal texts, and discloses nothing else without the key."""
    return _tag(key, "fingerprint", text)[:32]


def bind(key: bytes, entry: NewAuditEvent, *, has_head: bool = False) -> NewAuditEvent:
    """Set the MAC of a new row. Its random salt differs in each row, so a copied row is found.

    With `has_head` the MAC also proves that the log had a head when the row was written.
    """
    salt = secrets.token_hex(_SALT // 2)
    if has_head:
        salt = _OF_LOG_WITH_HEAD + salt[1:]
    return entry._replace(mac=_mac(key, entry, salt))


def is_of_log_with_head(row: AuditEvent) -> bool:
    """Whether the log had a head when the row was written; check `is_genuine`, too."""
    return str(row.mac).startswith(_OF_LOG_WITH_HEAD)


MACS_OF_LOG_WITH_HEAD = (_OF_LOG_WITH_HEAD, chr(ord(_OF_LOG_WITH_HEAD) + 1))
"""The range of the MACs of such rows, without its end."""


def is_genuine(key: bytes, row: AuditEvent) -> bool:
    """Whether the row's MAC matches its content under this key."""
    return _same(_mac(key, row, str(row.mac)[:_SALT]), row.mac)


def link(key: bytes, previous: str, position: int, row: AuditEvent) -> str:
    """The hash of a row at its position, after the row whose hash is `previous`."""
    return _tag(key, "link", previous, position, row.id, row.mac, *_content(row))


def is_linked(keys: Iterable[bytes], previous: str, row: AuditEvent) -> bool:
    """Whether a sealed row's hash links it to the row before, under any of `keys`.

    Any, because a row may be sealed under another key than it was written under.
    """
    position = row.position
    return position is not None and any(
        _same(link(key, previous, position, row), row.hash) for key in keys
    )


def sign_head(key: bytes, head: AuditHead) -> None:
    """Set the head's key id and its MAC."""
    head.key_id = key_id(key)
    head.mac = _head_mac(key, head)


def is_genuine_head(key: bytes, head: AuditHead) -> bool:
    """Whether the head's MAC matches its content under this key."""
    return _same(_head_mac(key, head), head.mac)


def _mac(key: bytes, row: AuditEvent | NewAuditEvent, salt: str) -> str:
    return salt + _tag(key, "row", salt, *_content(row))[: 64 - _SALT]


def _head_mac(key: bytes, head: AuditHead) -> str:
    return _tag(
        key,
        "head",
        head.key_id,
        head.position,
        head.hash,
        head.purged_position,
        head.purged_hash,
        head.rekeyed_position,
    )


def _content(row: AuditEvent | NewAuditEvent) -> tuple[object, ...]:
    return (
        _instant(row.at),
        row.event,
        row.outcome,
        row.user_id,
        row.actor_id,
        row.session_id,
        row.method,
        row.address,
        row.user_agent,
        row.request_id,
        row.details,
        row.key_id,
    )


def _instant(at: datetime) -> str:
    """The time in UTC: databases return it in different zones."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _tag(key: bytes, purpose: str, *values: object) -> str:
    message = _JSON.encode([purpose, *values])
    return hmac.digest(key, message.encode(), "sha256").hex()


def _same(expected: str, found: object) -> bool:
    # As bytes: a tampered row may hold any text, and `compare_digest` takes only ASCII texts.
    return hmac.compare_digest(expected.encode(), str(found).encode("utf-8", "surrogatepass"))
