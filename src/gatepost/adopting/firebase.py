"""What `firebase auth:export` writes, as JSON or as CSV."""

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from gatepost.adopting import fields
from gatepost.adopting.fields import Row
from gatepost.adopting.options import Options
from gatepost.adopting.system import PHONE_NUMBERS, SECOND_FACTORS, SOCIAL_LOGINS, System
from gatepost.features.accounts.imported_user import ImportedUser
from gatepost.files.rows import BrokenFile
from gatepost.security.legacy_hashes import firebase

_PROVIDERS = (
    *("google", "facebook", "twitter", "github"),
    *("apple", "microsoft", "gameCenter", "playGames", "linkedin", "yahoo"),
)
_OLDEST_PROVIDERS = 4
_OF_A_PROVIDER = ("Id", "Email", "DisplayName", "PhotoUrl")


def _of_provider(name: str) -> tuple[str, ...]:
    return tuple(f"{name}{what}" for what in _OF_A_PROVIDER)


_BEFORE = ("localId", "email", "emailVerified", "passwordHash", "salt", "displayName", "photoUrl")
_BEHIND = ("createdAt", "lastSignedInAt", "phoneNumber", "disabled", "customAttributes")
_CSV_COLUMNS = (
    *_BEFORE,
    *chain.from_iterable(map(_of_provider, _PROVIDERS[:_OLDEST_PROVIDERS])),
    *_BEHIND,
    *chain.from_iterable(map(_of_provider, _PROVIDERS[_OLDEST_PROVIDERS:])),
)
"""Of the CSV file, which has no line that names them; later versions have added providers."""

_ADDED = "provider"
_OF_PROVIDERS = {*_PROVIDERS, _ADDED}
_ID, _DIGITS = "Id", "0123456789"
_SHORTEST = len(_CSV_COLUMNS) - len(_OF_A_PROVIDER) * (len(_PROVIDERS) - _OLDEST_PROVIDERS)
_TRUTHS = {"true", "false", ""}


def columns_of(cells: Sequence[str]) -> Sequence[str] | None:
    """The columns of a line of the CSV file; None if it is none.

    Each line ends with a comma. Behind the columns that have been there from the beginning there
    are four for each provider that was added, however many. No comma inside of a cell that was
    written without quotes may pass for one more provider's, and move the others.
    """
    count = len(cells) - 1
    count_of_more, rest = divmod(count - len(_CSV_COLUMNS), len(_OF_A_PROVIDER))
    if count < _SHORTEST - 1 or cells[-1] or (rest and count != _SHORTEST - 1):
        return None
    more = (f"{_ADDED}{number}" for number in range(max(count_of_more, 0)))
    names = (*_CSV_COLUMNS, *chain.from_iterable(map(_of_provider, more)))[:count]
    row = dict(zip(names, cells, strict=False))
    is_one = {row["emailVerified"], row["disabled"]} <= _TRUTHS and all(
        not row[name] or row[name].isdecimal() for name in ("createdAt", "lastSignedInAt")
    )
    # Of what is longer than any that is known, more has to be right than that nothing is wrong.
    is_sure = row["createdAt"] or count in (_SHORTEST - 1, _SHORTEST, len(_CSV_COLUMNS))
    return (*names, "") if is_one and is_sure else None


_PARAMETER = re.compile(r"^\s*(\w+)\s*:\s*([^\s,]+)\s*,?\s*$", re.MULTILINE)
_LONGEST_CONFIG = 10_000
_NEEDED = "copy the password hash parameters from the console into a file: --hash-config FILE"


class Firebase(System):
    """Accounts with an address; hashes are Firebase's own scrypt."""

    known_columns = frozenset({*_CSV_COLUMNS, "", "providerUserInfo", "mfaInfo"})
    hallmarks = frozenset({"localId"})
    leaves_out_nothing = False

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._config = _read_config(options)

    def not_an_account(self, row: Row) -> str | None:
        has_somebody = any(row.get(name) for name in ("email", "phoneNumber", "providerUserInfo"))
        known = has_somebody or any(_provider_ids(row))
        return None if known else "anonymous accounts"

    def read(self, row: Row) -> ImportedUser:
        address = fields.email(row)
        self._count(row)
        claims = fields.members(row, "customAttributes")
        granted = {name for name, value in claims.items() if value is True}
        return ImportedUser(
            address,
            full_name=fields.text(row, "displayName"),
            role=self.options.role_of(fields.words(claims, "role", "roles") | granted),
            is_active=not fields.truth(row, "disabled", default=False),
            email_verified=fields.truth(row, "emailVerified", default=False),
            created_at=fields.milliseconds(row, "createdAt"),
            password_hash=self._hash(row),
        )

    def _count(self, row: Row) -> None:
        in_csv = len(list(_provider_ids(row)))
        self.leave(SOCIAL_LOGINS, in_csv + len(fields.entries(row, "providerUserInfo")))
        self.leave(SECOND_FACTORS, len(fields.entries(row, "mfaInfo")))
        self.leave(PHONE_NUMBERS, bool(row.get("phoneNumber")))

    def _hash(self, row: Row) -> str | None:
        digest, salt = fields.text(row, "passwordHash"), fields.text(row, "salt") or ""
        return self.hash(
            "passwordHash", lambda: None if digest is None else self._config.stored(digest, salt)
        )


def _provider_ids(row: Row) -> Iterator[str]:
    """Who the user is elsewhere, in CSV."""
    for name, value in row.items():
        if name.endswith(_ID) and name.removesuffix(_ID).rstrip(_DIGITS) in _OF_PROVIDERS and value:
            yield str(value)


@dataclass(frozen=True, slots=True)
class _HashConfig:
    """A project's parameters; without any, no hash has a stored form."""

    key_id: str = ""
    key_bytes: int = 0
    separator: bytes = b""
    rounds: int = 0
    mem_cost: int = 0

    def stored(self, digest: str, salt: str) -> str:
        if not salt:
            raise ValueError("every password has a salt there")
        return firebase.stored(
            key=self.key_id,
            mem_cost=self.mem_cost,
            rounds=self.rounds,
            salt=_decode(salt) + self.separator,
            digest=_decode(digest),
        )


def _read_config(options: Options) -> _HashConfig:
    """Raises `BrokenFile` if there is none, it is not one, or the service lacks its signer key."""
    if options.hash_config is None:
        if options.drops_unknown_hashes:
            return _HashConfig()
        raise BrokenFile(f"cannot be read without its hash parameters: {_NEEDED}")
    try:
        with options.hash_config.open(encoding="utf-8") as file:
            said = dict(_PARAMETER.findall(file.read(_LONGEST_CONFIG)))
        key = _decode(said["base64_signer_key"])
        separator = _decode(said.get("base64_salt_separator", ""))
        rounds, mem_cost = int(said["rounds"]), int(said["mem_cost"])
    except (OSError, KeyError, ValueError):
        raise BrokenFile(f"has no hash parameters in that file: {_NEEDED}") from None
    config = _HashConfig(firebase.key_id(key), len(key), separator, rounds, mem_cost)
    probe = firebase.stored(
        key=config.key_id, mem_cost=mem_cost, rounds=rounds, salt=separator, digest=bytes(len(key))
    )
    if not options.recognises_hash(probe):
        raise BrokenFile(
            "has hashes that cannot be verified: set FIREBASE_SIGNER_KEY to the base64_signer_key "
            "of the hash parameters, here and for the service"
        )
    return config


def _decode(text: str) -> bytes:
    """Base64, in either alphabet, padded or not."""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
