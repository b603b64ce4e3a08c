"""The report of an import, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.cli.output import fail, note, say
from gatepost.cli.terminal import print_counts
from gatepost.features.imports.batches import IgnoredColumns, RefusedRow
from gatepost.features.imports.imported_user import Reason
from gatepost.features.imports.job import ImportOutcome, ImportProgress
from gatepost.files.rejects import RejectsFile

SHOWN_REFUSALS = 10
_SHOWN_COLUMNS = 10
_LONGEST_COLUMN = 40

_REMARKS: Mapping[str, str] = {
    Reason.ROW_UNREADABLE: "malformed, after an unclosed quote, or not in UTF-8",
    Reason.ROW_TOO_LONG: "longer than the limit",
    Reason.FIELD_MISSING: "no email address",
    Reason.FIELD_INVALID: "a value that registration would refuse",
    Reason.HASH_UNSUPPORTED: "a password hash that cannot be verified",
    Reason.PASSWORD_WEAK: "a password that does not meet the policy",
    Reason.ROLE_NOT_ALLOWED: "an admin, without --allow-admins",
    Reason.EMAIL_TAKEN: "the email address of another account",
    Reason.USERNAME_TAKEN: "the username of another account",
}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The outcome of an import, the columns it ignored and the entries it skipped."""

    outcome: ImportOutcome
    ignored: IgnoredColumns
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is reported about an import; `source` is for people, `file` for programs."""

    source: str
    file: str
    kept: RejectsFile
    result: ImportResult
    seconds: float
    is_dry_run: bool

    @property
    def outcome(self) -> ImportOutcome:
        return self.result.outcome

    @property
    def rejects(self) -> str | None:
        """The path of the rejects file, unless it is empty."""
        return str(self.kept.path) if self.outcome.progress.rejects_size else None


def print_report(report: Report, refused: Sequence[RefusedRow]) -> None:
    """Print the report for people, with the first refused rows of a dry run."""
    progress = report.outcome.progress
    say(_headline(report))
    print_counts(list(_counts(progress, report.is_dry_run)))
    if refused:
        note("The first rows that would be refused:")
        for each in refused:
            place = f"{each.field}: " if each.field else ""
            note(f"  row {each.number:,}: {place}{each.detail}.")
    if ignored := _columns(report.result.ignored):
        others = " and others" if _has_more_columns(report.result.ignored) else ""
        note(f"Unknown columns were ignored: {', '.join(ignored)}{others}.")
    if skipped := report.result.skipped:
        listed = ", ".join(f"{name} ({count:,})" for name, count in sorted(skipped.items()))
        note(f"Not imported: {listed}.")
    if report.rejects:
        note(
            f"The refused rows are in {report.rejects}, unchanged, with their secrets. Only you",
            "can read it; delete it when you are done.",
        )


def _headline(report: Report) -> str:
    outcome, progress = report.outcome, report.outcome.progress
    if report.is_dry_run:
        return f"Nothing was written. {progress.row_count:,} rows of {report.source}:"
    if outcome.finished_at is not None:
        return (
            f"{report.source} was already imported on {outcome.finished_at:%Y-%m-%d at %H:%M} UTC "
            "(--restart imports it again). The result was:"
        )
    done = progress.row_count - outcome.resumed_after
    speed = f"{done:,} rows in {report.seconds:.1f} s"
    if report.seconds > 1:
        speed += f", {done / report.seconds:,.0f} a second"
    after = f", after {outcome.resumed_after:,} of an earlier run" if outcome.resumed_after else ""
    return f"Imported {report.source}: {speed}{after}."


def _counts(progress: ImportProgress, is_dry_run: bool) -> Iterator[tuple[str, int, str]]:
    would = "would be " if is_dry_run else ""
    yield f"{would}made", progress.made, "accounts"
    if progress.already_there:
        yield "already there", progress.already_there, "accounts that are the same; not changed"
    if progress.refused:
        yield f"{would}refused", progress.refused_count, ""
        for reason, count in sorted(progress.refused.items(), key=lambda each: (-each[1], each[0])):
            yield f"  {reason}", count, _REMARKS.get(reason, "")


def document(report: Report) -> dict[str, Any]:
    """The report for programs."""
    outcome, progress = report.outcome, report.outcome.progress
    finished_at = outcome.finished_at
    return {
        "file": report.file,
        "dry_run": report.is_dry_run,
        "rows": progress.row_count,
        "made": progress.made,
        "already_there": progress.already_there,
        "refused": progress.refused_count,
        "reasons": dict(sorted(progress.refused.items())),
        "rejects": report.rejects,
        "unread": outcome.broken,
        "ignored_columns": _columns(report.result.ignored),
        "more_ignored_columns": _has_more_columns(report.result.ignored),
        "not_taken_over": dict(sorted(report.result.skipped.items())),
        "resumed_after": outcome.resumed_after,
        "finished_before_at": None if finished_at is None else finished_at.isoformat(),
        "seconds": round(report.seconds, 3),
    }


def print_broken(report: Report) -> None:
    """Print for people how many rows of a truncated file were read, and exit 1."""
    progress, would = report.outcome.progress, "would be " if report.is_dry_run else ""
    counts = ", ".join(f"{count:,} {would}{name}" for name, count in _parts(progress))
    lines = [f"Its first {progress.row_count:,} rows were read: {counts}. The rest was not read."]
    if report.rejects:
        lines.append(f"The refused rows are in {report.rejects}, with their secrets.")
    fail(f"{report.source} {report.outcome.broken}.", *lines)


def _parts(progress: ImportProgress) -> Iterator[tuple[str, int]]:
    yield "made", progress.made
    yield "already there", progress.already_there
    yield "refused", progress.refused_count


def _columns(ignored: IgnoredColumns) -> list[str]:
    """The names of ignored columns, the first few and shortened: a file may have any number."""
    names = sorted({name[:_LONGEST_COLUMN] for name in ignored.counts if name.isprintable()})
    return names[:_SHOWN_COLUMNS]


def _has_more_columns(ignored: IgnoredColumns) -> bool:
    return ignored.has_others or len(ignored.counts) > _SHOWN_COLUMNS
