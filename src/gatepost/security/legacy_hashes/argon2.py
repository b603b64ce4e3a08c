"""Argon2's PHC form (RFC 9106) of hashes that others write otherwise; it is verified as our own."""

import re
from dataclasses import dataclass

from gatepost.security.legacy_hashes import phc

_VERSIONS = {"1.0": 16, "1.3": 19}
_PADDING = re.compile(r"={1,2}(?=\$|\Z)")
_WITHOUT_VERSION = re.compile(r"(\$argon2(?:id|i|d)\$)(?=m=)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """Memory in KiB, passes and lanes."""

    kib: int
    passes: int
    lanes: int


def stored(*, kind: str, version: str, cost: Argon2Cost, salt: bytes, tag: bytes) -> str:
    """Return the stored form; raises `ValueError` for a kind or version that there is not."""
    if kind not in {"id", "i", "d"} or version not in _VERSIONS:
        raise ValueError("not an Argon2 that there is")
    costs = f"m={cost.kib},t={cost.passes},p={cost.lanes}"
    pieces = f"${phc.encode(salt)}${phc.encode(tag)}"
    return f"$argon2{kind}$v={_VERSIONS[version]}${costs}{pieces}"


def normal(text: str) -> str:
    """Return the text with a version in it, and without the padding of base64.

    One that names no version is of the first, 1.0. Nothing else is mended: there is one right way
    to write such a hash.
    """
    unpadded = _PADDING.sub("", text)
    return _WITHOUT_VERSION.sub(rf"\g<1>v={_VERSIONS['1.0']}$", unpadded, count=1)
