"""Hashes and verifies passwords, always in the hash pool."""

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
"""bcrypt ignores further bytes, so that the beginning of a longer password would suffice."""

NFD_EXPANSION = 4
"""The most code points that one decomposes into: NFC shortens a text by at most this factor."""

# Settings allow no password of more than 1024 code points.
_LONGEST_INPUT = NFD_EXPANSION * 1024

# A stored hash contains its own cost. These limits allow every recommended cost (RFC 9106 section 4
# goes up to 2 GiB), and prevent a forged or mistaken hash from occupying the machine for minutes.
_ARGON2_MOST_KIB = 2**21
_ARGON2_MOST_KIB_PASSES = 2**22
_ARGON2_MOST_LANES = 64

# RFC 9106 section 3.1: the least memory per lane.
_ARGON2_LEAST_KIB_A_LANE = 8

# Argon2's decoder accepts exactly these parameters in this order, numbers without leading zeros,
# base64 without stray bits in its last digit, and salts of at least 8 bytes.
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

# Hashed instead of a password that cannot match, so that refusing it takes the same time.
_DUMMY_PASSWORD = b"a password of no account"


class UnusablePassword(Problem):
    """A password that cannot be hashed. The policy check refuses it first, naming the rule."""

    status = 422
    code = "unusable_password"
    title = "This password cannot be used"
    when = "No hash may be made of this password, by its length or its characters."
    remedy = "Choose another password."


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the password matches and, if so, whether its hash should be replaced."""

    matches: bool
    needs_rehash: bool


_NO_MATCH = Verification(matches=False, needs_rehash=False)


class _Algorithm(Scheme, Protocol):
    """A scheme that can also make hashes, as the configured one."""

    def hash(self, password: bytes) -> str: ...

    def is_current(self, hashed: str) -> bool: ...

    def dummy_hash(self) -> str:
        """Return a random hash of the configured cost that matches no password."""


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
        """Whether all are Argon2 hashes within the cost limit."""
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
    """Whether the costs of an Argon2 hash are allowed; cached, as most hashes have the same."""
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
    """Hashes with the configured algorithm and cost, and verifies hashes of all schemes."""

    def __init__(self, settings: PasswordSettings, pool: HashPool) -> None:
        self._argon2 = _Argon2(settings)
        algorithms: dict[str, _Algorithm] = {
            "argon2": self._argon2,
            "bcrypt": _Bcrypt(settings),
        }
        self._schemes: tuple[Scheme, ...] = (*algorithms.values(), *_legacy_schemes(settings))
        self._configured = algorithms[settings.password_hasher]
        self._pool = pool
        self.argon2_backend = self._argon2.build.name
        # Random, not computed: verifying against it takes as long, and starting takes no time.
        self._dummy_hash = self._configured.dummy_hash()

    async def hash(self, password: str) -> str:
        """Return a hash of the NFC form of `password` (SP 800-63B 3.1.1.2), as configured.

        Raises `UnusablePassword` if it contains a NUL or an unpaired surrogate, or for bcrypt has
        more than 72 bytes; `ServerBusy` if the queue of the hash pool is full.
        """
        return await self._pool.run(partial(self._hash, password))

    async def verify(self, password: str, hashed: str | None) -> Verification:
        """Return whether `hashed` was made of `password`; no match if `hashed` is None.

        A malformed hash counts as None. A password that cannot be hashed never matches. Each case
        takes the time of a hash. Raises `ServerBusy` if the queue of the hash pool is full.
        """
        return await self._pool.run(partial(self._verify, password, hashed))

    def identify(self, hashed: str) -> bool:
        """Return whether `verify` can compare with `hashed`, within the cost limit."""
        return self._scheme_of(hashed) is not None

    def identify_all(self, hashes: Sequence[str]) -> bool:
        """Return whether all are Argon2 hashes, in half the time of calling `identify` for each.

        If False, call `identify` for each: some may be of another scheme.
        """
        return self._argon2.identify_all(hashes)

    def can_hash(self, password: str) -> bool:
        """Return whether `hash` accepts it instead of raising `UnusablePassword`."""
        return _encode(password, self._configured) is not None

    def _hash(self, password: str) -> str:
        usable = _encode(password, self._configured)
        if usable is None:
            raise UnusablePassword
        return self._configured.hash(usable)

    def _verify(self, password: str, hashed: str | None) -> Verification:
        scheme = None if hashed is None else self._scheme_of(hashed)
        usable = _encode(password, scheme or self._configured)
        if hashed is None or scheme is None:
            return self._refuse()
        current = scheme is self._configured and self._configured.is_current(hashed)
        try:
            same = scheme.verify(_DUMMY_PASSWORD if usable is None else usable, hashed)
            if usable is not None and not (same or current):
                same = _matches_as_typed(password, usable, scheme, hashed)
        except ValueError:
            return self._refuse()
        if usable is None or not same:
            return _NO_MATCH
        return Verification(matches=True, needs_rehash=not current)

    def _refuse(self) -> Verification:
        self._configured.verify(_DUMMY_PASSWORD, self._dummy_hash)
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
    """Whether the password matches without normalisation, which other systems may not do."""
    typed = password.encode()
    too_long = scheme.max_bytes is not None and len(typed) > scheme.max_bytes
    return typed != usable and not too_long and scheme.verify(typed, hashed)


def _encode(password: str, scheme: Scheme) -> bytes | None:
    """Return the bytes to hash; None for a password that cannot be hashed."""
    # Normalising takes quadratic time, so text longer than any password is refused first.
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
