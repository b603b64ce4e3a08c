"""Reads a body as the one JSON text that it is (RFC 8259), or refuses it.

What two parsers could read differently, one before us and ours, is no JSON here: another encoding,
a member that comes twice, a number that is none. All else is the standard library's parser.
"""

import codecs
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

from gatepost.errors import ValidationFailed
from gatepost.web.problems import field_error

MOST_MEMBERS = 100
"""Of one object or array: several times what any body of ours has, and no work for a model."""

_LONGEST_NUMBER = 400
"""In characters. More than any double needs; reading one of a million digits takes seconds."""


def read_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """The value of a JSON text in UTF-8; raises `ValidationFailed`, which never repeats it."""
    if body.startswith(codecs.BOM_UTF8):
        raise _refusal("json_invalid", "Leave out the byte order mark (RFC 8259 section 8.1)")
    refusal: tuple[str, str, *tuple[int, ...]]
    try:
        return _read_value(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        refusal = ("json_invalid", "The body is not JSON", error.pos)
    except UnicodeDecodeError:
        refusal = ("json_invalid", "The body is not in UTF-8")
    except RecursionError:
        refusal = ("json_too_deep", "Nest objects and arrays less deeply")
    # Outside the `except`: the parser's error holds the whole body, passwords included.
    raise _refusal(*refusal)


def _read_value(text: str) -> object:
    value = _DECODER.decode(text)
    if isinstance(value, list):
        _check_array(value)
    return value


def _read_object(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The object; where a name comes twice, another parser could take the other value."""
    if len(members) > MOST_MEMBERS:
        raise _too_many()
    for name, value in members:
        if isinstance(value, list):
            _check_array(value, name)
    found = dict(members)
    if len(found) < len(members):
        ((name, _),) = Counter(name for name, _ in members).most_common(1)
        raise _refusal("json_duplicate_member", "Give each member once", name)
    return found


def _check_array(array: list[object], *place: str) -> None:
    """Raise for an array with too much in it, or that has one; objects are looked at when read."""
    if len(array) > MOST_MEMBERS:
        raise _too_many(*place)
    for each in array:
        if isinstance(each, list):
            _check_array(each, *place)


def _too_many(*place: str) -> ValidationFailed:
    sentence = f"Give an object or an array at most {MOST_MEMBERS} members"
    return _refusal("json_too_many_members", sentence, *place)


def _read_integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise _no_double()
    return int(digits)


def _read_float(digits: str) -> float:
    number = float(digits) if len(digits) <= _LONGEST_NUMBER else math.inf
    if math.isinf(number):
        raise _no_double()
    return number


def _refuse_constant(_: str) -> NoReturn:
    """`NaN`, `Infinity` and `-Infinity`, which Python reads and JSON has not."""
    raise _refusal("json_invalid", "The body is not JSON: it has a number that is none")


def _no_double() -> ValidationFailed:
    return _refusal("json_number_too_large", "Leave out numbers that no double can hold")


def _refusal(kind: str, sentence: str, *place: str | int) -> ValidationFailed:
    error = {"loc": ("body", *place), "msg": sentence, "type": kind}
    return ValidationFailed("The body is not as it should be.", errors=[field_error(error)])


_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=_read_integer,
    parse_float=_read_float,
    parse_constant=_refuse_constant,
)
