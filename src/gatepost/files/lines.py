"""Reads lines, and rows of JSON Lines: an invalid line does not affect the others."""

import json
from collections.abc import Iterator

from pydantic_core import from_json

from gatepost.files.content import Content
from gatepost.files.rows import (
    LONGEST_PIECE,
    LONGEST_ROW,
    TOO_LONG,
    BrokenFile,
    Row,
    RowFault,
    UnreadableRow,
    decode_any,
)

_ADDRESS = b'"email"'
_NO_LINES = f"cannot be read any further: a line in it has more than {LONGEST_PIECE} bytes"


def json_lines(content: Content) -> Iterator[Row]:
    """One JSON object per line; empty lines are skipped. Raises `BrokenFile`."""
    for line in lines_of(content):
        if line and not line.isspace():
            yield row_of(line)


def lines_of(content: Content) -> Iterator[bytes]:
    """Lines without their line feeds, or carriage returns in a file that has no line feeds.

    Raises `BrokenFile` if the file breaks off, or a line is too long for a file of rows.
    """
    end = b"\r" if b"\r" in content.beginning and b"\n" not in content.beginning else b"\n"
    rest = b""
    for piece in content.pieces():
        *lines, rest = (rest + piece).split(end)
        yield from lines
        if len(rest) > LONGEST_PIECE:
            raise BrokenFile(_NO_LINES)
    if rest:
        yield rest


def row_of(text: bytes) -> Row:
    """The JSON object in a text."""
    if len(text) >= LONGEST_ROW:
        return UnreadableRow(RowFault.TOO_LONG, TOO_LONG, decode_any(text))
    try:
        value = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return UnreadableRow(RowFault.UNREADABLE, "This is not JSON in UTF-8", decode_any(text))
    if type(value) is not dict:
        return UnreadableRow(RowFault.UNREADABLE, "This is not a JSON object", decode_any(text))
    if text.count(_ADDRESS) > 1 and _has_duplicate_names(text):
        return UnreadableRow(RowFault.UNREADABLE, "It names a column twice", decode_any(text))
    return value


def _has_duplicate_names(text: bytes) -> bool:
    """Whether a JSON object has two members of one name: it may be two rows in one."""
    members = json.loads(text, object_pairs_hook=list)
    return len(dict(members)) < len(members)
