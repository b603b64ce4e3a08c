"""Validates imported accounts by the rules of registration, a column at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic_core import PydanticCustomError, PydanticKnownError

from gatepost.features.accounts.identity import (
    FULL_NAME,
    USERNAME_RULE,
    Address,
    are_plain_emails,
    are_plain_usernames,
    read_email,
    read_username,
)
from gatepost.features.callers.roles import Role
from gatepost.features.imports.columns import BadRows, Columns, convert_each, is_empty
from gatepost.features.imports.imported_user import (
    UNSUPPORTED_HASH,
    BadRow,
    ImportedUser,
    Reason,
)
from gatepost.security import password_policy
from gatepost.security.password_policy import WeakPassword
from gatepost.security.passwords import Passwords
from gatepost.settings.passwords import PasswordSettings

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
_LONGEST_HASH = 512
_LONGEST_PASSWORD = 4096

_NO_ADDRESS = Address("", "")
_NO_USERNAME: tuple[str | None, str | None] = (None, None)


class NewUserRow(NamedTuple):
    """A row to insert into the users table; the fields are its columns."""

    email: str
    email_key: str
    username: str | None
    username_key: str | None
    full_name: str | None
    password_hash: str | None
    role: str
    is_active: bool
    email_verified: bool
    created_at: datetime
    updated_at: datetime
    password_changed_at: datetime

    @property
    def comparable(self) -> "ComparableFields":
        """The fields by which an existing account is the same as this row."""
        return ComparableFields(
            self.email,
            self.username,
            self.full_name,
            self.role,
            self.is_active,
            self.email_verified,
        )


class ComparableFields(NamedTuple):
    """All fields of an account but its password and its times."""

    email: str
    username: str | None
    full_name: str | None
    role: str
    is_active: bool
    email_verified: bool


@dataclass(frozen=True, slots=True)
class RowValidator:
    """The rules of one import; `policy` applies to plain passwords, None checks none."""

    passwords: Passwords
    now: datetime
    allows_admins: bool
    special_domains: bool = False
    policy: PasswordSettings | None = None

    def validate(self, users: Columns, bad: BadRows) -> list[NewUserRow]:
        """The rows to insert, one per user; plain passwords are not hashed yet.

        Errors are added to `bad`; the rows at those positions are not to be used.
        """
        now = [self.now] * len(users.email)
        emails, email_keys = _emails(users.email, bad, special_domains=self.special_domains)
        usernames, username_keys = _usernames(users.username, bad)
        roles = self._roles(users.role, bad)
        created_at = _times(users.created_at, "created_at", now, bad)
        updated_at = _times(users.updated_at, "updated_at", created_at, bad)
        full_names = _full_names(users.full_name, bad)
        self._check_passwords(users, bad)
        hashes = self._hashes(users.password_hash, bad)
        columns = (
            *(emails, email_keys, usernames, username_keys, full_names, hashes, roles),
            *(users.is_active, users.email_verified, created_at, updated_at, now),
        )
        return list(map(NewUserRow._make, zip(*columns, strict=True)))

    def _roles(self, roles: Sequence[Role], bad: BadRows) -> list[str]:
        if roles.count(Role.USER) == len(roles):
            return [Role.USER.value] * len(roles)
        return convert_each(self._role, roles, bad, "")

    def _role(self, role: Role) -> str:
        if role is Role.ADMIN and not self.allows_admins:
            raise BadRow(Reason.ROLE_NOT_ALLOWED, "role", "Use --allow-admins to import admins")
        return role.value

    def _hashes(self, hashes: Sequence[str | None], bad: BadRows) -> Sequence[str | None]:
        known = [hashed for hashed in hashes if hashed is not None]
        if self.passwords.identify_all(known):
            return hashes
        return convert_each(self._hash, hashes, bad, None)

    def _hash(self, hashed: str | None) -> str | None:
        if hashed is None:
            return None
        if len(hashed) > _LONGEST_HASH or not self.passwords.identify(hashed):
            raise BadRow(Reason.HASH_UNSUPPORTED, "password_hash", UNSUPPORTED_HASH)
        return hashed

    def _check_passwords(self, users: Columns, bad: BadRows) -> None:
        if is_empty(users.password):
            return
        convert_each(self._check_password, map(ImportedUser, *users), bad, None)

    def _check_password(self, user: ImportedUser) -> None:
        password = user.password
        if password is None:
            return
        if user.password_hash is not None:
            raise BadRow(Reason.FIELD_INVALID, "password", "Give a password or its hash, not both")
        if len(password) > _LONGEST_PASSWORD:
            raise BadRow(Reason.FIELD_INVALID, "password", "It is too long")
        if not self.passwords.can_hash(password):
            raise BadRow(Reason.FIELD_INVALID, "password", "This password cannot be hashed")
        if self.policy is None:
            return
        try:
            password_policy.check(
                password, self.policy, (user.email, user.username, user.full_name)
            )
        except WeakPassword as weak:
            unmet = " ".join(rule["msg"] for rule in weak.extensions["errors"])
            raise BadRow(Reason.PASSWORD_WEAK, "password", unmet) from None


def _emails(
    texts: Sequence[str], bad: BadRows, *, special_domains: bool
) -> tuple[Sequence[str], Sequence[str]]:
    """Email addresses and their keys."""

    def read(text: str) -> Address:
        address = read_email(text, special_domains=special_domains)
        if address is None:
            raise BadRow(Reason.FIELD_INVALID, "email", _email_error(text))
        return address

    if are_plain_emails(texts):
        return texts, [text.lower() for text in texts]
    addresses = convert_each(read, texts, bad, _NO_ADDRESS)
    return [address.email for address in addresses], [address.key for address in addresses]


def _email_error(text: str) -> str:
    if read_email(text, special_domains=True) is None:
        return "This is not an email address"
    return "Its domain is not public: set EMAIL_SPECIAL_DOMAINS=true to take such addresses"


def _usernames(
    texts: Sequence[str | None], bad: BadRows
) -> tuple[Sequence[str | None], Sequence[str | None]]:
    """Usernames and their keys."""

    def read(text: str | None) -> tuple[str | None, str | None]:
        if not text:
            return _NO_USERNAME
        username = read_username(text)
        if username is None:
            raise BadRow(Reason.FIELD_INVALID, "username", USERNAME_RULE)
        return username

    if is_empty(texts):
        return texts, texts
    if are_plain_usernames([text for text in texts if text is not None]):
        return texts, [None if text is None else text.lower() for text in texts]
    usernames = convert_each(read, texts, bad, _NO_USERNAME)
    return [name for name, _ in usernames], [key for _, key in usernames]


def _full_names(texts: Sequence[str | None], bad: BadRows) -> Sequence[str | None]:
    def read(text: str | None) -> str | None:
        return None if text is None else _full_name(text)

    is_plain = FULL_NAME.keeps_unchanged([text for text in texts if text is not None])
    return texts if is_plain else convert_each(read, texts, bad, None)


def _full_name(text: str) -> str:
    try:
        text.encode()
        return FULL_NAME.clean(text)
    except PydanticKnownError:
        raise BadRow(Reason.FIELD_INVALID, "full_name", "It is too long") from None
    except PydanticCustomError as error:
        raise BadRow(Reason.FIELD_INVALID, "full_name", error.message()) from None
    except UnicodeEncodeError:
        raise BadRow(Reason.FIELD_INVALID, "full_name", "Leave out control characters") from None


def _times(
    times: Sequence[datetime | None], field: str, defaults: Sequence[datetime], bad: BadRows
) -> Sequence[datetime]:
    """Times in UTC, each None replaced by its default."""

    def read(pair: tuple[datetime | None, datetime]) -> datetime:
        time, default = pair
        return default if time is None else _time(time, field)

    if is_empty(times):
        return defaults
    known = [time for time in times if time is not None]
    if len(known) == len(times) and _are_plain_times(known):
        return known
    return convert_each(read, zip(times, defaults, strict=True), bad, _EARLIEST)


def _are_plain_times(times: Sequence[datetime]) -> bool:
    """Whether all times are in UTC and within the bounds."""
    is_utc = {time.tzinfo for time in times} == {UTC}
    return is_utc and min(times) >= _EARLIEST and max(times) <= _LATEST


def _time(time: datetime, field: str) -> datetime:
    try:
        if _EARLIEST <= time <= _LATEST:
            return time if time.tzinfo is UTC else time.astimezone(UTC)
    except OverflowError:  # the offset leads out of the calendar
        pass
    raise BadRow(Reason.FIELD_INVALID, field, "It is not between the years 1970 and 9000")
