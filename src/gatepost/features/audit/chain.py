"""How a row of the audit log is bound to its content, and to the row before it.

Everything is HMAC-SHA256 (RFC 2104) under a key derived from SECRET_KEY, over a JSON array whose
first member says what for: an array has one reading only, and no purpose's tag serves another.
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
"""What stands for the hash of the row before the first."""

_SALT = 16
_OF_LOG_WITH_HEAD = "h"
"""Begins the salt, which is hexadecimal else, of a row written where a head was known to exist."""

# `repr` for what only a row can hold that somebody else wrote, as bytes in SQLite's texts.
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr)


@dataclass(frozen=True, slots=True)
class Keys:
    """This process's own key, and those of former secrets, by their ids."""

    own: bytes
    by_id: Mapping[str, bytes]

    def named_by(self, row: AuditEvent | AuditHead) -> bytes | None:
        """The key that a row says it was written under; None where that is not known."""
        return self.by_id.get(row.key_id)

    def of_head(self, head: AuditHead) -> bytes | None:
        """The key that verifies the head; None for a head that nothing can be believed of."""
        key = self.named_by(head)
        return key if key is not None and is_genuine_head(key, head) else None


@lru_cache(maxsize=8)
def keys_of(own: bytes, former: tuple[bytes, ...]) -> Keys:
    """All keys that are known, of which only `own` signs."""
    return Keys(own, {key_id(key): key for key in (*former, own)})


@lru_cache(maxsize=64)
def key_id(key: bytes) -> str:
    """Names a key without telling it."""
    return _tag(key, "key id")[:16]


def fingerprint(key: bytes, text: str) -> str:
    """Equal for equal texts, and tells nothing else of them to whom the key is unknown."""
    return _tag(key, "fingerprint", text)[:32]


def bind(key: bytes, entry: NewAuditEvent, *, has_head: bool = False) -> NewAuditEvent:
    """Bind a new row's content. A random salt makes each different, so a copy is seen as one.

    Where the log `has_head`, the row says so, and nobody without the key can unsay it.
    """
    salt = secrets.token_hex(_SALT // 2)
    if has_head:
        salt = _OF_LOG_WITH_HEAD + salt[1:]
    return entry._replace(mac=_mac(key, entry, salt))


def is_of_log_with_head(row: AuditEvent) -> bool:
    """Whether the row, if it is genuine, was written when the log had a head."""
    return str(row.mac).startswith(_OF_LOG_WITH_HEAD)


MACS_OF_LOG_WITH_HEAD = (_OF_LOG_WITH_HEAD, chr(ord(_OF_LOG_WITH_HEAD) + 1))
"""Between these, the second excluded, are the MACs of such rows."""


def is_genuine(key: bytes, row: AuditEvent) -> bool:
    """Whether the row's content is what the holder of the key wrote."""
    return _same(_mac(key, row, str(row.mac)[:_SALT]), row.mac)


def link(key: bytes, previous: str, position: int, row: AuditEvent) -> str:
    """The hash of a row at its place, after the row whose hash is `previous`."""
    return _tag(key, "link", previous, position, row.id, row.mac, *_content(row))


def is_linked(keys: Iterable[bytes], previous: str, row: AuditEvent) -> bool:
    """Whether a sealed row is the one that was sealed there, after that very row, by one of `keys`.

    A process may seal what another wrote before it, under the secret of then.
    """
    position = row.position
    return position is not None and any(
        _same(link(key, previous, position, row), row.hash) for key in keys
    )


def sign_head(key: bytes, head: AuditHead) -> None:
    """Bind the head to the key."""
    head.key_id = key_id(key)
    head.mac = _head_mac(key, head)


def is_genuine_head(key: bytes, head: AuditHead) -> bool:
    """Whether the holder of the key wrote the head."""
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
    """The same for one instant, whatever zone a database gives it back in."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _tag(key: bytes, purpose: str, *values: object) -> str:
    message = _JSON.encode([purpose, *values])
    return hmac.digest(key, message.encode(), "sha256").hex()


def _same(expected: str, found: object) -> bool:
    # As bytes: what stands in a row may be anything, and of text only ASCII can be compared.
    return hmac.compare_digest(expected.encode(), str(found).encode("utf-8", "surrogatepass"))
