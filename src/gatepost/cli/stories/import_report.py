"""What came of an import, told to people or to programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.cli.output import fail, note, print_counts, say
from gatepost.features.accounts.import_batches import Ignored, Refusal
from gatepost.features.accounts.imported_user import Reason
from gatepost.features.accounts.importing import Outcome, Tally
from gatepost.files.rejects import Rejects

SHOWN_REFUSALS = 10
_SHOWN_COLUMNS = 10
_LONGEST_COLUMN = 40

_REMARKS: Mapping[str, str] = {
    Reason.ROW_UNREADABLE: "no row of this format, behind a wrong quote, or not in UTF-8",
    Reason.ROW_TOO_LONG: "longer than any row may be",
    Reason.FIELD_MISSING: "without an address",
    Reason.FIELD_INVALID: "a value that registration would refuse too",
    Reason.HASH_UNSUPPORTED: "a password hash that nothing can be compared with",
    Reason.PASSWORD_WEAK: "a password that does not meet the policy",
    Reason.ROLE_NOT_ALLOWED: "admins, without --allow-admins",
    Reason.EMAIL_TAKEN: "the address of another account",
    Reason.USERNAME_TAKEN: "the username of another account",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What an import came to, and what it had no use for."""

    outcome: Outcome
    ignored: Ignored
    left_behind: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """All that is to be told of an import."""

    source: str
    """As people are told it."""
    file: str
    """As programs are."""
    kept: Rejects
    found: Found
    seconds: float
    is_rehearsal: bool

    @property
    def outcome(self) -> Outcome:
        return self.found.outcome

    @property
    def rejects(self) -> str | None:
        """The file of rejects, if there is anything in it."""
        return str(self.kept.path) if self.outcome.tally.rejects_size else None


def tell(report: Report, refused: Sequence[Refusal]) -> None:
    """Tell people what came of it, and of a rehearsal the first refusals."""
    tally = report.outcome.tally
    say(_headline(report))
    print_counts(list(_counts(tally, report.is_rehearsal)))
    if refused:
        note("The first that would be refused:")
        for each in refused:
            place = f"{each.field}: " if each.field else ""
            note(f"  row {each.number:,}: {place}{each.detail}.")
    if ignored := _columns(report.found.ignored):
        others = " and others" if _has_more_columns(report.found.ignored) else ""
        note(f"Columns without a meaning here were ignored: {', '.join(ignored)}{others}.")
    if left := report.found.left_behind:
        said = ", ".join(f"{what} ({count:,})" for what, count in sorted(left.items()))
        note(f"Not taken over: {said}.")
    if report.rejects:
        note(
            f"The refused rows are in {report.rejects}, as they came, secrets included:",
            "only you can read it. Delete it when you are done.",
        )


def _headline(report: Report) -> str:
    outcome, tally = report.outcome, report.outcome.tally
    if report.is_rehearsal:
        return f"Nothing was written. {tally.row_count:,} rows of {report.source}:"
    if outcome.finished_at is not None:
        return (
            f"{report.source} was imported on {outcome.finished_at:%Y-%m-%d at %H:%M} UTC, and "
            "nothing was left to do. --restart begins again. It came to this:"
        )
    done = tally.row_count - outcome.resumed_after
    speed = f"{done:,} rows in {report.seconds:.1f} s"
    if report.seconds > 1:
        speed += f", {done / report.seconds:,.0f} a second"
    after = f", after {outcome.resumed_after:,} of an earlier run" if outcome.resumed_after else ""
    return f"Imported {report.source}: {speed}{after}."


def _counts(tally: Tally, is_rehearsal: bool) -> Iterator[tuple[str, int, str]]:
    would = "would be " if is_rehearsal else ""
    yield f"{would}made", tally.made, "accounts"
    if tally.already_there:
        yield "already there", tally.already_there, "the same, and left as they are"
    if tally.refused:
        yield f"{would}refused", tally.refused_count, ""
        for reason, count in sorted(tally.refused.items(), key=lambda each: (-each[1], each[0])):
            yield f"  {reason}", count, _REMARKS.get(reason, "")


def document(report: Report) -> dict[str, Any]:
    """All of it for programs."""
    outcome, tally = report.outcome, report.outcome.tally
    finished_at = outcome.finished_at
    return {
        "file": report.file,
        "dry_run": report.is_rehearsal,
        "rows": tally.row_count,
        "made": tally.made,
        "already_there": tally.already_there,
        "refused": tally.refused_count,
        "reasons": dict(sorted(tally.refused.items())),
        "rejects": report.rejects,
        "unread": outcome.broken,
        "ignored_columns": _columns(report.found.ignored),
        "more_ignored_columns": _has_more_columns(report.found.ignored),
        "not_taken_over": dict(sorted(report.found.left_behind.items())),
        "resumed_after": outcome.resumed_after,
        "finished_before_at": None if finished_at is None else finished_at.isoformat(),
        "seconds": round(report.seconds, 3),
    }


def tell_broken(report: Report) -> None:
    """Tell people how far a file was read that breaks off."""
    tally, would = report.outcome.tally, "would be " if report.is_rehearsal else ""
    counts = ", ".join(f"{count:,} {would}{what}" for what, count in _parts(tally))
    lines = [f"Its first {tally.row_count:,} rows were read: {counts}. What follows was not."]
    if report.rejects:
        lines.append(f"The refused rows are in {report.rejects}, secrets included.")
    fail(f"{report.source} {report.outcome.broken}.", *lines)


def _parts(tally: Tally) -> Iterator[tuple[str, int]]:
    yield "made", tally.made
    yield "already there", tally.already_there
    yield "refused", tally.refused_count


def _columns(ignored: Ignored) -> list[str]:
    """The columns that were passed over, shortened: a row may make up any."""
    names = sorted({name[:_LONGEST_COLUMN] for name in ignored.counts if name.isprintable()})
    return names[:_SHOWN_COLUMNS]


def _has_more_columns(ignored: Ignored) -> bool:
    return ignored.has_others or len(ignored.counts) > _SHOWN_COLUMNS
