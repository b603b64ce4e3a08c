"""Judges accounts that come from elsewhere by the rules that registration goes by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic_core import PydanticCustomError, PydanticKnownError

from gatepost.features.accounts.identity import (
    FULL_NAME,
    Address,
    are_plain_emails,
    are_plain_usernames,
    read_email,
    read_username,
)
from gatepost.features.accounts.import_columns import BadRows, Columns, each, is_empty
from gatepost.features.accounts.imported_user import BadRow, ImportedUser, Reason
from gatepost.features.callers.roles import Role
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

    passwords: Passwords
    now: datetime
    allows_admins: bool
    special_domains: bool = False
    policy: PasswordSettings | None = None
    """What plain passwords have to meet, if anything."""

    def judge(self, users: Columns, bad: BadRows) -> list[NewRow]:
        """The rows to be inserted, their passwords still to be hashed.

        What is wrong is added to `bad`; bad rows have their places among the others.
        """
        now = [self.now] * len(users.email)
        emails, email_keys = _emails(users.email, bad, special_domains=self.special_domains)
        usernames, username_keys = _usernames(users.username, bad)
        roles = self._roles(users.role, bad)
        created_at = _times(users.created_at, "created_at", now, bad)
        updated_at = _times(users.updated_at, "updated_at", created_at, bad)
        full_names = _full_names(users.full_name, bad)
        self._judge_passwords(users, bad)
        hashes = self._hashes(users.password_hash, bad)
        columns = (
            *(emails, email_keys, usernames, username_keys, full_names, hashes, roles),
            *(users.is_active, users.email_verified, created_at, updated_at, now),
        )
        return list(map(NewRow._make, zip(*columns, strict=True)))

    def _roles(self, roles: Sequence[Role], bad: BadRows) -> list[str]:
        if roles.count(Role.USER) == len(roles):
            return [Role.USER.value] * len(roles)
        return each(self._role, roles, bad, "")

    def _role(self, role: Role) -> str:
        if role is Role.ADMIN and not self.allows_admins:
            raise BadRow(Reason.ROLE_NOT_ALLOWED, "role", "Admins come in with --allow-admins only")
        return role.value

    def _hashes(self, hashes: Sequence[str | None], bad: BadRows) -> Sequence[str | None]:
        known = [hashed for hashed in hashes if hashed is not None]
        if self.passwords.recognises_all(known):
            return hashes
        return each(self._hash, hashes, bad, None)

    def _hash(self, hashed: str | None) -> str | None:
        if hashed is None:
            return None
        if len(hashed) > _LONGEST_HASH or not self.passwords.recognises(hashed):
            detail = "It is no hash, of bearable cost, that a password can be compared with"
            raise BadRow(Reason.HASH_UNSUPPORTED, "password_hash", detail)
        return hashed

    def _judge_passwords(self, users: Columns, bad: BadRows) -> None:
        if is_empty(users.password):
            return
        each(self._judge_password, map(ImportedUser, *users), bad, None)

    def _judge_password(self, user: ImportedUser) -> None:
        password = user.password
        if password is None:
            return
        if user.password_hash is not None:
            raise BadRow(Reason.FIELD_INVALID, "password", "Give a password or its hash")
        if len(password) > _LONGEST_PASSWORD:
            raise BadRow(Reason.FIELD_INVALID, "password", "It is too long")
        if not self.passwords.can_hash(password):
            raise BadRow(Reason.FIELD_INVALID, "password", "No hash can be made of it")
        if self.policy is None:
            return
        try:
            password_policy.check(
                password, self.policy, (user.email, user.username, user.full_name)
            )
        except WeakPassword as weak:
            unmet = " ".join(each["msg"] for each in weak.extensions["errors"])
            raise BadRow(Reason.PASSWORD_WEAK, "password", unmet) from None


def _emails(
    texts: Sequence[str], bad: BadRows, *, special_domains: bool
) -> tuple[Sequence[str], Sequence[str]]:
    """Addresses and their keys."""

    def read(text: str) -> Address:
        address = read_email(text, special_domains=special_domains)
        if address is None:
            raise BadRow(Reason.FIELD_INVALID, "email", _why_no_address(text))
        return address

    if are_plain_emails(texts):
        return texts, [text.lower() for text in texts]
    addresses = each(read, texts, bad, _NO_ADDRESS)
    return [address.email for address in addresses], [address.key for address in addresses]


def _why_no_address(text: str) -> str:
    if read_email(text, special_domains=True) is None:
        return "It is no email address"
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
            detail = "Use 3 to 32 letters, digits, dots, hyphens and underscores, no sign first"
            raise BadRow(Reason.FIELD_INVALID, "username", detail)
        return username

    if is_empty(texts):
        return texts, texts
    if are_plain_usernames([text for text in texts if text is not None]):
        return texts, [None if text is None else text.lower() for text in texts]
    usernames = each(read, texts, bad, _NO_USERNAME)
    return [name for name, _ in usernames], [key for _, key in usernames]


def _full_names(texts: Sequence[str | None], bad: BadRows) -> Sequence[str | None]:
    def read(text: str | None) -> str | None:
        return None if text is None else _full_name(text)

    is_plain = FULL_NAME.leaves([text for text in texts if text is not None])
    return texts if is_plain else each(read, texts, bad, None)


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
    times: Sequence[datetime | None], field: str, instead: Sequence[datetime], bad: BadRows
) -> Sequence[datetime]:
    """Times in UTC, and others where there are none."""

    def read(pair: tuple[datetime | None, datetime]) -> datetime:
        time, other = pair
        return other if time is None else _time(time, field)

    if is_empty(times):
        return instead
    known = [time for time in times if time is not None]
    if len(known) == len(times) and _are_plain(known):
        return known
    return each(read, zip(times, instead, strict=True), bad, _EARLIEST)


def _are_plain(times: Sequence[datetime]) -> bool:
    """Whether all are in UTC, and between the bounds."""
    is_utc = {time.tzinfo for time in times} == {UTC}
    return is_utc and min(times) >= _EARLIEST and max(times) <= _LATEST


def _time(time: datetime, field: str) -> datetime:
    try:
        if _EARLIEST <= time <= _LATEST:
            return time if time.tzinfo is UTC else time.astimezone(UTC)
    except OverflowError:  # an offset that leads out of the calendar
        pass
    raise BadRow(Reason.FIELD_INVALID, field, "It is not between the years 1970 and 9000")
