"""Looks at sealed rows in their order, and says what is wrong with each."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gatepost.features.audit import chain
from gatepost.features.audit.models import AuditEvent


class Fault(StrEnum):
    """What can be wrong with the log."""

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
    """Something wrong: at which position, with which row, and for missing rows up to where."""

    fault: Fault
    position: int | None = None
    event_id: int | None = None
    last_position: int | None = None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        told = _SENTENCES[self.fault]
        if self.position is None and self.event_id is None:
            return f"{told}."
        if self.fault is Fault.MISSING:
            if self.last_position in {None, self.position}:
                return f"The row at position {self.position} is missing."
            return f"The rows at positions {self.position} to {self.last_position} are missing."
        place = "not sealed yet" if self.position is None else f"position {self.position}"
        row = "The row" if self.event_id is None else f"Event {self.event_id}"
        return f"{row} ({place}) {told}."


@dataclass(slots=True)
class Inspector:
    """Walks along the chain from a known place; `previous` is None where its hash is not known.

    `key` is the one that verifies the head. Up to `rekeyed_position` rows may be under another one
    that is known; rows under a key that is not can only be counted there.
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
        """What is wrong with the next row, and whether any are missing before it.

        After a fault the next row's link proves nothing, and is not held against it.
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
        """What is wrong with a row that has no place yet."""
        key = self.keys.named_by(row)
        if key not in {self.key, self.keys.own}:
            yield Finding(Fault.OTHER_KEY, event_id=row.id)
        elif key is not None and not chain.is_genuine(key, row):
            yield Finding(Fault.ALTERED, event_id=row.id)

    def _fault(self, row: AuditEvent, position: int) -> Fault | None:
        key, may_be_of_other = self.keys.named_by(row), position <= self.rekeyed_position
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
