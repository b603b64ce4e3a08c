"""The command that moves everything to another database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from gatepost.cli.options import Json
from gatepost.cli.output import MISUSED, fail, print_json, say
from gatepost.cli.running import read_settings, reporting_problems
from gatepost.cli.terminal import error_console, print_table
from gatepost.db.diagnosis import describe_database
from gatepost.db.engine import open_engine
from gatepost.settings import DatabaseSettings, SettingsError
from gatepost.starting import check_schema, migrate, reach_database, reach_existing_database
from gatepost.transfer.copy import (
    CopiedTable,
    OnProgress,
    TransferRefused,
    check_target,
    copy_database,
    count_rows,
)


def move(
    to: Annotated[
        str,
        typer.Option(metavar="URL", help="The target: an empty database.", envvar="MOVE_TO_URL"),
    ],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="The source, if not DATABASE_URL."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check both databases and count rows; write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Move everything to another database, of the same or of another kind.

    Stop the service first: the move refuses to run if rows are written
    meanwhile. It creates the schema, copies all rows with their ids, compares
    every table, and then commits. If it is interrupted, nothing is written.
    With the same SECRET_KEY, sessions stay valid.

    Examples:
    $ gatepost move --to postgresql://gatepost:password@db/gatepost --dry-run
    $ gatepost move --from sqlite:///./gatepost.db --to "$DATABASE_URL"
    """
    source = read_settings(DatabaseSettings) if from_ is None else _database(from_, "--from")
    target = _database(to, "--to")
    names = [describe_database(each.sqlalchemy_url) for each in (source, target)]
    if _is_no_file(source):
        fail(f"There is no {names[0].removeprefix('the ')}.")
    with reporting_problems(), _reporting_refusals(), _progress_bar(hidden=json) as progress:
        moved = asyncio.run(_move(source, target, progress, dry_run=dry_run))
    if json:
        print_json(
            {
                "from": names[0],
                "to": names[1],
                "dry_run": dry_run,
                "rows": sum(each.rows for each in moved),
                "tables": [asdict(each) for each in moved],
            }
        )
        return
    print_table(
        ("table", "rows", "SHA-256, the same in both"),
        [(each.name, f"{each.rows:,}", each.digest or "") for each in moved],
    )
    _print_result(names, moved, dry_run=dry_run)


def _print_result(names: list[str], moved: list[CopiedTable], *, dry_run: bool) -> None:
    rows = f"{sum(each.rows for each in moved):,} rows of {len(moved)} tables"
    if dry_run:
        say(f"Would move {rows} from {names[0]} to {names[1]}, which may be filled.")
        return
    say(
        f"Moved {rows} from {names[0]} to {names[1]}.",
        "Set DATABASE_URL to it, keep SECRET_KEY, and run `gatepost audit verify`.",
    )


async def _move(
    source: DatabaseSettings, target: DatabaseSettings, progress: OnProgress, *, dry_run: bool
) -> list[CopiedTable]:
    is_there = not _is_no_file(target)
    origin, destination = (
        open_engine(each, without_statement_timeout=True) for each in (source, target)
    )
    try:
        await reach_existing_database(origin)
        await check_schema(origin)
        if is_there or not dry_run:
            await reach_database(destination)
            await check_target(origin, destination)
        if dry_run:
            return await count_rows(origin)
        await migrate(destination)
        return await copy_database(origin, destination, progress)
    finally:
        await origin.dispose()
        await destination.dispose()


def _is_no_file(settings: DatabaseSettings) -> bool:
    """Whether it is an SQLite file that does not exist: connecting to it would create it."""
    url = settings.sqlalchemy_url
    return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()


def _database(url: str, option: str) -> DatabaseSettings:
    try:
        return DatabaseSettings(database_url=url)
    except SettingsError as error:
        [problem] = error.problems
        fail(f"{option} {problem.message}.", problem.advice, status=MISUSED)


@contextmanager
def _reporting_refusals() -> Iterator[None]:
    try:
        yield
    except TransferRefused as error:
        fail(str(error))


@contextmanager
def _progress_bar(*, hidden: bool) -> Iterator[OnProgress]:
    """Show a progress bar on standard error, if that is a terminal."""
    console = error_console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not hidden
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("Checking", total=None)

        def show(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total)

        yield show
