"""Imports at the command line: opens the file, shows the progress, and prints the result."""

import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from sqlalchemy.exc import SQLAlchemyError

from gatepost.cli.output import MISUSED, REFUSED, fail, leave, print_json
from gatepost.cli.stories import import_report
from gatepost.cli.stories.formats import choose_format
from gatepost.cli.stories.import_report import SHOWN_REFUSALS, ImportResult, Report
from gatepost.cli.stories.running import new_origin, run_runtime
from gatepost.cli.terminal import error_console
from gatepost.db.diagnosis import explain_failure
from gatepost.features.imports.batches import RefusedRow, RowSource
from gatepost.features.imports.dry_run import dry_run_import
from gatepost.features.imports.engine import import_users as run_import
from gatepost.features.imports.job import ImportJob, ImportOutcome, ImportProgress, ImportStopped
from gatepost.files.formats import Format
from gatepost.files.rejects import RejectsFile
from gatepost.files.rows import BrokenFile
from gatepost.importers.locations import STANDARD_INPUT, is_file, is_url, without_password
from gatepost.importers.options import SourceOptions
from gatepost.importers.reading import ReadAs, import_key, open_rows
from gatepost.runtime import Runtime
from gatepost.work import Origin

_SWITCH_INTERVAL = 0.0005
_AGAIN = "Run it again with the same file to go on."


@dataclass(frozen=True, slots=True)
class ImportInput:
    """Where the accounts are, and what the command line says about the format or the system."""

    location: str
    given_format: Format | None
    system: SourceOptions | None = None

    @property
    def for_people(self) -> str:
        if self.location == STANDARD_INPUT:
            return "standard input"
        return without_password(self.location) if is_url(self.location) else self.location

    @property
    def for_programs(self) -> str:
        return self.for_people if is_url(self.location) else self.location

    @property
    def is_file(self) -> bool:
        """Whether it is opened here: another system may have a table or a folder."""
        return self.system is None or is_file(self.location)

    def read_as(self) -> ReadAs:
        """The system, or else the format; exit 2 if the name does not tell the format."""
        return self.system or choose_format(self.location, self.given_format)


@dataclass(frozen=True, slots=True)
class ImportFlags:
    """The options that change what an import does."""

    allow_admins: bool
    check_passwords: bool
    restart: bool


class _NoRejects:
    """A reject sink that keeps nothing."""

    size = 0

    def write(self, after: int, entries: object) -> int:  # noqa: ARG002 - see `RejectSink`
        return after


def import_users(
    source: ImportInput, rejects: Path | None, flags: ImportFlags, dry_run: bool, json: bool
) -> None:
    """Import a file, or do a dry run, and print the result; exit 1 if some rows are refused."""
    kept = RejectsFile(rejects or _default_rejects(source))
    if (
        kept.path.exists()
        and Path(source.location).exists()
        and kept.path.samefile(source.location)
    ):
        fail("The rejects would be written over the file itself.", status=MISUSED)
    refused: list[RefusedRow] = []
    began = time.monotonic()
    with _opened(source) as file, _reporting_errors(source):
        read_as = source.read_as()
        key = _key(source, file, read_as, flags)
        with _fewer_collections(), _short_turns(), _showing_progress(file, hidden=json) as show:

            def make_job(rows: RowSource) -> ImportJob:
                return ImportJob(
                    rows,
                    key,
                    _NoRejects() if dry_run and rejects is None else kept,
                    flags.allow_admins,
                    flags.check_passwords,
                    flags.restart,
                    show,
                )

            async def action(runtime: Runtime) -> ImportResult:
                with open_rows(source.location, file, read_as, runtime) as rows:
                    outcome = await run(runtime, new_origin(), make_job(rows))
                return ImportResult(outcome, rows.ignored, rows.skipped)

            run = _dry_run(refused) if dry_run else run_import
            result = run_runtime(action, without_statement_timeout=True)
    seconds = time.monotonic() - began
    report = Report(source.for_people, source.for_programs, kept, result, seconds, dry_run)
    _print(report, refused, json)


def _print(report: Report, refused: list[RefusedRow], json: bool) -> None:
    """Print the report; exit 1 if some rows are refused, or the file breaks off."""
    if json:
        print_json(import_report.document(report))
    elif report.outcome.broken is not None:
        import_report.tell_broken(report)
    else:
        import_report.tell(report, refused)
    if report.outcome.progress.refused_count or report.outcome.broken is not None:
        leave(REFUSED)


def _dry_run(
    refused: list[RefusedRow],
) -> Callable[[Runtime, Origin, ImportJob], Awaitable[ImportOutcome]]:
    """A dry run that puts the first refused rows into the list."""

    def keep_first(row: RefusedRow) -> None:
        if len(refused) < SHOWN_REFUSALS:
            refused.append(row)

    return lambda runtime, origin, job: dry_run_import(runtime, origin, job, keep_first)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Collect garbage rarely: batches have no cycles, and the search takes a fifth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _short_turns() -> Iterator[None]:
    """Shorten the interpreter's switch interval, while a thread parses the next batch.

    Otherwise the event loop sees each answer of the database late, and the database waits.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _opened(source: ImportInput) -> Iterator[BinaryIO | None]:
    if not source.is_file:
        yield None
        return
    if source.location == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source.location).open("rb"))
        except OSError as error:
            fail(f"{source.location} cannot be read: {error.strerror}.", status=MISUSED)
        yield file


@contextmanager
def _reporting_errors(source: ImportInput) -> Iterator[None]:
    try:
        yield
    except BrokenFile as broken:
        fail(f"{source.for_people} {broken}.")
    except ImportStopped as stopped:
        fail(str(stopped))
    except (SQLAlchemyError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            fail(f"{error.filename} cannot be used: {error.strerror}.")
        fail(f"The database failed: {explain_failure(error)}.", _AGAIN)
    except KeyboardInterrupt:
        fail("Stopped.", _AGAIN)


def _key(
    source: ImportInput, file: BinaryIO | None, read_as: ReadAs, flags: ImportFlags
) -> str | None:
    """Identify the import; None for standard input, folders and databases, which may change."""
    if file is None or source.location == STANDARD_INPUT:
        return None
    return import_key(
        file,
        read_as,
        allows_admins=flags.allow_admins,
        checks_passwords=flags.check_passwords,
    )


def _default_rejects(source: ImportInput) -> Path:
    if source.location == STANDARD_INPUT or is_url(source.location):
        return Path("users.rejects.jsonl")
    return Path(f"{source.location.rstrip('/')}.rejects.jsonl")


@contextmanager
def _showing_progress(
    file: BinaryIO | None, *, hidden: bool
) -> Iterator[Callable[[ImportProgress], None]]:
    """Show a progress bar on standard error, if that is a terminal."""
    console = error_console()
    if hidden or not console.is_terminal:
        yield lambda _: None
        return
    size = _size(file)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Reading", total=size)

        def show(done: ImportProgress) -> None:
            said = f"{done.made:,} made, {done.refused_count:,} refused"
            position = None if file is None or size is None else file.tell()
            progress.update(task, description=escape(said), completed=position)

        yield show


def _size(file: BinaryIO | None) -> int | None:
    """The size in bytes; None for a pipe, and where there is no file."""
    if file is None or not file.seekable():
        return None
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    return size
