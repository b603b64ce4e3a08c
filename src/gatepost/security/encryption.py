"""Encrypts secrets that are stored and read back, such as the secret of a second factor."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


class DecryptionFailed(Exception):  # noqa: N818 - named for the fact, as problems are
    """The key, the context or the ciphertext differs. The error does not reveal which."""


class Cipher:
    """AES-256-GCM under one key (NIST SP 800-38D).

    A ciphertext is a version byte, a random nonce of 96 bits, the encrypted text and the tag.
    Nonces are random, so one key may be used for 2**32 encryptions (SP 800-38D, 8.3).
    """

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        """Raise `ValueError` unless `key` has 32 bytes."""
        if len(key) != _KEY_BYTES:
            raise ValueError(f"the key must have {_KEY_BYTES} bytes")
        self._aead = AESGCM(key)

    def encrypt(self, plaintext: bytes, *, context: bytes) -> bytes:
        """Return a ciphertext that decrypts only with the same key and the same `context`.

        The context names the owner and the purpose of the text (associated data), so that a
        ciphertext copied to another row does not decrypt there. It is not stored.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, plaintext, _VERSION + context)

    def decrypt(self, ciphertext: bytes, *, context: bytes) -> bytes:
        """Return the plaintext; raises `DecryptionFailed`."""
        is_long_enough = len(ciphertext) >= len(_VERSION) + _NONCE_BYTES + _TAG_BYTES
        if not is_long_enough or not ciphertext.startswith(_VERSION):
            raise DecryptionFailed
        start = len(_VERSION)
        nonce, sealed = ciphertext[start : start + _NONCE_BYTES], ciphertext[start + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, sealed, _VERSION + context)
        except InvalidTag:
            raise DecryptionFailed from None
