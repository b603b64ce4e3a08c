"""Independent keys out of the one secret that an operator keeps."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(secret: str, purpose: str, length: int = 32) -> bytes:
    """Return `length` bytes that only `secret` and `purpose` determine (HKDF-SHA256, RFC 5869).

    Keys of different purposes tell nothing about each other or about the secret. `secret` must
    be as hard to guess as the key shall be: HKDF stretches length, not strength.
    """
    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(secret.encode())
