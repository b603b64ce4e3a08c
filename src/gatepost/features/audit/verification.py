"""Verifies the whole chain, in batches, and reports rows that were altered, moved or deleted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gatepost.features.audit import chain, repository, service
from gatepost.features.audit.inspection import Fault, Finding, Inspector
from gatepost.features.audit.models import AuditEvent, AuditHead
from gatepost.features.audit.repository import Place
from gatepost.work import Work

BATCH = 1000
MOST_FINDINGS = 100
"""The most findings in a report; further ones are only counted."""

Progress = Callable[[int, int], None]


class Status(StrEnum):
    """The result of a verification."""

    INTACT = "intact"
    TAMPERED = "tampered"
    OTHER_KEY = "other_key"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An earlier head, stored outside the database."""

    position: int
    hash: str


@dataclass(slots=True)
class Report:
    """The findings. `anchor_holds` is None without an anchor, and if its row has been purged.

    The number `of_other_key` counts rows that could not be checked: their key is not known.
    """

    key_matches: bool = True
    checked: int = 0
    of_other_key: int = 0
    first_of_other_key: int | None = None
    unsealed: int = 0
    purged: int = 0
    head: Anchor | None = None
    anchor_holds: bool | None = None
    faults: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """`TAMPERED` after any fault, else `OTHER_KEY` if the head or any row was not checked."""
        if self.faults:
            return Status.TAMPERED
        is_checked = self.key_matches and not self.of_other_key
        return Status.INTACT if is_checked else Status.OTHER_KEY

    def add(self, findings: Iterable[Finding]) -> None:
        """Count the findings, and keep the first `MOST_FINDINGS`."""
        for finding in findings:
            self.faults += 1
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append(finding)


def _ignore_progress(done: int, total: int) -> None:
    """Ignore the progress."""


async def verify(
    work: Work, *, anchor: Anchor | None = None, progress: Progress = _ignore_progress
) -> Report:
    """Verify every row, the chain and its head, while the service runs.

    One batch is in memory at a time, and each transaction is short, however long the log is.
    `progress` is called with the number of rows done and of all rows. Rows that are sealed
    meanwhile are not checked.
    """
    report = Report()
    # In this order: else a row that was sealed in between would seem to be beyond the head.
    last = await repository.find_last(work.db)
    head = await repository.find_head(work.db)
    inspector, end = _make_inspector(work, report, head, last)
    await _check_purged(work, report, inspector.position)
    await _walk(work, report, inspector, end, anchor, progress)
    if report.head is not None:
        _compare_with_head(report, inspector)
        await _check_beyond_head(work, report, last)
    await _check_impossible(work, report, end)
    if anchor is not None and anchor.position > end:
        report.anchor_holds = False
        report.add([Finding(Fault.MISSING, end + 1, last_position=anchor.position)])
    await _check_unsealed(work, report, inspector, has_head=head is not None)
    report.checked, report.of_other_key = inspector.checked, inspector.of_other_key
    report.first_of_other_key = inspector.first_of_other_key
    return report


def _make_inspector(
    work: Work, report: Report, head: AuditHead | None, last: Place | None
) -> tuple[Inspector, int]:
    """An inspector at the first row, and the last position; trusts the head if it verifies."""
    keys, end = service.known_keys(work.runtime), last.position if last else 0
    if head is None:
        if last is not None:
            report.add([Finding(Fault.HEAD_MISSING)])
        return Inspector(keys, keys.own, 0, chain.BEGINNING), end
    if keys.key_of(head) is None:
        # The head cannot be verified without its key, and neither can the rows of that key.
        report.key_matches = False
        report.purged, end = _position_of(head.purged_position), _position_of(head.position)
        return Inspector(keys, keys.own, report.purged, None, end), end
    key = keys.verifying_key_of(head)
    if key is None:
        report.add([Finding(Fault.HEAD_ALTERED)])
        return Inspector(keys, keys.own, 0, chain.BEGINNING), end
    report.head, report.purged = Anchor(head.position, head.hash), head.purged_position
    return (
        Inspector(keys, key, head.purged_position, head.purged_hash, head.rekeyed_position),
        head.position,
    )


def _position_of(said: object) -> int:
    """A position from an unverified head; 0 if it cannot be one."""
    return said if isinstance(said, int) and 0 <= said <= repository.LARGEST_POSITION else 0


async def _check_purged(work: Work, report: Report, beginning: int) -> None:
    """Report a row at the position of a purged one, or before the first."""
    place = await repository.find_up_to(work.db, beginning)
    if place is not None:
        report.add([Finding(Fault.MOVED, place.position, place.event_id)])


async def _walk(
    work: Work,
    report: Report,
    inspector: Inspector,
    end: int,
    anchor: Anchor | None,
    progress: Progress,
) -> None:
    beginning = inspector.position
    while inspector.position < end:
        rows = await repository.list_sealed(work.db, inspector.position, end, BATCH)
        if not rows or rows[0].position != inspector.position + 1:
            await _skip_purged(work, report, inspector, end)
        for row in rows:
            report.add(inspector.inspect(row))
            if anchor is not None and row.position == anchor.position:
                _compare_with_anchor(report, row, anchor)
        await work.commit_and_release()
        if not rows:
            break
        progress(inspector.position - beginning, end - beginning)
    if inspector.position < end:
        report.add([Finding(Fault.MISSING, inspector.position + 1, last_position=end)])
        inspector.position, inspector.previous = end, None


async def _skip_purged(work: Work, report: Report, inspector: Inspector, end: int) -> None:
    """Skip rows that were purged since the verification began, as the head says."""
    head = await repository.find_head(work.db)
    if head is None or inspector.keys.verifying_key_of(head) is None:
        return
    if head.purged_position > inspector.position:
        report.purged = head.purged_position
        inspector.position = min(head.purged_position, end)
        inspector.previous = head.purged_hash if head.purged_position <= end else None


def _compare_with_head(report: Report, inspector: Inspector) -> None:
    assert report.head is not None  # noqa: S101 - it is called with a head that is believed
    if inspector.previous not in {None, report.head.hash}:
        report.add([Finding(Fault.MOVED, report.head.position)])


def _compare_with_anchor(report: Report, row: AuditEvent, anchor: Anchor) -> None:
    report.anchor_holds = row.hash == anchor.hash
    if not report.anchor_holds:
        report.add([Finding(Fault.ANCHOR_BROKEN, row.position, row.id)])


async def _check_beyond_head(work: Work, report: Report, last: Place | None) -> None:
    assert report.head is not None  # noqa: S101 - it is called with a head that is believed
    if last is None or last.position <= report.head.position:
        return
    first = await repository.find_after(work.db, report.head.position) or last
    report.add([Finding(Fault.BEYOND_HEAD, first.position, first.event_id)])


async def _check_impossible(work: Work, report: Report, end: int) -> None:
    place = await repository.find_impossible(work.db, end)
    if place is not None:
        position = place.position if isinstance(place.position, int) else None
        report.add([Finding(Fault.MOVED, position, place.event_id)])


async def _check_unsealed(
    work: Work, report: Report, inspector: Inspector, *, has_head: bool
) -> None:
    last_id, has_head = 0, has_head or report.faults > 0
    while rows := await repository.list_unsealed(work.db, last_id, BATCH):
        for row in rows:
            if not has_head and chain.is_of_log_with_head(row):
                report.add([Finding(Fault.HEAD_MISSING)])
                has_head = True  # reported once
            if report.key_matches or inspector.keys.key_of(row) is not None:
                report.add(inspector.inspect_unsealed(row))
        report.unsealed += len(rows)
        last_id = rows[-1].id
        await work.commit_and_release()
