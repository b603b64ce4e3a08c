"""Django's way to have bcrypt read a long password to its end: it hashes a SHA-256 of it."""

import hashlib
import re

import bcrypt

PREFIX = "$bcrypt-sha256-hex"

_FORM = re.compile(r"\$bcrypt-sha256-hex(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})", re.ASCII)
_COSTS = range(4, 17)


class BcryptSha256:
    """`$bcrypt-sha256-hex$2b$12$...`: bcrypt of the 64 hexadecimal digits of the SHA-256."""

    max_bytes: int | None = None

    def recognises(self, hashed: str) -> bool:
        parts = _FORM.fullmatch(hashed)
        return parts is not None and int(parts[2]) in _COSTS

    def verify(self, password: bytes, hashed: str) -> bool:
        digits = hashlib.sha256(password).hexdigest().encode()
        return bcrypt.checkpw(digits, hashed.removeprefix(PREFIX).encode())
