"""Converts the text forms of other systems' hashes into the stored form."""

import re
from collections.abc import Callable, Mapping

from gatepost.security.legacy_hashes import (
    argon2,
    bcrypt_sha256,
    bcrypt_text,
    firebase,
    pbkdf2,
    scrypt,
    texts,
    wrapped,
)

_STORED_AS_THEY_ARE = ("$argon2id$v=", "$argon2i$v=", "$argon2d$v=")
"""Prefixes of the most common hashes, which are checked first so that large imports are fast."""


def to_phc(text: str) -> str:
    """Return the stored form of a hash written by Django, LDAP, Spring or another system.

    Text of no known form is returned unchanged; `Passwords.identify` decides whether it is a hash
    that can be verified within the cost limit. Raises `ValueError` for malformed text that begins
    like one of the known forms.
    """
    if text.startswith(_STORED_AS_THEY_ARE) and text[-1] != "=" and "=$" not in text:
        return text
    for prefix, read in _FORMS.items():
        if text.startswith(prefix):
            return read(text)
    for form, read in _FORMS_WITHOUT_PREFIX.items():
        if form.fullmatch(text):
            return read(text)
    return text


def _django_pbkdf2(text: str) -> str:
    """`pbkdf2_sha256$iterations$salt$base64`."""
    scheme, iterations, salt, digest = texts.parts(text, "$", 4)
    name = scheme.removeprefix("pbkdf2_")
    return pbkdf2.stored(name, texts.number(iterations), salt.encode(), texts.base64(digest))


def _django_scrypt(text: str) -> str:
    """`scrypt$N$salt$r$p$base64`."""
    _, n, salt, r, p, digest = texts.parts(text, "$", 6)
    return scrypt.stored(
        texts.number(n), texts.number(r), texts.number(p), salt.encode(), texts.base64(digest)
    )


def _django_wrapped(text: str) -> str:
    """`argon2$argon2id$...` and `bcrypt$$2b$...`: a common form after Django's name for it."""
    return to_phc("$" + text.split("$", 1)[1].removeprefix("$"))


def _django_bcrypt_sha256(text: str) -> str:
    """`bcrypt_sha256$$2b$...`."""
    return bcrypt_sha256.DJANGO + bcrypt_text.normal(text.removeprefix("bcrypt_sha256$"))


def _werkzeug_pbkdf2(text: str) -> str:
    """`pbkdf2:sha256:iterations$salt$hexadecimal`."""
    method, salt, digest = texts.parts(text, "$", 3)
    _, name, iterations = texts.parts(method, ":", 3)
    return pbkdf2.stored(name, texts.number(iterations), salt.encode(), bytes.fromhex(digest))


def _werkzeug_scrypt(text: str) -> str:
    """`scrypt:N:r:p$salt$hexadecimal`."""
    method, salt, digest = texts.parts(text, "$", 3)
    n, r, p = (texts.number(part) for part in texts.parts(method, ":", 4)[1:])
    return scrypt.stored(n, r, p, salt.encode(), bytes.fromhex(digest))


def _phc_pbkdf2(text: str) -> str:
    """`$pbkdf2-sha256$i=...,l=32$salt$digest`, or passlib's `$pbkdf2-sha256$rounds$salt$digest`.

    passlib writes `.` instead of `+`, and `pbkdf2` without a digest for SHA-1.
    """
    _, scheme, costs, salt, digest = texts.parts(text, "$", 5)
    name = scheme.removeprefix("pbkdf2").removeprefix("-") or "sha1"
    iterations = costs if costs.isdecimal() else _named(costs)["i"]
    return pbkdf2.stored(name, texts.number(iterations), texts.base64(salt), texts.base64(digest))


def _phc_scrypt(text: str) -> str:
    """`$scrypt$ln=14,r=8,p=1$salt$digest`, padded or not.

    Ory Kratos writes N instead of its logarithm: `ln=16384`.
    """
    _, _, costs, salt, digest = texts.parts(text, "$", 5)
    named = _named(costs)
    ln, r, p = (texts.number(named[name]) for name in ("ln", "r", "p"))
    n = ln if ln >= _LEAST_N else 1 << ln
    return scrypt.stored(n, r, p, texts.base64(salt), texts.base64(digest))


def _p5k2(text: str) -> str:
    """`$p5k2$iterations$salt$digest` over SHA-1, of Cryptacular or of Litzenberger's PBKDF2.

    The iterations are hexadecimal. Cryptacular's salt and digest are in base64url. Litzenberger's
    salt is the whole text before the digest, in which 400 iterations are omitted.
    """
    _, _, shown, salt, digest = texts.parts(text, "$", 5)
    if len(digest) == _CRYPTACULAR_DIGITS:
        iterations = texts.hexadecimal(shown)
        return pbkdf2.stored("sha1", iterations, texts.any_base64(salt), texts.any_base64(digest))
    if len(digest) != _LITZENBERGER_DIGITS:
        raise ValueError("not as long as such a hash is")
    iterations = texts.hexadecimal(shown) if shown else _LITZENBERGER_ITERATIONS
    shown = "" if iterations == _LITZENBERGER_ITERATIONS else f"{iterations:x}"
    whole_salt = f"$p5k2${shown}${salt}".encode()
    return pbkdf2.stored("sha1", iterations, whole_salt, texts.base64(digest))


def _kratos_firebase(text: str) -> str:
    """`$firescrypt$ln=14,r=8,p=1$salt$digest$separator$key` of Ory Kratos, for Firebase's hash."""
    _, _, costs, salt, digest, separator, key = texts.parts(text, "$", 7)
    named = _named(costs)
    if named["p"] != "1" or not key:
        raise ValueError("not a hash that Firebase made")
    return firebase.stored(
        key=firebase.key_id(texts.base64(key)),
        mem_cost=texts.number(named["ln"]),
        rounds=texts.number(named["r"]),
        salt=texts.base64(salt) + texts.base64(separator),
        digest=texts.base64(digest),
    )


def _kratos_sha_crypt(text: str) -> str:
    """`$sha256-crypt$...` and `$sha512-crypt$...`: Ory Kratos' prefixes of `$5$` and `$6$`."""
    _, scheme, rest = text.split("$", 2)
    return f"${_SHA_CRYPT[scheme]}${rest}"


def _nextcloud(text: str) -> str:
    """`3|$argon2id$...` of Nextcloud or ownCloud: a version, then a hash made by PHP."""
    return to_phc(text[2:])


def _gotrue_firebase(text: str) -> str:
    """`$fbscrypt$v=1,n=14,r=8,p=1,ss=...,sk=...$salt$digest` of Supabase, for Firebase's hash."""
    _, _, costs, salt, digest = texts.parts(text, "$", 5)
    named = dict(part.partition("=")[::2] for part in costs.split(","))
    if named.get("p") != "1" or not named.get("sk"):
        raise ValueError("not a hash that Firebase made")
    return firebase.stored(
        key=firebase.key_id(texts.base64(named["sk"])),
        mem_cost=texts.number(named.get("n", "")),
        rounds=texts.number(named.get("r", "")),
        salt=texts.base64(salt) + texts.base64(named.get("ss", "")),
        digest=texts.base64(digest),
    )


def _salt_and_scrypt(text: str) -> str:
    """`salt:digest` of better-auth, and `s2:salt:digest` of Lucia, whose old salts are letters.

    The salt is the text of its hexadecimal digits, not the bytes that they encode.
    """
    salt, digest = texts.parts(text.removeprefix("s2:"), ":", 2)
    return scrypt.stored(2**14, 16, 1, salt.encode(), bytes.fromhex(digest), of_nfkc=True)


def _first_lucia(text: str) -> str:
    """`salt:digest` of Lucia's first versions: a smaller block, and no normalisation to NFKC."""
    salt, digest = texts.parts(text, ":", 2)
    return scrypt.stored(2**14, 8, 1, salt.encode(), bytes.fromhex(digest))


def _aspnet(text: str) -> str:
    """ASP.NET Core Identity's version 3: digest, iterations, salt and derived bytes in base64."""
    data = texts.base64(text)
    prf, iterations, size = (int.from_bytes(data[at : at + 4]) for at in (1, 5, 9))
    salt, derived = data[13 : 13 + size], data[13 + size :]
    if len(salt) != size or prf >= len(_ASPNET_DIGESTS):
        raise ValueError("not a hash of ASP.NET Identity")
    return pbkdf2.stored(_ASPNET_DIGESTS[prf], iterations, salt, derived)


def _aspnet_2(text: str) -> str:
    """ASP.NET Identity's version 2: a zero byte, 16 of salt, 32 derived in 1,000 iterations."""
    data = texts.base64(text)
    return pbkdf2.stored("sha1", 1000, data[1:17], data[17:])


def _wrapped(text: str) -> str:
    """`{NAME}...`."""
    return wrapped.unwrapped(text, to_phc)


# From this value on, `ln` is read as N: as a logarithm it would mean 512 GiB of memory or more,
# and a smaller N is of no use.
_LEAST_N = 32

_CRYPTACULAR_DIGITS, _LITZENBERGER_DIGITS, _LITZENBERGER_ITERATIONS = 28, 32, 400

_SHA_CRYPT = {"sha256-crypt": "5", "sha512-crypt": "6"}

_ASPNET_DIGESTS = ("sha1", "sha256", "sha512")

_FORMS: Mapping[str, Callable[[str], str]] = {
    "$2": bcrypt_text.normal,
    "pbkdf2_": _django_pbkdf2,
    "scrypt$": _django_scrypt,
    "argon2$": _django_wrapped,
    "bcrypt$": _django_wrapped,
    "bcrypt_sha256$": _django_bcrypt_sha256,
    "pbkdf2:": _werkzeug_pbkdf2,
    "scrypt:": _werkzeug_scrypt,
    "$argon2": argon2.normal,
    "{": _wrapped,
    bcrypt_sha256.PASSLIB: bcrypt_text.normal,
    bcrypt_sha256.WORDPRESS: bcrypt_text.normal,
    "$pbkdf2": _phc_pbkdf2,
    "$scrypt$": _phc_scrypt,
    "$fbscrypt$": _gotrue_firebase,
    "$firescrypt$": _kratos_firebase,
    "$sha256-crypt$": _kratos_sha_crypt,
    "$sha512-crypt$": _kratos_sha_crypt,
    "$p5k2$": _p5k2,
    "1|$": _nextcloud,
    "2|$": _nextcloud,
    "3|$": _nextcloud,
}

_FORMS_WITHOUT_PREFIX: Mapping[re.Pattern[str], Callable[[str], str]] = {
    re.compile(
        r"(?:(?:s2:)?[0-9a-f]{32}|s2:[0-9a-zA-Z]{16}):[0-9a-f]{128}", re.ASCII
    ): _salt_and_scrypt,
    # Not with hexadecimal salts: other systems use this form with another hash.
    re.compile(r"(?![0-9a-fA-F]{16}:)[0-9a-zA-Z]{16}:[0-9a-f]{128}", re.ASCII): _first_lucia,
    re.compile(r"\$[0-9a-f]{5,7}\$[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]+=*"): wrapped.spring_scrypt,
    re.compile(r"AQAAAA[A-Za-z0-9+/]{30,400}={0,2}", re.ASCII): _aspnet,
    re.compile(r"A[A-P][A-Za-z0-9+/]{63}[AQgw](?:==)?", re.ASCII): _aspnet_2,
}


def _named(costs: str) -> dict[str, str]:
    named = dict(part.partition("=")[::2] for part in costs.split(","))
    return {"i": "", "ln": "", "r": "", "p": ""} | named
