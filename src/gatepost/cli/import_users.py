"""The command that imports accounts: it opens the file, shows the progress, prints the result."""

import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
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

from gatepost.cli import import_report
from gatepost.cli.formats import FileFormat
from gatepost.cli.import_input import ImportInput, default_rejects, open_input
from gatepost.cli.import_report import SHOWN_REFUSALS, ImportResult, Report
from gatepost.cli.options import Json
from gatepost.cli.output import MISUSED, REFUSED, fail, leave, print_json
from gatepost.cli.running import new_origin, run_with_runtime
from gatepost.cli.terminal import error_console
from gatepost.db.diagnosis import explain_failure
from gatepost.features.callers.roles import Role
from gatepost.features.imports.batches import RefusedRow, RowSource
from gatepost.features.imports.dry_run import dry_run_import
from gatepost.features.imports.engine import import_users as run_import
from gatepost.features.imports.job import ImportJob, ImportOutcome, ImportProgress, ImportStopped
from gatepost.files.formats import Format
from gatepost.files.rejects import RejectsFile
from gatepost.files.rows import BrokenFile
from gatepost.importers.locations import STANDARD_INPUT
from gatepost.importers.names import SystemName
from gatepost.importers.options import SourceOptions
from gatepost.importers.reading import ReadAs, import_key, open_rows
from gatepost.runtime import Runtime
from gatepost.work import Origin

FROM = "From another system (docs/migrating.md)"

_SWITCH_INTERVAL = 0.0005
_AGAIN = "Run the command again with the same file to resume."


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
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file; - is standard input. With --from also a folder, or a database's URL.",
        ),
    ],
    file_format: FileFormat = None,
    system: Annotated[
        SystemName | None, typer.Option("--from", help="The system that the users come from.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and write nothing.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="The file for refused rows; default FILE.rejects.jsonl.")
    ] = None,
    allow_admins: Annotated[
        bool, typer.Option("--allow-admins", help="Allow rows to create admins.")
    ] = False,
    check_passwords: Annotated[
        bool, typer.Option("--check-passwords", help="Refuse plain passwords that are too weak.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start again at the first row.")
    ] = False,
    json: Json = False,
    table: Annotated[
        str | None,
        typer.Option(help="The table with the users, or Django's model.", rich_help_panel=FROM),
    ] = None,
    admin_role: Annotated[
        list[str],
        typer.Option(help="A role there that is admin here.", rich_help_panel=FROM),
    ] = ["admin"],  # noqa: B006 - typer copies it
    moderator_role: Annotated[
        list[str],
        typer.Option(help="A role there that is moderator here.", rich_help_panel=FROM),
    ] = ["moderator"],  # noqa: B006 - typer copies it
    staff_role: Annotated[
        Role, typer.Option(help="The role of Django's staff users.", rich_help_panel=FROM)
    ] = Role.USER,
    hash_config: Annotated[
        Path | None,
        typer.Option(help="The file of Firebase's hash parameters.", rich_help_panel=FROM),
    ] = None,
    drop_unknown_hashes: Annotated[
        bool,
        typer.Option(
            "--drop-unknown-hashes",
            help="Import users whose hash cannot be verified, without a password.",
            rich_help_panel=FROM,
        ),
    ] = False,
) -> None:
    """Import accounts from a file: JSON Lines or CSV, also gzipped.

    Existing accounts are not changed. If the import is interrupted, run it
    again with the same file to resume.

    Exit status: 0 all rows are accounts, 1 some are refused, 2 called wrongly.

    Examples:
    $ gatepost import-users users.jsonl --dry-run
    $ gatepost import-users users.csv.gz
    $ zcat users.jsonl.gz | gatepost import-users - --json
    $ gatepost import-users dump.json --from django --dry-run
    $ gatepost import-users export/ --from keycloak --allow-admins
    $ gatepost import-users postgresql://reader@db/app --from fastapi-users
    """
    _check_from(context, system, file_format)
    options = (
        None
        if system is None
        else SourceOptions(
            system,
            table,
            frozenset(admin_role),
            frozenset(moderator_role),
            staff_role,
            drop_unknown_hashes,
            hash_config,
        )
    )
    source = ImportInput(file, file_format, options)
    flags = ImportFlags(allow_admins, check_passwords, restart)
    _import(source, rejects, flags, dry_run, json)


def _check_from(
    context: typer.Context, system: SystemName | None, file_format: Format | None
) -> None:
    """Exit 2 if an option was given that would be ignored."""
    if system is not None and file_format is not None:
        fail("--format cannot be used with --from, which knows its formats.", status=MISUSED)
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        is_given = source is not None and source.name == "COMMANDLINE"
        if system is None and is_given and getattr(option, "rich_help_panel", None) == FROM:
            fail(f"{option.opts[0]} can only be used with --from.", status=MISUSED)


def _import(
    source: ImportInput, rejects: Path | None, flags: ImportFlags, dry_run: bool, json: bool
) -> None:
    """Import a file, or do a dry run, and print the result; exit 1 if some rows are refused."""
    kept = RejectsFile(rejects or default_rejects(source))
    if (
        kept.path.exists()
        and Path(source.location).exists()
        and kept.path.samefile(source.location)
    ):
        fail("The rejects would overwrite the file itself.", status=MISUSED)
    refused: list[RefusedRow] = []
    began = time.monotonic()
    with open_input(source) as file, _reporting_errors(source):
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
            result = run_with_runtime(action, without_statement_timeout=True)
    seconds = time.monotonic() - began
    report = Report(source.for_people, source.for_programs, kept, result, seconds, dry_run)
    _print(report, refused, json)


def _print(report: Report, refused: list[RefusedRow], json: bool) -> None:
    """Print the report; exit 1 if some rows are refused, or the file breaks off."""
    if json:
        print_json(import_report.document(report))
    elif report.outcome.broken is not None:
        import_report.print_broken(report)
    else:
        import_report.print_report(report, refused)
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
            counts = f"{done.made:,} made, {done.refused_count:,} refused"
            position = None if file is None or size is None else file.tell()
            progress.update(task, description=escape(counts), completed=position)

        yield show


def _size(file: BinaryIO | None) -> int | None:
    """The size in bytes; None for a pipe, or if there is no file."""
    if file is None or not file.seekable():
        return None
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    return size
