"""An account as another system describes it, and the reasons why a row is not one.

`files` splits a file into rows, numbered from 1, each a mapping of texts and JSON values. A
`RowReader` maps one row to an `ImportedUser` and only knows its own system's columns. The rules for
all systems (is the address valid, is the name too long, is it taken) are in `validation` and
`conflicts`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from gatepost.features.callers.roles import Role

UNSUPPORTED_HASH = "This is not a supported hash, or one that costs too much to verify"


class Reason(StrEnum):
    """Why a row was refused: a closed list, written to the rejects file and counted."""

    ROW_UNREADABLE = "row_unreadable"
    ROW_TOO_LONG = "row_too_long"
    FIELD_MISSING = "field_missing"
    FIELD_INVALID = "field_invalid"
    HASH_UNSUPPORTED = "hash_unsupported"
    PASSWORD_WEAK = "password_weak"  # noqa: S105 - the name of a reason
    ROLE_NOT_ALLOWED = "role_not_allowed"
    EMAIL_TAKEN = "email_taken"
    USERNAME_TAKEN = "username_taken"


@dataclass(slots=True)  # not frozen: that costs a microsecond, and there are millions
class ImportedUser:
    """One account to create; times are timezone-aware, None if the source has none.

    `password_hash` is in the stored form, `password` is plain text and gets hashed; at most one of
    them is given. Without either, nobody can log in until a password is set.
    """

    email: str
    username: str | None = None
    full_name: str | None = None
    role: Role = Role.USER
    is_active: bool = True
    email_verified: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    password_hash: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


class BadRow(Exception):  # noqa: N818 - it says what the row is, as a problem says what happened
    """A row that cannot become an account: the reason, the field, and a text without any value."""

    def __init__(self, reason: Reason, field: str | None = None, detail: str = "") -> None:
        """Take what is written to the rejects file."""
        super().__init__(reason.value)
        self.reason = reason
        self.field = field
        self.detail = detail


RowReader: TypeAlias = Callable[[Mapping[str, object]], ImportedUser]
"""Maps one row of a system's export to an account; raises `BadRow`."""
