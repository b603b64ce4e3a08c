"""Unicode's normal forms (UAX 15), at a cost that grows with the length of a text and no faster."""

import re
import unicodedata
from typing import Literal

MOST_MARKS = 30
"""Combining marks in a row: as many as UAX 15's stream-safe text has, and no writing needs more."""

_TOO_MANY = re.compile(rb"[^\0]{%d}" % (MOST_MARKS + 1))


class TooManyMarksError(ValueError):
    """A text has so many combining marks in a row that sorting them would take quadratic time."""


def normalise(text: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """The text in this form; raises `TooManyMarksError` for more than 30 marks in a row."""
    if text.isascii():
        return text
    if has_too_many_marks(text):
        raise TooManyMarksError
    return unicodedata.normalize(form, text)


def has_too_many_marks(text: str) -> bool:
    """Whether `normalise` would refuse it."""
    if len(text) <= MOST_MARKS:
        return False
    return _TOO_MANY.search(bytes(map(unicodedata.combining, text))) is not None
