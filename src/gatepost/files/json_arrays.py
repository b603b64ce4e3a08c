"""Cuts the array inside a JSON document into rows: a document of any size in little memory."""

from collections.abc import Iterator
from typing import BinaryIO

import ijson

from gatepost.files.framing import BrokenFile, Fault, Row, Unreadable

_PIECE = 64 * 1024


def json_items(file: BinaryIO, path: str) -> Iterator[Row]:
    """The objects at `path`, such as `users.item`; raises `BrokenFile` where it is no JSON.

    Nothing tells where the next row would begin behind a mistake, so the rows end there.
    """
    try:
        for value in ijson.items(file, path, buf_size=_PIECE):
            if isinstance(value, dict):
                yield value
            else:
                yield Unreadable(Fault.UNREADABLE, "It is no JSON object", "")
    except (ijson.JSONError, UnicodeDecodeError, RecursionError):
        raise BrokenFile(
            "cannot be read to its end: it is no JSON in UTF-8, or it is not whole"
        ) from None
