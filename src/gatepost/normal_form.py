"""Unicode's normal forms (UAX 15), at a cost that grows with the length of a text and no faster."""

import re
import unicodedata
from typing import Literal

MOST_MARKS = 30
"""Combining marks in a row: as many as UAX 15's stream-safe text has, and no writing needs more."""

# These are no combining marks, and become some when a text is taken apart: Tibetan vowel signs, and
# the half-width sound marks of Japanese.
_BECOMES_MARKS = dict.fromkeys(map(ord, "\u0f73\u0f75\u0f81\uff9e\uff9f"), "\u0f72")

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
    marks = map(unicodedata.combining, text.translate(_BECOMES_MARKS))
    return _TOO_MANY.search(bytes(marks)) is not None
