"""Tokens as a test looks into them, and as an attacker would make them."""

import base64
import json
from collections.abc import Mapping
from typing import Any


def header_of(token: str) -> dict[str, Any]:
    """What a token says of itself; nothing is verified."""
    return _read(token.split(".", maxsplit=1)[0])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says; nothing is verified."""
    return _read(token.split(".")[1])


def forge(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes) -> str:
    """A token with this very header, claims and signature."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def signed_part(token: str) -> bytes:
    """What a token's signature is over."""
    return token.rpartition(".")[0].encode()


def _read(segment: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    )
    return decoded
