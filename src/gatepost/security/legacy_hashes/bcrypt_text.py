"""The text form of bcrypt hashes, and its canonical form, which the library requires."""

import re

_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# 16 bytes of salt and 23 of digest leave unused bits in their last base64 digits: the salt uses two
# bits of its last digit, the digest four. The library raises for a salt with an unused bit set, and
# compares digests as texts; other implementations ignore these bits, and some set them at random.
_SALT = r"[./A-Za-z0-9]{21}[.Oeu]"
_DIGEST = r"[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
_SALT_BITS = 0b110000
_DIGEST_BITS = 0b111100

COSTS = range(4, 17)
"""The costs that are within the cost limit of a login."""

SALT_AND_DIGEST = _SALT + _DIGEST
"""The pattern of the last 53 characters of a hash with no unused bit set."""

SALT_PIECE_AND_DIGEST_PIECE = rf"(?P<salt>{_SALT})\$(?P<digest>{_DIGEST})"
"""The same with `$` between salt and digest."""

_LOOSE = re.compile(r"(.*\$)([./A-Za-z0-9]{22})(\$?)([./A-Za-z0-9]{31})", re.ASCII | re.DOTALL)
_LAST_OF_SALT, _LAST_OF_DIGEST = -32, -1


def normal(text: str) -> str:
    """Return the hash with its unused bits cleared; text of another form unchanged."""
    if text[_LAST_OF_SALT:][:1] in ".Oeu" and text[_LAST_OF_DIGEST:] in ".CGKOSWaeimquy26":
        return text  # the common case
    pieces = _LOOSE.fullmatch(text)
    if pieces is None:
        return text
    before, salt, between, digest = pieces.groups()
    salt, digest = _clear_unused_bits(salt, _SALT_BITS), _clear_unused_bits(digest, _DIGEST_BITS)
    return f"{before}{salt}{between}{digest}"


def _clear_unused_bits(digits: str, bits: int) -> str:
    return digits[:-1] + _ALPHABET[_ALPHABET.index(digits[-1]) & bits]
