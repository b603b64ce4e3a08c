"""Decides what becomes of rows whose address or username somebody may have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gatepost.features.accounts.import_batches import Batch, Refusal
from gatepost.features.accounts.imported_user import Reason
from gatepost.features.accounts.judging import Likeness, NewRow


class Fate(Enum):
    """What becomes of a row."""

    MADE = auto()
    ALREADY_THERE = auto()
    EMAIL_TAKEN = auto()
    USERNAME_TAKEN = auto()


@dataclass(frozen=True, slots=True)
class Taken:
    """Which of many keys are taken: by address, what the account says; by username, whose it is."""

    addresses: dict[str, Likeness]
    usernames: dict[str, str]


def sort_out(rows: Sequence[NewRow], taken: Taken) -> list[Fate]:
    """A fate for each row, in order: the first to want an address or a username gets it."""
    fates = []
    for row in rows:
        fates.append(fate := _fate(row, taken))
        if fate is Fate.MADE:
            taken.addresses[row.email_key] = row.likeness
            if row.username_key is not None:
                taken.usernames[row.username_key] = row.email_key
    return fates


def _fate(row: NewRow, taken: Taken) -> Fate:
    likeness = taken.addresses.get(row.email_key)
    if likeness is not None:
        return Fate.ALREADY_THERE if likeness == row.likeness else Fate.EMAIL_TAKEN
    is_free = row.username_key is None or row.username_key not in taken.usernames
    return Fate.MADE if is_free else Fate.USERNAME_TAKEN


def refusals(batch: Batch, fates: Sequence[Fate]) -> list[Refusal]:
    """All rows of the batch that become no account and are none, in their order."""
    return sorted((*batch.refused, *_conflicts(batch, fates)), key=lambda each: each.number)


def _conflicts(batch: Batch, fates: Sequence[Fate]) -> Iterator[Refusal]:
    if fates.count(Fate.MADE) == len(fates):
        return
    for place, fate in enumerate(fates):
        if fate is Fate.EMAIL_TAKEN:
            detail = "Another account has this address"
            yield batch.refusal(place, Reason.EMAIL_TAKEN, "email", detail)
        elif fate is Fate.USERNAME_TAKEN:
            detail = "Another account has this username"
            yield batch.refusal(place, Reason.USERNAME_TAKEN, "username", detail)
