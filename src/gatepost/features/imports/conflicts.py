"""Decides which rows become accounts, where an address or a username may be taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gatepost.features.imports.batches import Batch, RefusedRow
from gatepost.features.imports.imported_user import Reason
from gatepost.features.imports.validation import ComparableFields, NewUserRow


class RowOutcome(Enum):
    """The outcome of a row: an account is made, or the reason why not."""

    MADE = auto()
    ALREADY_THERE = auto()
    EMAIL_TAKEN = auto()
    USERNAME_TAKEN = auto()


@dataclass(frozen=True, slots=True)
class ExistingAccounts:
    """The accounts that have keys of a batch: by email key, and the email key by username key."""

    by_email: dict[str, ComparableFields]
    usernames: dict[str, str]


def resolve_conflicts(rows: Sequence[NewUserRow], existing: ExistingAccounts) -> list[RowOutcome]:
    """The outcome of each row, in order: the first row with an address or a username gets it.

    Adds the rows that are made to `existing`.
    """
    outcomes = []
    for row in rows:
        outcomes.append(outcome := _outcome(row, existing))
        if outcome is RowOutcome.MADE:
            existing.by_email[row.email_key] = row.comparable
            if row.username_key is not None:
                existing.usernames[row.username_key] = row.email_key
    return outcomes


def _outcome(row: NewUserRow, existing: ExistingAccounts) -> RowOutcome:
    account = existing.by_email.get(row.email_key)
    if account is not None:
        is_same = account == row.comparable
        return RowOutcome.ALREADY_THERE if is_same else RowOutcome.EMAIL_TAKEN
    is_free = row.username_key is None or row.username_key not in existing.usernames
    return RowOutcome.MADE if is_free else RowOutcome.USERNAME_TAKEN


def all_refused(batch: Batch, outcomes: Sequence[RowOutcome]) -> list[RefusedRow]:
    """The rows of the batch that were invalid or lost a conflict, in order."""
    refused = (*batch.refused, *_lost_conflicts(batch, outcomes))
    return sorted(refused, key=lambda row: row.number)


def _lost_conflicts(batch: Batch, outcomes: Sequence[RowOutcome]) -> Iterator[RefusedRow]:
    if outcomes.count(RowOutcome.MADE) == len(outcomes):
        return
    for position, outcome in enumerate(outcomes):
        if outcome is RowOutcome.EMAIL_TAKEN:
            detail = "Another account has this address"
            yield batch.refused_row(position, Reason.EMAIL_TAKEN, "email", detail)
        elif outcome is RowOutcome.USERNAME_TAKEN:
            detail = "Another account has this username"
            yield batch.refused_row(position, Reason.USERNAME_TAKEN, "username", detail)
