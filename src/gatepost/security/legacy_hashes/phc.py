"""The text form of stored hashes: the PHC string format, `$scheme$name=value,...$salt$digest`."""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST_STORED = 512
"""The length of the column `password_hash` of users, in characters."""

_FORM = re.compile(
    r"\$(?P<scheme>[a-z0-9-]{1,32})"
    r"\$(?P<parameters>[a-z]{1,4}=[a-z0-9]{1,16}(?:,[a-z]{1,4}=[a-z0-9]{1,16}){0,5})"
    r"\$(?P<salt>[A-Za-z0-9+/]{0,344})\$(?P<digest>[A-Za-z0-9+/]{22,344})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Phc:
    """A parsed hash."""

    scheme: str
    parameters: Mapping[str, str]
    salt: bytes
    digest: bytes

    def __str__(self) -> str:
        """Return the stored form."""
        parameters = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"${self.scheme}${parameters}${encode(self.salt)}${encode(self.digest)}"


def parse(hashed: str, schemes: Sequence[str], names: Sequence[str]) -> Phc | None:
    """Parse `hashed`; None unless it is of one of `schemes` with exactly the parameters `names`."""
    found = _FORM.fullmatch(hashed) if len(hashed) <= LONGEST_STORED else None
    if found is None or found["scheme"] not in schemes:
        return None
    parameters = dict(part.split("=") for part in found["parameters"].split(","))
    if list(parameters) != list(names):
        return None
    try:
        pieces = Phc(found["scheme"], parameters, decode(found["salt"]), decode(found["digest"]))
    except ValueError:
        return None
    # Only the canonical text: no leading zeros, no stray bits at the end of base64.
    return pieces if str(pieces) == hashed else None


def number(text: str) -> int:
    """Return the decimal number `text`; -1, which is outside all limits, if it is not one."""
    canonical = text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0")
    return int(text) if canonical else -1


def encode(data: bytes) -> str:
    """Return base64 without padding."""
    return b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode base64 without padding; raises `ValueError`."""
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
