"""How a row of the audit log is bound to its content, and to the row before it.

Everything is HMAC-SHA256 (RFC 2104) under a key derived from SECRET_KEY, over a JSON array whose
first member says what for: an array has one reading only, and no purpose's tag serves another.
"""

import hmac
import json
import secrets
from datetime import UTC, datetime
from functools import lru_cache

from gatepost.features.audit.models import AuditEvent, AuditHead, Entry

BEGINNING = ""
"""What stands for the hash of the row before the first."""

_SALT = 16

# `repr` for what only a row can hold that somebody else wrote, as bytes in SQLite's texts.
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr)


@lru_cache(maxsize=8)
def key_id(key: bytes) -> str:
    """Names a key without telling it."""
    return _tag(key, "key id")[:16]


def fingerprint(key: bytes, text: str) -> str:
    """Equal for equal texts, and tells nothing else of them to whom the key is unknown."""
    return _tag(key, "fingerprint", text)[:32]


def bind(key: bytes, entry: Entry) -> Entry:
    """Bind a new row's content. A random salt makes each different, so a copy is seen as one."""
    return entry._replace(mac=_mac(key, entry, secrets.token_hex(_SALT // 2)))


def is_genuine(key: bytes, row: AuditEvent) -> bool:
    """Whether the row's content is what the holder of the key wrote."""
    return _same(_mac(key, row, str(row.mac)[:_SALT]), row.mac)


def link(key: bytes, previous: str, position: int, row: AuditEvent) -> str:
    """The hash of a row at its place, after the row whose hash is `previous`."""
    return _tag(key, "link", previous, position, row.id, row.mac, *_content(row))


def is_linked(key: bytes, previous: str, row: AuditEvent) -> bool:
    """Whether a sealed row is the one that was sealed there, after that very row."""
    return row.position is not None and _same(link(key, previous, row.position, row), row.hash)


def sign_head(key: bytes, head: AuditHead) -> None:
    """Bind the head to the key."""
    head.key_id = key_id(key)
    head.mac = _head_mac(key, head)


def is_genuine_head(key: bytes, head: AuditHead) -> bool:
    """Whether the holder of the key wrote the head."""
    return _same(_head_mac(key, head), head.mac)


def _mac(key: bytes, row: AuditEvent | Entry, salt: str) -> str:
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


def _content(row: AuditEvent | Entry) -> tuple[object, ...]:
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
