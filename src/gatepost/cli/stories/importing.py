"""Imports at the command line: opens the file, and shows how far it is."""

import gc
import hashlib
import re
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

from gatepost.cli.output import (
    MISUSED,
    REFUSED,
    error_console,
    fail,
    leave,
    print_json,
)
from gatepost.cli.stories import import_report
from gatepost.cli.stories.adopting import Foreign, is_url, reading_of, without_password
from gatepost.cli.stories.formats import STANDARD, format_of
from gatepost.cli.stories.import_report import SHOWN_REFUSALS, Found, Report
from gatepost.cli.stories.running import new_origin, run_runtime
from gatepost.cli.transfers import Format
from gatepost.db.diagnosis import explain_failure
from gatepost.features.accounts import importing, own_rows
from gatepost.features.accounts.import_batches import Reading, Refusal
from gatepost.features.accounts.importing import ImportStopped, Outcome, Plan, Tally
from gatepost.files.content import Content, told_by_text, unpacked
from gatepost.files.csv_files import CsvForm, csv_rows
from gatepost.files.json_arrays import json_items
from gatepost.files.lines import json_lines
from gatepost.files.rejects import Rejects
from gatepost.files.rows import (
    BrokenFile,
    Meter,
    Row,
    Unreadable,
    faults_of,
    first_of,
    without_addresses,
)
from gatepost.runtime import Runtime

_PIECE = 1024 * 1024
_LONGEST_TURN = 0.0005
_AGAIN = "Run it again with the same file to go on."

_CSV = CsvForm(is_address="email".__eq__)
_ARRAY_OF_OBJECTS = re.compile(rb"\s*\[\s*[{\]]")


@dataclass(frozen=True, slots=True)
class Input:
    """Where rows come from."""

    name: str
    given_format: Format | None
    foreign: Foreign | None = None

    @property
    def shown(self) -> str:
        """As people are told it."""
        if self.name == STANDARD:
            return "standard input"
        return without_password(self.name) if is_url(self.name) else self.name

    @property
    def told(self) -> str:
        """As programs are told it; nobody is told a password."""
        return self.shown if is_url(self.name) else self.name

    @property
    def is_file(self) -> bool:
        """Whether there is something to be opened: another system may have a table or a folder."""
        return self.foreign is None or not (is_url(self.name) or Path(self.name).is_dir())


@dataclass(frozen=True, slots=True)
class Asked:
    """What else was asked for."""

    allow_admins: bool
    check_passwords: bool
    restart: bool


class _NothingKept:
    """Keeps no rejects, where none were asked for."""

    size = 0

    def write(self, after: int, entries: object) -> int:  # noqa: ARG002 - the same as `Rejects`
        return after


def import_users(
    source: Input, rejects: Path | None, asked: Asked, dry_run: bool, json: bool
) -> None:
    """Import a file, or rehearse it, and tell what came of it; some rows refused is status 1."""
    kept = Rejects(rejects or _beside(source))
    if kept.path.exists() and Path(source.name).exists() and kept.path.samefile(source.name):
        fail("The rejects would be written over the file itself.", status=MISUSED)
    refused: list[Refusal] = []
    began = time.monotonic()
    with _opened(source) as file, _telling_what_stopped(source):
        key = _key(source, file, asked)

        with (
            _collecting_less_garbage(),
            _taking_turns_quickly(),
            _showing_progress(file, hidden=json) as tell,
        ):

            def plan(reading: Reading) -> Plan:
                return Plan(
                    reading,
                    key,
                    _NothingKept() if dry_run and rejects is None else kept,
                    asked.allow_admins,
                    asked.check_passwords,
                    asked.restart,
                    tell,
                )

            story = _story(source, file, plan, refused if dry_run else None)
            found = run_runtime(story, without_statement_timeout=True)
    seconds = time.monotonic() - began
    report = Report(source.shown, source.told, kept, found, seconds, dry_run)
    if json:
        print_json(import_report.document(report))
    elif found.outcome.broken is not None:
        import_report.tell_broken(report)
    else:
        import_report.tell(report, refused)
    if found.outcome.tally.refused_count or found.outcome.broken is not None:
        leave(REFUSED)


@contextmanager
def _collecting_less_garbage() -> Iterator[None]:
    """Batches free themselves: looking for circles in them would take a fifth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _taking_turns_quickly() -> Iterator[None]:
    """What the database answers is seen at once, though a thread is busy with the next batch.

    Else the database, asked several times for each batch, would wait for us longer than we for it.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_LONGEST_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _story(
    source: Input,
    file: BinaryIO | None,
    plan: Callable[[Reading], Plan],
    refused: list[Refusal] | None,
) -> Callable[[Runtime], Awaitable[Found]]:
    def show(refusal: Refusal) -> None:
        if refused is not None and len(refused) < SHOWN_REFUSALS:
            refused.append(refusal)

    async def come_to(runtime: Runtime, plan: Plan) -> Outcome:
        if refused is None:
            return await importing.import_users(runtime, new_origin(), plan)
        return await importing.rehearse_import(runtime, new_origin(), plan, show)

    async def story(runtime: Runtime) -> Found:
        if source.foreign is None:
            reading = _own_reading(source, file)
            return Found(await come_to(runtime, plan(reading)), reading.ignored, {})
        adoption = source.foreign.adopt(runtime)
        with reading_of(adoption, source.name, file) as reading:
            outcome = await come_to(runtime, plan(reading))
        return Found(outcome, reading.ignored, adoption.left_behind)

    return story


def _own_reading(source: Input, file: BinaryIO | None) -> Reading:
    assert file is not None  # noqa: S101 - only other systems have users elsewhere
    meter = Meter()
    is_csv = format_of(source.name, source.given_format) is Format.CSV
    rows = _own_rows(unpacked(file, meter), is_csv=is_csv)
    return Reading(rows, own_rows.read_own_rows, own_rows.COLUMNS.__contains__, meter)


def _own_rows(content: Content, *, is_csv: bool) -> Iterator[Row]:
    if is_csv:
        return csv_rows(content, _CSV)
    told = told_by_text(content.beginning)
    if told is not None:
        raise BrokenFile(told)
    is_array = _ARRAY_OF_OBJECTS.match(content.beginning) is not None
    return _looked_at(json_items(content, "item") if is_array else json_lines(content))


def _looked_at(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; raises `BrokenFile` if the first ones tell that they can be no accounts."""
    first, rows = first_of(rows)
    readable = [row for row in first if not isinstance(row, Unreadable)]
    columns = {name for row in readable for name in row}
    if len(first) > 1 and not readable:
        raise BrokenFile(f"has no rows of JSON Lines: {faults_of(first)}")
    if readable and "email" not in columns:
        raise without_addresses(columns)
    yield from rows


@contextmanager
def _opened(source: Input) -> Iterator[BinaryIO | None]:
    if not source.is_file:
        yield None
        return
    if source.name == STANDARD:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source.name).open("rb"))
        except OSError as error:
            fail(f"{source.name} cannot be read: {error.strerror}.", status=MISUSED)
        yield file


@contextmanager
def _telling_what_stopped(source: Input) -> Iterator[None]:
    try:
        yield
    except BrokenFile as broken:
        fail(f"{source.shown} {broken}.")
    except ImportStopped as stopped:
        fail(str(stopped))
    except (SQLAlchemyError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            fail(f"{error.filename} cannot be used: {error.strerror}.")
        fail(f"The database failed: {explain_failure(error)}.", _AGAIN)
    except KeyboardInterrupt:
        fail("Stopped.", _AGAIN)


def _key(source: Input, file: BinaryIO | None, asked: Asked) -> str | None:
    """What tells this file and what is asked for from any other; None for what may change."""
    if source.foreign is None:
        read_as: str = format_of(source.name, source.given_format)
    else:
        read_as = source.foreign.told
    if file is None or source.name == STANDARD:
        return None
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    file.seek(0)
    digest.update(f"{read_as} {asked.allow_admins} {asked.check_passwords}".encode())
    return digest.hexdigest()


def _beside(source: Input) -> Path:
    if source.name == STANDARD or is_url(source.name):
        return Path("users.rejects.jsonl")
    return Path(f"{source.name.rstrip('/')}.rejects.jsonl")


@contextmanager
def _showing_progress(file: BinaryIO | None, *, hidden: bool) -> Iterator[Callable[[Tally], None]]:
    """A bar on standard error, if that is a terminal."""
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

        def tell(tally: Tally) -> None:
            said = f"{tally.made:,} made, {tally.refused_count:,} refused"
            position = None if file is None or size is None else file.tell()
            progress.update(task, description=escape(said), completed=position)

        yield tell


def _size(file: BinaryIO | None) -> int | None:
    """In bytes; None for a pipe, and for what is no file."""
    if file is None or not file.seekable():
        return None
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    return size
