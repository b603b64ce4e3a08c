"""Firebase: the output of `firebase auth:export`, as JSON or as CSV."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from gatepost.features.imports.imported_user import ImportedUser
from gatepost.files.rows import BrokenFile
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.options import SourceOptions
from gatepost.importers.system import PHONE_NUMBERS, SECOND_FACTORS, SOCIAL_LOGINS, SourceSystem
from gatepost.security.legacy_hashes import firebase, texts

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
"""The columns of the CSV file, which has no header line; later versions have added providers."""

_ADDED = "provider"
_OF_PROVIDERS = {*_PROVIDERS, _ADDED}
_ID, _DIGITS = "Id", "0123456789"
_SHORTEST = len(_CSV_COLUMNS) - len(_OF_A_PROVIDER) * (len(_PROVIDERS) - _OLDEST_PROVIDERS)
_BOOLEANS = {"true", "false", ""}


def columns_of(cells: Sequence[str]) -> Sequence[str] | None:
    """The names of the cells of a line of the CSV file; None if it is not such a line.

    Each line ends with a comma. The original columns are followed by four for each provider that
    was added later. A comma in a cell without quotes must not be taken for one more column.
    """
    count = len(cells) - 1
    count_of_more, rest = divmod(count - len(_CSV_COLUMNS), len(_OF_A_PROVIDER))
    if count < _SHORTEST - 1 or cells[-1] or (rest and count != _SHORTEST - 1):
        return None
    more = (f"{_ADDED}{number}" for number in range(max(count_of_more, 0)))
    names = (*_CSV_COLUMNS, *chain.from_iterable(map(_of_provider, more)))[:count]
    row = dict(zip(names, cells, strict=False))
    is_one = {row["emailVerified"], row["disabled"]} <= _BOOLEANS and all(
        not row[name] or row[name].isdecimal() for name in ("createdAt", "lastSignedInAt")
    )
    # A line that is longer than any known version needs positive evidence: a time of creation.
    is_sure = row["createdAt"] or count in (_SHORTEST - 1, _SHORTEST, len(_CSV_COLUMNS))
    return (*names, "") if is_one and is_sure else None


_PARAMETER = re.compile(r"^\s*(\w+)\s*:\s*([^\s,]+)\s*,?\s*$", re.MULTILINE)
_LONGEST_CONFIG = 10_000
_NEEDED = "copy the password hash parameters from the console into a file: --hash-config FILE"


class Firebase(SourceSystem):
    """Accounts with an email address; hashes are Firebase's own variant of scrypt."""

    known_columns = frozenset({*_CSV_COLUMNS, "", "providerUserInfo", "mfaInfo"})
    distinctive_columns = frozenset({"localId"})
    has_every_column = False

    def __init__(
        self, options: SourceOptions, is_supported_hash: Callable[[str], bool], now: datetime
    ) -> None:
        super().__init__(options, is_supported_hash, now)
        self._config = _read_config(options, is_supported_hash)

    def kind_of_non_account(self, row: Row) -> str | None:
        has_identity = any(row.get(name) for name in ("email", "phoneNumber", "providerUserInfo"))
        is_known = has_identity or any(_provider_ids(row))
        return None if is_known else "anonymous accounts"

    def read(self, row: Row) -> ImportedUser:
        address = fields.email(row)
        self._count(row)
        claims = fields.members(row, "customAttributes")
        granted = {name for name, value in claims.items() if value is True}
        return ImportedUser(
            address,
            full_name=fields.text(row, "displayName"),
            role=self.options.role_of(fields.words(claims, "role", "roles") | granted),
            is_active=not fields.boolean(row, "disabled", default=False),
            email_verified=fields.boolean(row, "emailVerified", default=False),
            created_at=fields.milliseconds(row, "createdAt"),
            password_hash=self._hash(row),
        )

    def _count(self, row: Row) -> None:
        in_csv = len(list(_provider_ids(row)))
        self.skip(SOCIAL_LOGINS, in_csv + len(fields.entries(row, "providerUserInfo")))
        self.skip(SECOND_FACTORS, len(fields.entries(row, "mfaInfo")))
        self.skip(PHONE_NUMBERS, bool(row.get("phoneNumber")))

    def _hash(self, row: Row) -> str | None:
        digest, salt = fields.text(row, "passwordHash"), fields.text(row, "salt") or ""
        return self.hash(
            "passwordHash", lambda: None if digest is None else self._config.stored(digest, salt)
        )


def _provider_ids(row: Row) -> Iterator[str]:
    """The user's ids at other providers, in CSV."""
    for name, value in row.items():
        if name.endswith(_ID) and name.removesuffix(_ID).rstrip(_DIGITS) in _OF_PROVIDERS and value:
            yield str(value)


@dataclass(frozen=True, slots=True)
class _HashConfig:
    """A project's hash parameters."""

    key_id: str = ""
    key_bytes: int = 0
    separator: bytes = b""
    rounds: int = 0
    mem_cost: int = 0

    def stored(self, digest: str, salt: str) -> str:
        if not salt:
            raise ValueError("a Firebase hash has a salt")
        return firebase.stored(
            key=self.key_id,
            mem_cost=self.mem_cost,
            rounds=self.rounds,
            salt=texts.any_base64(salt) + self.separator,
            digest=texts.any_base64(digest),
        )


def _read_config(options: SourceOptions, is_supported_hash: Callable[[str], bool]) -> _HashConfig:
    """Read `--hash-config`.

    Raises `BrokenFile` if it is missing or invalid, or the service lacks its signer key.
    """
    if options.hash_config is None:
        if options.drops_unknown_hashes:
            return _HashConfig()
        raise BrokenFile(f"cannot be read without its hash parameters: {_NEEDED}")
    try:
        with options.hash_config.open(encoding="utf-8") as file:
            parameters = dict(_PARAMETER.findall(file.read(_LONGEST_CONFIG)))
        key = texts.any_base64(parameters["base64_signer_key"])
        separator = texts.any_base64(parameters.get("base64_salt_separator", ""))
        rounds, mem_cost = int(parameters["rounds"]), int(parameters["mem_cost"])
    except (OSError, KeyError, ValueError):
        raise BrokenFile(f"has no hash parameters in that file: {_NEEDED}") from None
    config = _HashConfig(firebase.key_id(key), len(key), separator, rounds, mem_cost)
    probe = firebase.stored(
        key=config.key_id, mem_cost=mem_cost, rounds=rounds, salt=separator, digest=bytes(len(key))
    )
    if not is_supported_hash(probe):
        raise BrokenFile(
            "has hashes that cannot be verified: set FIREBASE_SIGNER_KEY to the base64_signer_key "
            "of the hash parameters, here and for the service"
        )
    return config
