"""Cuts a file into lines, and lines of JSON into rows: one broken line spoils no other."""

import json
from collections.abc import Iterator

from pydantic_core import from_json

from gatepost.files.content import Content
from gatepost.files.rows import (
    LONGEST_PIECE,
    LONGEST_ROW,
    TOO_LONG,
    BrokenFile,
    Fault,
    Row,
    UnreadableRow,
    shown,
)

_ADDRESS = b'"email"'
_NO_LINES = f"cannot be read any further: a line in it has more than {LONGEST_PIECE} bytes"


def json_lines(content: Content) -> Iterator[Row]:
    """A JSON object a line; empty lines are passed over. Raises `BrokenFile`."""
    for line in lines_of(content):
        if line and not line.isspace():
            yield row_of(line)


def lines_of(content: Content) -> Iterator[bytes]:
    """Lines without their ends: line feeds, or carriage returns where there are no others.

    Raises `BrokenFile` where the file breaks off, or a line does not end.
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
    """The JSON object that a text is."""
    if len(text) >= LONGEST_ROW:
        return UnreadableRow(Fault.TOO_LONG, TOO_LONG, shown(text))
    try:
        value = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return UnreadableRow(Fault.UNREADABLE, "It is no JSON in UTF-8", shown(text))
    if type(value) is not dict:
        return UnreadableRow(Fault.UNREADABLE, "It is no JSON object", shown(text))
    if text.count(_ADDRESS) > 1 and _names_one_twice(text):
        return UnreadableRow(Fault.UNREADABLE, "It names a column twice", shown(text))
    return value


def _names_one_twice(text: bytes) -> bool:
    """Whether a JSON object has two members of one name: they may be two rows run into one."""
    members = json.loads(text, object_pairs_hook=list)
    return len(dict(members)) < len(members)
