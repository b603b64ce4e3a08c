"""Checks the rows of the audit log against the hash chain, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gatepost.features.audit import chain
from gatepost.features.audit.models import AuditEvent


class Fault(StrEnum):
    """The kinds of damage that a verification finds."""

    ALTERED = "altered"
    MOVED = "moved"
    MISSING = "missing"
    BEYOND_HEAD = "beyond_head"
    OTHER_KEY = "other_key"
    HEAD_MISSING = "head_missing"
    HEAD_ALTERED = "head_altered"
    ANCHOR_BROKEN = "anchor_broken"


_SENTENCES = {
    Fault.ALTERED: "was altered, or not written by Gatepost",
    Fault.MOVED: "is not where it was sealed",
    Fault.MISSING: "missing",
    Fault.BEYOND_HEAD: "stands beyond the head: it was inserted, or the head was set back",
    Fault.OTHER_KEY: "was written under another SECRET_KEY, or is forged",
    Fault.HEAD_MISSING: "The head is missing: how many rows there were cannot be told",
    Fault.HEAD_ALTERED: "The head was altered: how many rows there were cannot be told",
    Fault.ANCHOR_BROKEN: "is not the row that the anchor names",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault at a position, with the row's id; missing rows extend to `last_position`."""

    fault: Fault
    position: int | None = None
    event_id: int | None = None
    last_position: int | None = None

    @property
    def sentence(self) -> str:
        """The finding as a sentence."""
        fault = _SENTENCES[self.fault]
        if self.position is None and self.event_id is None:
            return f"{fault}."
        if self.fault is Fault.MISSING:
            if self.last_position in {None, self.position}:
                return f"The row at position {self.position} is missing."
            return f"The rows at positions {self.position} to {self.last_position} are missing."
        place = "not sealed yet" if self.position is None else f"position {self.position}"
        row = "The row" if self.event_id is None else f"Event {self.event_id}"
        return f"{row} ({place}) {fault}."


@dataclass(slots=True)
class Inspector:
    """Checks rows from `position` on; `previous` is the hash there, None if it is not known.

    `key` verifies the head. Rows up to `rekeyed_position` may be under another known key; those
    under an unknown key cannot be checked, and are counted.
    """

    keys: chain.Keys
    key: bytes
    position: int
    previous: str | None
    rekeyed_position: int = 0
    checked: int = 0
    of_other_key: int = 0
    first_of_other_key: int | None = None

    def inspect(self, row: AuditEvent) -> Iterator[Finding]:
        """The faults of the next row, and the gap before it if rows are missing.

        After a broken row the next link cannot be checked, so it is not reported.
        """
        assert row.position is not None  # noqa: S101 - only sealed rows have an order
        if row.position > self.position + 1:
            yield Finding(Fault.MISSING, self.position + 1, last_position=row.position - 1)
            self.previous = None
        fault = self._fault(row, row.position)
        if fault is not None:
            yield Finding(fault, row.position, row.id)
        self.previous = None if fault else row.hash
        self.position = row.position

    def inspect_unsealed(self, row: AuditEvent) -> Iterator[Finding]:
        """The faults of a row that is not sealed yet."""
        key = self.keys.key_of(row)
        if key not in {self.key, self.keys.own}:
            yield Finding(Fault.OTHER_KEY, event_id=row.id)
        elif key is not None and not chain.is_genuine(key, row):
            yield Finding(Fault.ALTERED, event_id=row.id)

    def _fault(self, row: AuditEvent, position: int) -> Fault | None:
        key, may_be_of_other = self.keys.key_of(row), position <= self.rekeyed_position
        if key is None:
            self.of_other_key += 1
            self.first_of_other_key = self.first_of_other_key or position
        if key is None or (key != self.key and not may_be_of_other):
            return None if may_be_of_other else Fault.OTHER_KEY
        self.checked += 1
        if not chain.is_genuine(key, row):
            return Fault.ALTERED
        keys = self.keys.by_id.values()
        if self.previous is not None and not chain.is_linked(keys, self.previous, row):
            return Fault.MOVED
        return None
