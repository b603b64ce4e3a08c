"""Walks along the whole chain, a batch at a time, and reports what is not as it was written."""

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
"""How many findings a report holds; the others are only counted."""

Progress = Callable[[int, int], None]


class Status(StrEnum):
    """What a verification comes to."""

    INTACT = "intact"
    TAMPERED = "tampered"
    OTHER_KEY = "other_key"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An earlier head, kept where the database's writers cannot reach."""

    position: int
    hash: str


@dataclass(slots=True)
class Report:
    """What was found. `anchor_holds` is None where there was no anchor, or its row is purged.

    Rows `of_other_key` could not be checked: no known secret is theirs.
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
        """Tampered if anything is wrong; else of another key, if the head or any row is."""
        if self.faults:
            return Status.TAMPERED
        is_checked = self.key_matches and not self.of_other_key
        return Status.INTACT if is_checked else Status.OTHER_KEY

    def add(self, findings: Iterable[Finding]) -> None:
        """Count findings, and keep the first ones."""
        for finding in findings:
            self.faults += 1
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append(finding)


def _no_progress(done: int, total: int) -> None:
    """What a verification tells nobody."""


async def verify(
    work: Work, *, anchor: Anchor | None = None, progress: Progress = _no_progress
) -> Report:
    """Check every row, the chain and its head, while the service goes on.

    Holds a batch of rows and no transaction for long, however long the log is. `progress` is told
    how many rows are done, of how many. What is sealed meanwhile is left to the next time.
    """
    report = Report()
    # In this order, so that a row beyond the head was there before the head was read.
    last = await repository.find_last(work.db)
    head = await repository.find_head(work.db)
    inspector, end = _begin(work, report, head, last)
    await _look_before(work, report, inspector.position)
    await _walk(work, report, inspector, end, anchor, progress)
    if report.head is not None:
        _compare_with_head(report, inspector)
        await _look_beyond(work, report, last)
    await _look_for_impossible(work, report, end)
    if anchor is not None and anchor.position > end:
        report.anchor_holds = False
        report.add([Finding(Fault.MISSING, end + 1, last_position=anchor.position)])
    await _check_unsealed(work, report, inspector, has_head=head is not None)
    report.checked, report.of_other_key = inspector.checked, inspector.of_other_key
    report.first_of_other_key = inspector.first_of_other_key
    return report


def _begin(
    work: Work, report: Report, head: AuditHead | None, last: Place | None
) -> tuple[Inspector, int]:
    """Where to begin and where to end, as far as the head is to be believed."""
    keys, end = service.known_keys(work.runtime), last.position if last else 0
    if head is None:
        if last is not None:
            report.add([Finding(Fault.HEAD_MISSING)])
        return Inspector(keys, keys.own, 0, chain.BEGINNING), end
    if keys.named_by(head) is None:
        # Nothing that the head says can be checked, and rows of its key are to be expected.
        report.key_matches = False
        report.purged, end = _count(head.purged_position), _count(head.position)
        return Inspector(keys, keys.own, report.purged, None, end), end
    key = keys.of_head(head)
    if key is None:
        report.add([Finding(Fault.HEAD_ALTERED)])
        return Inspector(keys, keys.own, 0, chain.BEGINNING), end
    report.head, report.purged = Anchor(head.position, head.hash), head.purged_position
    return (
        Inspector(keys, key, head.purged_position, head.purged_hash, head.rekeyed_position),
        head.position,
    )


def _count(said: object) -> int:
    """What a head that nobody vouches for says, where it can be a position."""
    return said if isinstance(said, int) and 0 <= said <= repository.LARGEST_POSITION else 0


async def _look_before(work: Work, report: Report, beginning: int) -> None:
    """Find what stands where nothing can: before the first row, or among those that were purged."""
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
            await _follow_purge(work, report, inspector, end)
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


async def _follow_purge(work: Work, report: Report, inspector: Inspector, end: int) -> None:
    """Skip what was purged since we began: rows that the head no longer promises."""
    head = await repository.find_head(work.db)
    if head is None or inspector.keys.of_head(head) is None:
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


async def _look_beyond(work: Work, report: Report, last: Place | None) -> None:
    assert report.head is not None  # noqa: S101 - it is called with a head that is believed
    if last is None or last.position <= report.head.position:
        return
    first = await repository.find_after(work.db, report.head.position) or last
    report.add([Finding(Fault.BEYOND_HEAD, first.position, first.event_id)])


async def _look_for_impossible(work: Work, report: Report, end: int) -> None:
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
                has_head = True  # told once
            if report.key_matches or inspector.keys.named_by(row) is not None:
                report.add(inspector.inspect_unsealed(row))
        report.unsealed += len(rows)
        last_id = rows[-1].id
        await work.commit_and_release()
