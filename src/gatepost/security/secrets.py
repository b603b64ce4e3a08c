"""Random secrets that are handed out once and kept only as digests."""

import hashlib
import secrets


def new_secret() -> str:
    """Return 256 random bits as 43 characters that are safe in a URL and in a header."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Return the SHA-256 of `secret`: enough for 256 random bits, which no one can guess offline.

    Takes any string a client can send, unpaired surrogates included, so that a nonsense token is
    not found instead of being a crash.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
