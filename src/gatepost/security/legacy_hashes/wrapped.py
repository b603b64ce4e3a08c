"""Hashes after a scheme's name in braces, as LDAP, Dovecot and Spring Security store them."""

import re
from collections.abc import Callable, Mapping

from gatepost.security.legacy_hashes import pbkdf2, phc, scrypt, texts

_FORM = re.compile(
    r"\{([a-z0-9@_-]{1,64})(?:\.(b64|base64|hex))?\}(.*)", re.ASCII | re.DOTALL | re.IGNORECASE
)

# Spring Security's defaults, which its hashes do not contain: digest, iterations, bytes of salt.
_SPRING = {
    "pbkdf2": ("sha1", 185_000, 8),
    "pbkdf2@springsecurity_v5_8": ("sha256", 310_000, 16),
}
_SPRING_TAG_BYTES = 32
_SPRING_SCRYPT = re.compile(r"\$([0-9a-f]{5,7})\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)", re.ASCII)

# The offsets of salt and digest in 389 Directory Server's older hashes.
_PIECES_389 = 4, 68

# Atlassian's hashes have 16 bytes of salt, and do not contain the iterations.
_ATLASSIAN_SALT_BYTES, _ATLASSIAN_ITERATIONS = 16, 10_000


def unwrapped(text: str, to_phc: Callable[[str], str]) -> str:
    """Return the stored form of a hash after a name in braces (RFC 2307); raises `ValueError`.

    Names are case-insensitive. Dovecot's may carry a suffix for a further encoding. Where the hash
    identifies its scheme itself, it is converted by `to_phc`.
    """
    found = _FORM.fullmatch(text)
    if found is None or len(text) > 2 * phc.LONGEST_STORED:
        raise ValueError("not a name in braces and a hash")
    name, hashed = found[1].lower(), found[3]
    if found[2] is not None:
        hashed = _ENCODINGS[found[2].lower()](hashed).decode("ascii")
    if name in _PREFIXES:
        if not hashed.startswith(_PREFIXES[name]):
            raise ValueError("another hash than its name says")
        return to_phc(hashed)
    read = _READERS.get(name)
    if read is None:
        raise ValueError("a scheme that is not supported")
    return read(name, hashed)


def spring_scrypt(hashed: str) -> str:
    """Spring's `$e0801$salt$digest`: 65536 log2(N) + 256 r + p in hexadecimal comes first."""
    found = _SPRING_SCRYPT.fullmatch(hashed)
    if found is None:
        raise ValueError("not a scrypt hash of Spring's")
    costs = int(found[1], 16)
    ln, r, p = costs >> 16, costs >> 8 & 0xFF, costs & 0xFF
    return scrypt.stored(1 << ln, r, p, texts.base64(found[2]), texts.base64(found[3]))


def _pbkdf2(name: str, hashed: str) -> str:
    """PBKDF2 in the form of Dovecot, LDAP or Spring."""
    if hashed.startswith("$1$"):
        return _dovecot_pbkdf2(hashed)
    return _ldap_pbkdf2(name, hashed) if "$" in hashed else _spring_pbkdf2(name, hashed)


def _dovecot_pbkdf2(hashed: str) -> str:
    """`$1$salt$iterations$hexadecimal`, over SHA-1."""
    _, _, salt, iterations, digest = texts.parts(hashed, "$", 5)
    return pbkdf2.stored("sha1", texts.number(iterations), salt.encode(), bytes.fromhex(digest))


def _ldap_pbkdf2(name: str, hashed: str) -> str:
    """`iterations$salt$digest` of OpenLDAP, 389 Directory Server and passlib."""
    iterations, salt, digest = texts.parts(hashed, "$", 3)
    prf = name.removeprefix("pbkdf2").removeprefix("-") or "sha1"
    return pbkdf2.stored(prf, texts.number(iterations), texts.base64(salt), texts.base64(digest))


def _spring_pbkdf2(name: str, hashed: str) -> str:
    """Salt and derived bytes in hexadecimal; Spring's optional secret must be unset."""
    prf, iterations, salt_bytes = _SPRING[name]
    data = bytes.fromhex(hashed)
    if len(data) != salt_bytes + _SPRING_TAG_BYTES:
        raise ValueError("not as long as such a hash is")
    return pbkdf2.stored(prf, iterations, data[:salt_bytes], data[salt_bytes:])


def _old_389_pbkdf2(_: str, hashed: str) -> str:
    """Iterations, 64 bytes of salt and the derived bytes, in base64."""
    data, (salt_at, digest_at) = texts.base64(hashed), _PIECES_389
    iterations = int.from_bytes(data[:salt_at])
    return pbkdf2.stored("sha256", iterations, data[salt_at:digest_at], data[digest_at:])


def _atlassian(_: str, hashed: str) -> str:
    data, end = texts.base64(hashed), _ATLASSIAN_SALT_BYTES
    return pbkdf2.stored("sha1", _ATLASSIAN_ITERATIONS, data[:end], data[end:])


_ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "b64": texts.base64,
    "base64": texts.base64,
    "hex": bytes.fromhex,
}

# Names of schemes whose hashes identify themselves, and the prefixes of those.
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "crypt": ("$",),
    "bcrypt": ("$2",),
    "blf-crypt": ("$2",),
    "sha256-crypt": ("$5$",),
    "sha512-crypt": ("$6$",),
    "argon2": ("$argon2",),
    "argon2i": ("$argon2i$",),
    "argon2d": ("$argon2d$",),
    "argon2id": ("$argon2id$",),
    "argon2@springsecurity_v5_8": ("$argon2",),
}

_READERS: Mapping[str, Callable[[str, str], str]] = {
    "pbkdf2": _pbkdf2,
    "pbkdf2@springsecurity_v5_8": _spring_pbkdf2,
    "pbkdf2-sha1": _ldap_pbkdf2,
    "pbkdf2-sha256": _ldap_pbkdf2,
    "pbkdf2-sha512": _ldap_pbkdf2,
    "pbkdf2_sha256": _old_389_pbkdf2,
    "pkcs5s2": _atlassian,
    "scrypt": lambda _, hashed: spring_scrypt(hashed),
    "scrypt@springsecurity_v5_8": lambda _, hashed: spring_scrypt(hashed),
}
