"""Derives independent keys for separate purposes from the one secret of the service."""

from collections.abc import Sequence
from typing import ClassVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(secret: str, purpose: str, length: int = 32) -> bytes:
    """Return `length` bytes derived from `secret` and `purpose` (HKDF-SHA256, RFC 5869).

    Keys of different purposes reveal nothing about each other or about the secret. `secret` must
    be as hard to guess as the key: HKDF adds length, not entropy.
    """
    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(secret.encode())


class Purpose:
    """The purpose of a key. Its unique name is part of the derivation, and so never changes."""

    _names: ClassVar[set[str]] = set()

    def __init__(self, name: str) -> None:
        """Raises `ValueError` if another purpose has this name."""
        if name in self._names:
            msg = f"there is a purpose of keys named {name!r} already"
            raise ValueError(msg)
        self._names.add(name)
        self.name = name


class Keys:
    """The keys of a service by purpose, each derived on first use."""

    def __init__(self, secret: str, former_secrets: Sequence[str] = ()) -> None:
        self._secret = secret
        self._former_secrets = former_secrets
        self._derived: dict[Purpose, bytes] = {}

    def derive(self, purpose: Purpose) -> bytes:
        """The key for a purpose."""
        if purpose not in self._derived:
            self._derived[purpose] = derive_key(self._secret, purpose.name)
        return self._derived[purpose]

    def derive_former(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The keys for a purpose, derived from the former secrets."""
        return tuple(derive_key(secret, purpose.name) for secret in self._former_secrets)
