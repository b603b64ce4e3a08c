"""Turns passwords into hashes and compares them, always in the hash pool."""

import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import bcrypt

from gatepost.errors import Problem
from gatepost.normal_form import TooManyMarksError, normalise
from gatepost.security import argon2
from gatepost.security.hash_pool import HashPool
from gatepost.security.legacy_hashes import bcrypt_text
from gatepost.security.legacy_hashes.bcrypt_sha256 import (
    BcryptSha256,
    PasslibBcryptSha256,
    WordPressBcrypt,
)
from gatepost.security.legacy_hashes.firebase import FirebaseScrypt
from gatepost.security.legacy_hashes.pbkdf2 import Pbkdf2
from gatepost.security.legacy_hashes.phpass import Phpass
from gatepost.security.legacy_hashes.scheme import Scheme
from gatepost.security.legacy_hashes.scrypt import Scrypt
from gatepost.security.legacy_hashes.sha_crypt import ShaCrypt
from gatepost.security.legacy_hashes.yescrypt import Yescrypt
from gatepost.settings.passwords import PasswordSettings

BCRYPT_MAX_BYTES = 72
"""bcrypt reads no further, and would let in whoever knows the beginning."""

NFD_EXPANSION = 4
"""The most code points that a single one decomposes into: NFC shortens by no more than this."""

# Settings allow no password of more than 1024 code points.
_LONGEST_INPUT = NFD_EXPANSION * 1024

# A stored hash names its own cost. These bounds let in every recommended one (RFC 9106 section 4
# goes up to 2 GiB) and keep a forged or mistaken one from taking the machine for minutes.
_ARGON2_MOST_KIB = 2**21
_ARGON2_MOST_KIB_PASSES = 2**22
_ARGON2_MOST_LANES = 64

# RFC 9106 section 3.1: each lane has at least so much memory.
_ARGON2_LEAST_KIB_A_LANE = 8

# Argon2's own code takes numbers without leading zeros, in this order and nothing beside them, and
# base64 without stray bits in its last digit. It takes salts from 8 bytes on.
_DIGIT = "[A-Za-z0-9+/]"
_LAST_OF_TWO = "[AQgw]"
_LAST_OF_THREE = "[AEIMQUYcgkosw048]"
_REST = f"(?:{_DIGIT}{{2}}{_LAST_OF_THREE}|{_DIGIT}{_LAST_OF_TWO})?"
_USUAL_SIZES = rf"{_DIGIT}{{21}}{_LAST_OF_TWO}\${_DIGIT}{{42}}{_LAST_OF_THREE}"
_ANY_SIZES = (
    rf"(?:{_DIGIT}{{10}}{_LAST_OF_THREE}|(?:{_DIGIT}{{4}}){{3,32}}{_REST})"
    rf"\$(?:{_DIGIT}{{4}}){{4,32}}{_REST}"
)
_ARGON2_HASH = re.compile(
    r"\$argon2(?:id|i|d)\$v=(?:16|19)"
    r"\$(m=[1-9][0-9]{0,8},t=[1-9][0-9]{0,8},p=[1-9][0-9]{0,2})"
    rf"\$(?:{_USUAL_SIZES}|{_ANY_SIZES})",
    re.ASCII,
)
_ARGON2_HASHES = re.compile(f"^{_ARGON2_HASH.pattern}$", re.ASCII | re.MULTILINE)
# 16 bytes of salt and 32 of the hash itself.
_CURRENT_SHAPE = re.compile(r"\$argon2id\$[^$]+\$[^$]+\$[^$]{22}\$[^$]{43}")
_BCRYPT_HASH = re.compile(rf"\$2[aby]\$(\d\d)\${bcrypt_text.SALT_AND_DIGEST}", re.ASCII)
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# Hashed in the place of a password that can never match, so that refusing it takes as long.
_STAND_IN = b"a password that nobody has"


class UnusablePassword(Problem):
    """A password of which no hash may be made. The policy refuses it sooner, naming the rule."""

    status = 422
    code = "unusable_password"
    title = "This password cannot be used"
    when = "No hash may be made of this password, by its length or its characters."
    remedy = "Choose another password."


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the password is the right one and, if so, whether its hash has had its day."""

    matches: bool
    needs_rehash: bool


_NO_MATCH = Verification(matches=False, needs_rehash=False)


class _Algorithm(Scheme, Protocol):
    """A scheme that may also be today's."""

    def hash(self, password: bytes) -> str: ...

    def is_current(self, hashed: str) -> bool: ...

    def dummy_hash(self) -> str:
        """Return a hash of today's cost that belongs to no password."""


class _Argon2:
    """Argon2id (RFC 9106) in the PHC string format; Argon2i and Argon2d are verified too."""

    max_bytes: int | None = None

    def __init__(self, settings: PasswordSettings) -> None:
        self.build = argon2.choose(settings.argon2_backend)
        self._cost = argon2.Cost(
            passes=settings.argon2_time_cost,
            kib=settings.argon2_memory_kib,
            lanes=settings.argon2_parallelism,
        )

    def identify(self, hashed: str) -> bool:
        parts = _ARGON2_HASH.fullmatch(hashed)
        return parts is not None and (_is_within_cost_limit(parts[1]) or self.is_current(hashed))

    def identify_all(self, hashes: Sequence[str]) -> bool:
        """Whether all are such hashes, a line each, at costs that can be borne."""
        lines = "\n".join([*hashes, ""])
        costs = _ARGON2_HASHES.findall(lines)
        is_each_one = len(costs) == len(hashes) == lines.count("\n")
        return is_each_one and all(map(_is_within_cost_limit, set(costs)))

    def hash(self, password: bytes) -> str:
        return self.build.hash(password, self._cost)

    def verify(self, password: bytes, hashed: str) -> bool:
        return self.build.verify(password, hashed)

    def is_current(self, hashed: str) -> bool:
        return _CURRENT_SHAPE.fullmatch(hashed) is not None and hashed.startswith(self._prefix)

    def dummy_hash(self) -> str:
        salt = secrets.token_bytes(argon2.SALT_BYTES)
        tag = secrets.token_bytes(argon2.TAG_BYTES)
        return f"{self._prefix}{_phc_base64(salt)}${_phc_base64(tag)}"

    @property
    def _prefix(self) -> str:
        cost = self._cost
        return f"$argon2id$v={argon2.VERSION}$m={cost.kib},t={cost.passes},p={cost.lanes}$"


@lru_cache(maxsize=64)
def _is_within_cost_limit(costs: str) -> bool:
    """Whether Argon2's costs, as a hash names them, can be borne; most hashes name the same."""
    kib, passes, lanes = (int(cost[2:]) for cost in costs.split(","))
    return (
        _ARGON2_LEAST_KIB_A_LANE * lanes <= kib <= _ARGON2_MOST_KIB
        and kib * passes <= _ARGON2_MOST_KIB_PASSES
        and lanes <= _ARGON2_MOST_LANES
    )


class _Bcrypt:
    """bcrypt in its `$2b$` form; the equivalent `$2a$` and `$2y$` are verified too."""

    max_bytes: int | None = BCRYPT_MAX_BYTES

    def __init__(self, settings: PasswordSettings) -> None:
        self._cost = settings.bcrypt_cost

    def identify(self, hashed: str) -> bool:
        parts = _BCRYPT_HASH.fullmatch(hashed)
        return parts is not None and int(parts[1]) in bcrypt_text.COSTS

    def hash(self, password: bytes) -> str:
        return bcrypt.hashpw(password, bcrypt.gensalt(self._cost)).decode()

    def verify(self, password: bytes, hashed: str) -> bool:
        return bcrypt.checkpw(password, hashed.encode())

    def is_current(self, hashed: str) -> bool:
        return int(hashed[4:6]) == self._cost

    def dummy_hash(self) -> str:
        tag = "".join(secrets.choice(_BCRYPT_ALPHABET) for _ in range(31))
        return bcrypt_text.normal(bcrypt.gensalt(self._cost).decode() + tag)


class Passwords:
    """Hashes with today's algorithm and cost, and verifies the hashes of every supported one."""

    def __init__(self, settings: PasswordSettings, pool: HashPool) -> None:
        self._argon2 = _Argon2(settings)
        algorithms: dict[str, _Algorithm] = {
            "argon2": self._argon2,
            "bcrypt": _Bcrypt(settings),
        }
        self._schemes: tuple[Scheme, ...] = (*algorithms.values(), *_legacy_schemes(settings))
        self._today = algorithms[settings.password_hasher]
        self._pool = pool
        self.argon2_backend = self._argon2.build.name
        # Made up, not computed: verifying against it costs the same, and starting costs nothing.
        self._unmatchable = self._today.dummy_hash()

    async def hash(self, password: str) -> str:
        """Return today's hash of the NFC form of `password` (SP 800-63B 3.1.1.2).

        Raises `UnusablePassword` if it holds a NUL or an unpaired surrogate, or for bcrypt has
        more than 72 bytes; `ServerBusy` if too many hashes wait already.
        """
        return await self._pool.run(partial(self._hash, password))

    async def verify(self, password: str, hashed: str | None) -> Verification:
        """Tell whether `hashed` was made of `password`; without a hash, cost as much and say no.

        A malformed hash is no hash. A password that can have no hash matches none, after the
        same work. Raises `ServerBusy` if too many hashes wait already.
        """
        return await self._pool.run(partial(self._verify, password, hashed))

    def identify(self, hashed: str) -> bool:
        """Tell whether `hashed` is a hash within the cost limit that `verify` can compare with."""
        return self._scheme_of(hashed) is not None

    def identify_all(self, hashes: Sequence[str]) -> bool:
        """Tell whether it surely identify each of many, which costs half of asking for each.

        If not, some may be of another scheme than Argon2, and have to be asked for.
        """
        return self._argon2.identify_all(hashes)

    def can_hash(self, password: str) -> bool:
        """Tell whether `hash` makes a hash of it, and does not raise `UnusablePassword`."""
        return _encode(password, self._today) is not None

    def _hash(self, password: str) -> str:
        usable = _encode(password, self._today)
        if usable is None:
            raise UnusablePassword
        return self._today.hash(usable)

    def _verify(self, password: str, hashed: str | None) -> Verification:
        scheme = None if hashed is None else self._scheme_of(hashed)
        usable = _encode(password, scheme or self._today)
        if hashed is None or scheme is None:
            return self._refuse()
        current = scheme is self._today and self._today.is_current(hashed)
        try:
            same = scheme.verify(_STAND_IN if usable is None else usable, hashed)
            if usable is not None and not (same or current):
                same = _matches_as_typed(password, usable, scheme, hashed)
        except ValueError:
            return self._refuse()
        if usable is None or not same:
            return _NO_MATCH
        return Verification(matches=True, needs_rehash=not current)

    def _refuse(self) -> Verification:
        self._today.verify(_STAND_IN, self._unmatchable)
        return _NO_MATCH

    def _scheme_of(self, hashed: str) -> Scheme | None:
        for scheme in self._schemes:
            if scheme.identify(hashed):
                return scheme
        return None


def _legacy_schemes(settings: PasswordSettings) -> tuple[Scheme, ...]:
    key = settings.firebase_signer_key
    firebase = FirebaseScrypt(None if key is None else b64decode(key))
    return (
        Pbkdf2(),
        Scrypt(),
        BcryptSha256(),
        PasslibBcryptSha256(),
        WordPressBcrypt(),
        Phpass(),
        ShaCrypt(),
        Yescrypt(),
        firebase,
    )


def _matches_as_typed(password: str, usable: bytes, scheme: Scheme, hashed: str) -> bool:
    """Whether the password matches as it was typed: other systems may not have normalised it."""
    typed = password.encode()
    too_long = scheme.max_bytes is not None and len(typed) > scheme.max_bytes
    return typed != usable and not too_long and scheme.verify(typed, hashed)


def _encode(password: str, scheme: Scheme) -> bytes | None:
    """Return the bytes to hash, None for a password of which no hash is ever made."""
    # Normalising takes quadratic time, so what is longer than any password is not looked at.
    if len(password) > _LONGEST_INPUT or "\0" in password:
        return None
    try:
        encoded = normalise(password).encode()
    except (UnicodeEncodeError, TooManyMarksError):
        return None
    too_long = scheme.max_bytes is not None and len(encoded) > scheme.max_bytes
    return None if too_long else encoded


def _phc_base64(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode()
