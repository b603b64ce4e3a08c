"""Parses the parts of other systems' hashes: fields, numbers and base64."""

import re

from gatepost.security.legacy_hashes import phc

_DIGITS = 9
"""Numbers within the cost limits have no more digits; Python parses long ones in quadratic time."""


def parts(text: str, separator: str, count: int) -> list[str]:
    """Split a text into exactly `count` parts; raises `ValueError` if it has more or fewer."""
    found = text.split(separator)
    if len(found) != count or len(text) > 2 * phc.LONGEST_STORED:
        raise ValueError("not as many parts as such a hash has")
    return found


def number(text: str) -> int:
    """Return a decimal number of at most nine digits; raises `ValueError`."""
    if not re.fullmatch(rf"\d{{1,{_DIGITS}}}", text, re.ASCII):
        raise ValueError("not a number that such a hash has")
    return int(text)


def hexadecimal(text: str) -> int:
    """Return a number of at most eight hexadecimal digits; raises `ValueError`."""
    if not re.fullmatch(r"[0-9a-f]{1,8}", text, re.ASCII):
        raise ValueError("not a number that such a hash has")
    return int(text, 16)


def base64(text: str) -> bytes:
    """Decode base64, padded or not, with `.` or `+` (passlib). Raises `ValueError`."""
    return phc.decode(text.replace(".", "+").rstrip("="))


def any_base64(text: str) -> bytes:
    """Decode base64 or base64url (RFC 4648), padded or not. Raises `ValueError`."""
    return base64(text.replace("-", "+").replace("_", "/"))
