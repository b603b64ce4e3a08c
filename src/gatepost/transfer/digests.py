"""A digest of the rows of a table, which is the same in every kind of database."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table


class TableDigest:
    """The SHA-256 of rows, which are added ordered by id, as Python values."""

    def __init__(self, table: Table) -> None:
        self.rows = 0
        names = "\n".join([table.name, *(column.name for column in table.columns)])
        self._hash = hashlib.sha256(names.encode())

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows; raises `TypeError` for a value of an unknown type."""
        for row in rows:
            self._hash.update(b"".join([_encoded(value) for value in row]))
            self.rows += 1

    def text(self) -> str:
        """The digest of the rows added so far, in hexadecimal."""
        return self._hash.hexdigest()


def _encoded(value: object) -> bytes:
    """The type, length and bytes of a value, so that different rows have different bytes."""
    encode = _ENCODERS.get(type(value))
    if encode is None:
        msg = f"a {type(value).__name__} has no canonical form"
        raise TypeError(msg)
    kind, content = encode(value)
    return b"%s%d:%s" % (kind, len(content), content)


def _time(value: datetime) -> tuple[bytes, bytes]:
    return b"t", value.astimezone(UTC).isoformat(timespec="microseconds").encode()


def _document(value: object) -> tuple[bytes, bytes]:
    """JSON in one form, whatever the order of its members and its whitespace."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return b"j", text.encode()


_ENCODERS: Mapping[type, Callable[[Any], tuple[bytes, bytes]]] = {
    type(None): lambda _: (b"n", b""),
    bool: lambda value: (b"b", b"1" if value else b"0"),
    int: lambda value: (b"i", b"%d" % value),
    float: lambda value: (b"f", repr(value).encode()),
    str: lambda value: (b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: (b"y", value),
    datetime: _time,
    dict: _document,
    list: _document,
}
