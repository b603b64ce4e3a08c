"""The text form of bcrypt's hashes, and the one text of several that the library compares with."""

import re

_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# 16 bytes of salt and 23 of digest do not fill their last digits: two bits of the one count, and
# four of the other. The library raises for a salt with any of the rest, and compares digests as
# texts; other implementations ignore them, and some writers leave noise there.
_SALT = r"[./A-Za-z0-9]{21}[.Oeu]"
_DIGEST = r"[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
_SALT_BITS = 0b110000
_DIGEST_BITS = 0b111100

COSTS = range(4, 17)
"""The costs that the service bears at a login."""

SALT_AND_DIGEST = _SALT + _DIGEST
"""The pattern of a hash's 53 last characters, without a bit that does not count."""

SALT_PIECE_AND_DIGEST_PIECE = rf"(?P<salt>{_SALT})\$(?P<digest>{_DIGEST})"
"""The same where a writer keeps the two apart."""

_LOOSE = re.compile(r"(.*\$)([./A-Za-z0-9]{22})(\$?)([./A-Za-z0-9]{31})", re.ASCII | re.DOTALL)
_LAST_OF_SALT, _LAST_OF_DIGEST = -32, -1


def normal(text: str) -> str:
    """Return the text without bits that do not count; one of another form as it is."""
    if text[_LAST_OF_SALT:][:1] in ".Oeu" and text[_LAST_OF_DIGEST:] in ".CGKOSWaeimquy26":
        return text  # as nearly all are
    pieces = _LOOSE.fullmatch(text)
    if pieces is None:
        return text
    before, salt, between, digest = pieces.groups()
    return f"{before}{_masked(salt, _SALT_BITS)}{between}{_masked(digest, _DIGEST_BITS)}"


def _masked(digits: str, bits: int) -> str:
    return digits[:-1] + _ALPHABET[_ALPHABET.index(digits[-1]) & bits]
