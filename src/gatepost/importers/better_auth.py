"""better-auth: its tables `user` and `account`, or a file with the rows of both."""

from collections.abc import Mapping
from datetime import datetime

from gatepost.db.foreign_tables import ForeignTable, LoginTable
from gatepost.features.imports.imported_user import ImportedUser
from gatepost.files.times import is_infinite
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.system import PHONE_NUMBERS, SECOND_FACTORS, SOCIAL_LOGINS, SourceSystem
from gatepost.security.legacy_hashes.foreign import to_phc

_OWN_PROVIDER = "credential"

_PASSWORD, _OTHER_LOGINS = "password", "socialLogins"

TABLE = ForeignTable(
    "user",
    logins=LoginTable(
        names=("account", "accounts"),
        user_id=("userId", "user_id"),
        provider=("providerId", "provider_id"),
        own_provider=_OWN_PROVIDER,
        password=_PASSWORD,
        other_logins=_OTHER_LOGINS,
    ),
)

# Its adapters write columns in camel case or in snake case.
_NAMES: Mapping[str, str] = {
    "email_verified": "emailVerified",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
    "ban_expires": "banExpires",
    "display_username": "displayUsername",
    "two_factor_enabled": "twoFactorEnabled",
    "phone_number": "phoneNumber",
    "is_anonymous": "isAnonymous",
    "provider_id": "providerId",
    "account": "accounts",
}

# Times as numbers are seconds or milliseconds; as seconds, this one is in the year 5138.
_SECONDS_BELOW = 10**11


class BetterAuth(SourceSystem):
    """The core's columns, and those of the plugins `admin`, `username` and `anonymous`."""

    known_columns = frozenset(
        {
            *("id", "name", "email", "username", "role", "banned", _PASSWORD, _OTHER_LOGINS),
            *_NAMES,
            *_NAMES.values(),
        }
    )

    distinctive_columns = frozenset(
        {
            *("account", "accounts", "displayUsername", "display_username"),
            *("twoFactorEnabled", "two_factor_enabled", "banExpires", "ban_expires"),
        }
    )

    def kind_of_non_account(self, row: Row) -> str | None:
        is_anonymous = fields.boolean(_renamed(row), "isAnonymous", default=False)
        return "anonymous accounts" if is_anonymous else None

    def read(self, row: Row) -> ImportedUser:
        row = _renamed(row)
        address = fields.email(row)
        logins = [_renamed(login) for login in fields.entries(row, "accounts")]
        self._count(row, logins)
        return ImportedUser(
            address,
            username=self.username(_shown_username(row), address),
            full_name=fields.text(row, "name"),
            role=self.options.role_of(_roles(row)),
            is_active=not self._is_banned(row),
            email_verified=fields.boolean(row, "emailVerified", default=False),
            created_at=_finite_time(row, "createdAt"),
            updated_at=_finite_time(row, "updatedAt"),
            password_hash=self._hash(row, logins),
        )

    def _count(self, row: Row, logins: list[Row]) -> None:
        others = sum(login.get("providerId") != _OWN_PROVIDER for login in logins)
        counted = row.get(_OTHER_LOGINS)
        self.skip(SOCIAL_LOGINS, counted if isinstance(counted, int) else others)
        self.skip(SECOND_FACTORS, fields.boolean(row, "twoFactorEnabled", default=False))
        self.skip(PHONE_NUMBERS, bool(row.get("phoneNumber")))

    def _is_banned(self, row: Row) -> bool:
        until = _time(row, "banExpires")
        is_over = until is not None and until <= self.now
        return fields.boolean(row, "banned", default=False) and not is_over

    def _hash(self, row: Row, logins: list[Row]) -> str | None:
        own = next((login for login in logins if login.get("providerId") == _OWN_PROVIDER), row)
        text = fields.text(own, _PASSWORD)
        return self.hash(_PASSWORD, lambda: None if text is None else to_phc(text))


def _renamed(row: Row) -> Row:
    return {_NAMES.get(name, name): value for name, value in row.items()}


def _shown_username(row: Row) -> str | None:
    """The display form of the username, if it is the same name in another case."""
    name, shown = fields.text(row, "username"), fields.text(row, "displayUsername")
    return shown if name and shown and shown.lower() == name.lower() else name


def _roles(row: Row) -> frozenset[str]:
    """The roles, which are separated by commas."""
    return frozenset(role.strip() for role in (fields.text(row, "role") or "").split(","))


def _time(row: Row, name: str) -> datetime | None:
    """A time; some adapters for SQLite store a number."""
    value = row.get(name)
    try:
        number = int(value) if isinstance(value, str | int) else None
    except ValueError:
        number = None
    if number is None or isinstance(value, bool):
        return fields.deadline(row, name)
    return fields.milliseconds(
        {name: number * 1000 if abs(number) < _SECONDS_BELOW else number}, name
    )


def _finite_time(row: Row, name: str) -> datetime | None:
    moment = _time(row, name)
    return None if moment is None or is_infinite(moment) else moment
