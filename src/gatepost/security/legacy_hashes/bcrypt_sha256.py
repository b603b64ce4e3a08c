"""bcrypt of a digest of the password, which lifts bcrypt's limit of 72 bytes."""

import hashlib
import hmac
import re
from base64 import b64encode

import bcrypt

from gatepost.security.legacy_hashes import bcrypt_text

DJANGO = "$bcrypt-sha256-hex"
"""The prefix of Django's hashes; `$2b$...` follows."""

PASSLIB = "$bcrypt-sha256$"

WORDPRESS = "$wp$2"

_DJANGO = re.compile(
    rf"\$bcrypt-sha256-hex(\$2[aby]\$(?P<cost>\d\d)\${bcrypt_text.SALT_AND_DIGEST})", re.ASCII
)
_PASSLIB = re.compile(
    r"\$bcrypt-sha256\$(?:2[aby],(?P<cost1>\d\d?)|v=2,t=2[aby],r=(?P<cost2>\d\d?))"
    rf"\${bcrypt_text.SALT_PIECE_AND_DIGEST_PIECE}",
    re.ASCII,
)
_WORDPRESS = re.compile(rf"\$wp(\$2[aby]\$(?P<cost>\d\d)\${bcrypt_text.SALT_AND_DIGEST})", re.ASCII)

_WORDPRESS_KEY = b"wp-sha384"

PHP_BLANKS = b" \t\n\r\0\x0b"
"""The bytes that PHP's `trim` removes, which WordPress applies to passwords."""


class BcryptSha256:
    """Django's `$bcrypt-sha256-hex$2b$12$...`: bcrypt of the 64 digits of the SHA-256."""

    max_bytes: int | None = None

    def identify(self, hashed: str) -> bool:
        parts = _DJANGO.fullmatch(hashed)
        return parts is not None and int(parts["cost"]) in bcrypt_text.COSTS

    def verify(self, password: bytes, hashed: str) -> bool:
        digits = hashlib.sha256(password).hexdigest().encode()
        return bcrypt.checkpw(digits, hashed.removeprefix(DJANGO).encode())


class PasslibBcryptSha256:
    """passlib's `$bcrypt-sha256$v=2,t=2b,r=12$salt$digest`: bcrypt of an HMAC-SHA256 in base64.

    Version 1, `$bcrypt-sha256$2b,12$salt$digest`, uses plain SHA-256 instead of the HMAC.
    """

    max_bytes: int | None = None

    def identify(self, hashed: str) -> bool:
        parts = _PASSLIB.fullmatch(hashed)
        return parts is not None and _cost_of(parts) in bcrypt_text.COSTS

    def verify(self, password: bytes, hashed: str) -> bool:
        parts = _PASSLIB.fullmatch(hashed)
        if parts is None:
            raise ValueError("not a hash of passlib's bcrypt_sha256")
        salt = parts["salt"].encode()
        is_first_version = parts["cost2"] is None
        digest = (
            hashlib.sha256(password).digest()
            if is_first_version
            else hmac.digest(salt, password, "sha256")
        )
        plain = f"$2b${_cost_of(parts):02}${parts['salt']}{parts['digest']}"
        return bcrypt.checkpw(b64encode(digest), plain.encode())


class WordPressBcrypt:
    """`$wp$2y$10$...` of WordPress 6.8: bcrypt of an HMAC-SHA384 in base64."""

    max_bytes: int | None = None

    def identify(self, hashed: str) -> bool:
        parts = _WORDPRESS.fullmatch(hashed)
        return parts is not None and int(parts["cost"]) in bcrypt_text.COSTS

    def verify(self, password: bytes, hashed: str) -> bool:
        digest = hmac.digest(_WORDPRESS_KEY, password.strip(PHP_BLANKS), "sha384")
        return bcrypt.checkpw(b64encode(digest), hashed.removeprefix("$wp").encode())


def _cost_of(parts: re.Match[str]) -> int:
    return int(parts["cost1"] or parts["cost2"])
