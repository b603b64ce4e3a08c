"""The text forms in which other systems keep hashes, turned into the stored ones."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping

from gatepost.security.legacy_hashes import bcrypt_sha256, firebase, pbkdf2, phc, scrypt

_DIGITS = 9
"""No count that is borne has more, and Python reads a longer one in quadratic time."""


_STORED_AS_THEY_ARE = ("$argon2", "$2")
"""How nearly all begin: of a million, none is to be looked at twice."""


def stored_form(text: str) -> str:
    """Return the stored form of a hash as Django, Werkzeug, GoTrue or a PHC writer wrote it.

    What is in no form of theirs is returned as it is: whether it is a hash that can be verified
    at bearable cost is `Passwords.recognises`'s to say. Raises `ValueError` for a text that
    begins like one of those forms and is none.
    """
    if text.startswith(_STORED_AS_THEY_ARE):
        return text
    for prefix, read in _FORMS.items():
        if text.startswith(prefix):
            return read(text)
    return text


def _django_pbkdf2(text: str) -> str:
    """`pbkdf2_sha256$iterations$salt$base64`."""
    scheme, iterations, salt, digest = _parts(text, "$", 4)
    name = scheme.removeprefix("pbkdf2_")
    return pbkdf2.stored(name, _number(iterations), salt.encode(), _base64(digest))


def _django_scrypt(text: str) -> str:
    """`scrypt$N$salt$r$p$base64`."""
    _, n, salt, r, p, digest = _parts(text, "$", 6)
    return scrypt.stored(_number(n), _number(r), _number(p), salt.encode(), _base64(digest))


def _django_wrapped(text: str) -> str:
    """`argon2$argon2id$...` and `bcrypt$$2b$...`: another's form behind Django's own name."""
    return "$" + text.split("$", 1)[1].removeprefix("$")


def _django_bcrypt_sha256(text: str) -> str:
    """`bcrypt_sha256$$2b$...`."""
    return bcrypt_sha256.PREFIX + text.removeprefix("bcrypt_sha256$")


def _werkzeug_pbkdf2(text: str) -> str:
    """`pbkdf2:sha256:iterations$salt$hexadecimal`."""
    method, salt, digest = _parts(text, "$", 3)
    _, name, iterations = _parts(method, ":", 3)
    return pbkdf2.stored(name, _number(iterations), salt.encode(), bytes.fromhex(digest))


def _werkzeug_scrypt(text: str) -> str:
    """`scrypt:N:r:p$salt$hexadecimal`."""
    method, salt, digest = _parts(text, "$", 3)
    n, r, p = (_number(part) for part in _parts(method, ":", 4)[1:])
    return scrypt.stored(n, r, p, salt.encode(), bytes.fromhex(digest))


def _phc_pbkdf2(text: str) -> str:
    """`$pbkdf2-sha256$i=...,l=32$salt$digest`, or passlib's `$pbkdf2-sha256$rounds$salt$digest`.

    passlib writes a dot for a plus, and plain `pbkdf2` for SHA-1.
    """
    _, scheme, costs, salt, digest = _parts(text, "$", 5)
    name = scheme.removeprefix("pbkdf2").removeprefix("-") or "sha1"
    iterations = costs if costs.isdecimal() else _named(costs)["i"]
    return pbkdf2.stored(name, _number(iterations), _adapted(salt), _adapted(digest))


def _phc_scrypt(text: str) -> str:
    """`$scrypt$ln=14,r=8,p=1$salt$digest`, padded or not."""
    _, _, costs, salt, digest = _parts(text, "$", 5)
    named = _named(costs)
    ln, r, p = (_number(named[name]) for name in ("ln", "r", "p"))
    return scrypt.stored(1 << min(ln, 63), r, p, _adapted(salt), _adapted(digest))


def _gotrue_firebase(text: str) -> str:
    """`$fbscrypt$v=1,n=14,r=8,p=1,ss=...,sk=...$salt$digest`: Supabase's, with Firebase's key."""
    _, _, costs, salt, digest = _parts(text, "$", 5)
    named = dict(part.partition("=")[::2] for part in costs.split(","))
    if named.get("p") != "1" or not named.get("sk"):
        raise ValueError("not a hash that Firebase made")
    return firebase.stored(
        key=firebase.key_id(_base64(named["sk"])),
        mem_cost=_number(named.get("n", "")),
        rounds=_number(named.get("r", "")),
        salt=_base64(salt) + _base64(named.get("ss", "")),
        digest=_base64(digest),
    )


_FORMS: Mapping[str, Callable[[str], str]] = {
    "pbkdf2_": _django_pbkdf2,
    "scrypt$": _django_scrypt,
    "argon2$": _django_wrapped,
    "bcrypt$": _django_wrapped,
    "bcrypt_sha256$": _django_bcrypt_sha256,
    "pbkdf2:": _werkzeug_pbkdf2,
    "scrypt:": _werkzeug_scrypt,
    "$pbkdf2": _phc_pbkdf2,
    "$scrypt$": _phc_scrypt,
    "$fbscrypt$": _gotrue_firebase,
}


def _parts(text: str, separator: str, count: int) -> list[str]:
    parts = text.split(separator)
    if len(parts) != count or len(text) > 2 * phc.LONGEST_STORED:
        raise ValueError("not as many parts as such a hash has")
    return parts


def _named(costs: str) -> dict[str, str]:
    named = dict(part.partition("=")[::2] for part in costs.split(","))
    return {"i": "", "ln": "", "r": "", "p": ""} | named


def _number(text: str) -> int:
    if not re.fullmatch(rf"\d{{1,{_DIGITS}}}", text, re.ASCII):
        raise ValueError("not a number that such a hash has")
    return int(text)


def _base64(text: str) -> bytes:
    return b64decode(text, validate=True)


def _adapted(text: str) -> bytes:
    return phc.decode(text.replace(".", "+").rstrip("="))
