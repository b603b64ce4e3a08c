"""What an import brings: an account as another system knew it, or why a row is none.

The engine frames a file into rows, numbered from 1, each a mapping of texts and JSON values. A
`RowReader` turns one of them into an `ImportedUser`; what is common to all systems (is the address
one, is the name too long, is it taken) the engine judges afterwards, so that a reader only says
where things stand in its own system's export.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from gatepost.features.callers.roles import Role


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
    """An account to be; times are aware, None where the other system kept none.

    At most one of `password_hash`, in the form in which it is stored, and `password`, still to be
    hashed, is given; with neither nobody can log in until a password is set.
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
    """A row that becomes no account: why, in which field, and a sentence that repeats no value."""

    def __init__(self, reason: Reason, field: str | None = None, detail: str = "") -> None:
        """Take what the rejects file will say."""
        super().__init__(reason.value)
        self.reason = reason
        self.field = field
        self.detail = detail


RowReader: TypeAlias = Callable[[Mapping[str, object]], ImportedUser]
"""One row of a system's export as an account; raises `BadRow`."""
