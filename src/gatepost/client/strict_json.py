"""Parses JSON (RFC 8259) strictly: refuses texts that two parsers could read differently.

These have another encoding, duplicate members, `NaN` or `Infinity`, or numbers that no double
holds. The parser itself is the standard library's.
"""

import codecs
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal, NoReturn

Reason = Literal[
    "byte_order_mark",
    "duplicate_member",
    "not_a_number",
    "not_utf8",
    "number_too_large",
    "syntax",
    "too_deep",
    "too_many_members",
]

_LONGEST_NUMBER: Final = 400
"""In characters. More than any double needs; reading one of a million digits takes seconds."""


class InvalidJson(ValueError):  # noqa: N818 - read as what it is
    """The text is refused. Holds the reason, and nothing else of the text.

    `place` is the name of a member, or the position of a syntax error in characters, if known.
    """

    def __init__(self, reason: Reason, *place: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class StrictJson:
    """A parser; with `most_members` it refuses larger objects and arrays."""

    def __init__(self, most_members: int | None = None) -> None:
        self._most_members = most_members
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_unique if most_members is None else self._read_object,
            parse_int=_read_integer,
            parse_float=_read_float,
            parse_constant=_refuse_constant,
        )

    def read(self, text: bytes) -> Any:  # noqa: ANN401 - JSON is any value
        """The value of a text in UTF-8; raises `InvalidJson`."""
        if text.startswith(codecs.BOM_UTF8):
            raise InvalidJson("byte_order_mark")
        refusal: InvalidJson
        try:
            value = self._decoder.decode(text.decode("utf-8"))
        except json.JSONDecodeError as error:
            refusal = InvalidJson("syntax", error.pos)
        except UnicodeDecodeError:
            refusal = InvalidJson("not_utf8")
        except RecursionError:
            refusal = InvalidJson("too_deep")
        else:
            if self._most_members is not None and isinstance(value, list):
                self._check_array(value)
            return value
        # Outside the `except`: the parser's error holds the whole text, passwords included.
        raise refusal

    def _read_object(self, members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        if self._most_members is not None and len(members) > self._most_members:
            raise InvalidJson("too_many_members")
        for name, value in members:
            if isinstance(value, list):
                self._check_array(value, name)
        return _unique(members)

    def _check_array(self, array: list[object], *place: str) -> None:
        """Raise if this array, or one in it, is too large; objects are checked while parsing."""
        if self._most_members is not None and len(array) > self._most_members:
            raise InvalidJson("too_many_members", *place)
        for each in array:
            if isinstance(each, list):
                self._check_array(each, *place)


def _unique(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        ((name, _),) = Counter(name for name, _ in members).most_common(1)
        raise InvalidJson("duplicate_member", name)
    return found


def _read_integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise InvalidJson("number_too_large")
    return int(digits)


def _read_float(digits: str) -> float:
    number = float(digits) if len(digits) <= _LONGEST_NUMBER else math.inf
    if math.isinf(number):
        raise InvalidJson("number_too_large")
    return number


def _refuse_constant(_: str) -> NoReturn:
    """Refuse `NaN`, `Infinity` and `-Infinity`, which Python accepts and JSON does not allow."""
    raise InvalidJson("not_a_number")
