"""Converts other text forms of Argon2 (RFC 9106) to the PHC string format, as ours are stored."""

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
    """Return the stored form; raises `ValueError` for an unknown kind or version."""
    if kind not in {"id", "i", "d"} or version not in _VERSIONS:
        raise ValueError("not a known type or version of Argon2")
    costs = f"m={cost.kib},t={cost.passes},p={cost.lanes}"
    pieces = f"${phc.encode(salt)}${phc.encode(tag)}"
    return f"$argon2{kind}$v={_VERSIONS[version]}${costs}{pieces}"


def normal(text: str) -> str:
    """Return the hash with its version and without base64 padding.

    A hash without a version is of version 1.0. All other deviations from the format stay.
    """
    unpadded = _PADDING.sub("", text)
    return _WITHOUT_VERSION.sub(rf"\g<1>v={_VERSIONS['1.0']}$", unpadded, count=1)
