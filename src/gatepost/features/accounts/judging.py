"""Judges an account that comes from elsewhere by the rules that registration goes by."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic_core import PydanticCustomError, PydanticKnownError

from gatepost.features.accounts.identity import (
    FULL_NAME,
    Username,
    read_email,
    read_username,
)
from gatepost.features.accounts.imported_user import BadRow, ImportedUser, Reason
from gatepost.features.accounts.roles import Role
from gatepost.security import password_policy
from gatepost.security.password_policy import WeakPassword
from gatepost.settings.passwords import PasswordSettings

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
_LONGEST_HASH = 512
_LONGEST_PASSWORD = 4096


class NewRow(NamedTuple):
    """A row of the users table to be, its fields the columns."""

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
    def likeness(self) -> "Likeness":
        """What makes it the same account as one that is there already."""
        return Likeness(
            self.email,
            self.username,
            self.full_name,
            self.role,
            self.is_active,
            self.email_verified,
        )


class Likeness(NamedTuple):
    """All that an account says of its user; its password and its times aside."""

    email: str
    username: str | None
    full_name: str | None
    role: str
    is_active: bool
    email_verified: bool


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules of one import."""

    recognises_hash: Callable[[str], bool]
    now: datetime
    allows_admins: bool
    policy: PasswordSettings | None = None
    """What plain passwords have to meet, if anything."""

    def judge(self, user: ImportedUser) -> NewRow:
        """The row to be inserted, its password still to be hashed; raises `BadRow`."""
        address = read_email(user.email)
        if address is None:
            raise BadRow(Reason.FIELD_INVALID, "email", "It is no email address")
        username, username_key = _username(user.username) if user.username else (None, None)
        if user.role is Role.ADMIN and not self.allows_admins:
            raise BadRow(Reason.ROLE_NOT_ALLOWED, "role", "Admins come in with --allow-admins only")
        created_at = self.now if user.created_at is None else _time(user.created_at, "created_at")
        updated_at = created_at if user.updated_at is None else _time(user.updated_at, "updated_at")
        return NewRow(
            address.email,
            address.key,
            username,
            username_key,
            None if user.full_name is None else _full_name(user.full_name),
            self._password_hash(user),
            user.role.value,
            user.is_active,
            user.email_verified,
            created_at,
            updated_at,
            self.now,
        )

    def _password_hash(self, user: ImportedUser) -> str | None:
        hashed = user.password_hash
        if user.password is not None:
            if hashed is not None:
                raise BadRow(Reason.FIELD_INVALID, "password", "Give a password or its hash")
            self._judge_password(user, user.password)
            return None
        if hashed is not None and (len(hashed) > _LONGEST_HASH or not self.recognises_hash(hashed)):
            detail = "It is no hash, of bearable cost, that a password can be compared with"
            raise BadRow(Reason.HASH_UNSUPPORTED, "password_hash", detail)
        return hashed

    def _judge_password(self, user: ImportedUser, password: str) -> None:
        if len(password) > _LONGEST_PASSWORD:
            raise BadRow(Reason.FIELD_INVALID, "password", "It is too long")
        if self.policy is None:
            return
        try:
            password_policy.check(
                password, self.policy, (user.email, user.username, user.full_name)
            )
        except WeakPassword as weak:
            unmet = " ".join(each["msg"] for each in weak.extensions["errors"])
            raise BadRow(Reason.PASSWORD_WEAK, "password", unmet) from None


def _username(text: str) -> Username:
    username = read_username(text)
    if username is None:
        detail = "Use 3 to 32 letters, digits, dots, hyphens and underscores, no sign first"
        raise BadRow(Reason.FIELD_INVALID, "username", detail)
    return username


def _full_name(text: str) -> str:
    try:
        text.encode()
        return FULL_NAME.clean(text)
    except PydanticKnownError:
        raise BadRow(Reason.FIELD_INVALID, "full_name", "It is too long") from None
    except (PydanticCustomError, UnicodeEncodeError):
        raise BadRow(Reason.FIELD_INVALID, "full_name", "Leave out control characters") from None


def _time(time: datetime, field: str) -> datetime:
    try:
        if _EARLIEST <= time <= _LATEST:
            return time if time.tzinfo is UTC else time.astimezone(UTC)
    except OverflowError:  # an offset that leads out of the calendar
        pass
    raise BadRow(Reason.FIELD_INVALID, field, "It is not between the years 1970 and 9000")
