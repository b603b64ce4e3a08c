"""Copies all rows to an empty database, and commits only if both have the same rows."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Row, Table, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.diagnosis import describe_database, explain_failure
from gatepost.migrations.exclusive import connect_exclusively
from gatepost.migrations.models import metadata
from gatepost.migrations.revisions import current_revision
from gatepost.transfer import reading, writing
from gatepost.transfer.digests import TableDigest

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the current step, the number of rows done, and the number of rows to do."""


class TransferRefused(Exception):  # noqa: N818 - it says what happened
    """Nothing was copied; the message has the reason and the remedy for the operator."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table, the number of its rows, and their digest; None if it was not computed."""

    name: str
    rows: int
    digest: str | None = None


def tables() -> Sequence[Table]:
    """All tables, each after those that its foreign keys refer to."""
    return metadata.sorted_tables


async def check_target(source: AsyncEngine, target: AsyncEngine) -> None:
    """Raise `TransferRefused` unless the target is another database that is new or empty."""
    if source.url == target.url:
        raise TransferRefused("--to is the database that is to be moved. Name another one.")
    made = await current_revision(target) is not None
    async with target.connect() as connection:
        names = set(await connection.run_sync(lambda c: inspect(c).get_table_names()))
        ours = [table for table in tables() if table.name in names]
        if ours and not made:
            raise TransferRefused(
                f"{_name(target)} has a table {ours[0].name} that Gatepost did not make. "
                "Name an empty database."
            )
        await _refuse_unless_empty(connection, target, ours)


async def count_rows(source: AsyncEngine) -> list[CopiedTable]:
    """The number of rows of each table."""
    async with reading.snapshot(source) as connection:
        return [
            CopiedTable(table.name, await reading.count(connection, table)) for table in tables()
        ]


async def copy_database(
    source: AsyncEngine, target: AsyncEngine, progress: OnProgress
) -> list[CopiedTable]:
    """Copy all rows of the source, as they are now, to the target, whose schema is at head.

    This is one transaction in the target. It is committed after both databases were read again and
    every table has the same digest: killed at any time before, it leaves the target empty.
    Raises `TransferRefused`.
    """
    async with reading.snapshot(source) as snapshot, connect_exclusively(target) as connection:
        await writing.lock_tables(connection, tables())
        await _refuse_unless_empty(connection, target, tables())
        steps = _Steps(progress, sum([await reading.count(snapshot, each) for each in tables()]))
        for table in tables():
            await writing.set_next_id(connection, table, await reading.next_id(snapshot, table))
        expected = [await _copy(snapshot, connection, target, table, steps) for table in tables()]
        actual = [await _digest(connection, table, steps, "Comparing") for table in tables()]
        if changed := _differences(expected, actual):
            raise TransferRefused(
                f"What arrived in {_name(target)} is not what was sent, in {changed}. Nothing was "
                "moved: does anybody else write there?"
            )
        async with reading.snapshot(source) as later:
            now = [await _digest(later, table, steps, "Looking again at") for table in tables()]
        if changed := _differences(expected, now):
            raise TransferRefused(
                f"{_name(source)} was written to meanwhile, in {changed}. Nothing was moved: stop "
                "the service, and try again."
            )
    return expected


class _Steps:
    """Counts the rows of all steps: each is copied, compared, and read from the source again."""

    def __init__(self, progress: OnProgress, rows: int) -> None:
        self._progress, self._total, self._done = progress, 3 * rows, 0

    def count(self, doing: str, table: Table, rows: int) -> None:
        self._done += rows
        self._progress(f"{doing} {table.name}", self._done, self._total)


async def _refuse_unless_empty(
    connection: AsyncConnection, target: AsyncEngine, among: Sequence[Table]
) -> None:
    filled = [table.name for table in among if not await reading.is_empty(connection, table)]
    if filled:
        raise TransferRefused(
            f"{_name(target)} is not empty: it has rows in {', '.join(filled)}. Name an empty "
            "database, and do not start the service on it before the move."
        )


async def _copy(
    snapshot: AsyncConnection,
    connection: AsyncConnection,
    target: AsyncEngine,
    table: Table,
    steps: _Steps,
) -> CopiedTable:
    digest = TableDigest(table)
    steps.count("Copying", table, 0)
    async for rows in _readable(snapshot, table):
        digest.add(rows)
        try:
            await writing.insert_rows(connection, table, rows)
        except DBAPIError as error:
            refusal = explain_failure(error)
        else:
            steps.count("Copying", table, len(rows))
            continue
        # Outside the `except`: the driver's error, which has values of the row, is not chained.
        raise TransferRefused(
            f"{_name(target)} refuses a row of the table {table.name}, between ids {rows[0].id} "
            f"and {rows[-1].id}: {refusal}. Nothing was moved."
        )
    return CopiedTable(table.name, digest.rows, digest.text())


async def _digest(
    connection: AsyncConnection, table: Table, steps: _Steps, doing: str
) -> CopiedTable:
    digest = TableDigest(table)
    async for rows in _readable(connection, table):
        digest.add(rows)
        steps.count(doing, table, len(rows))
    return CopiedTable(table.name, digest.rows, digest.text())


async def _readable(
    connection: AsyncConnection, table: Table
) -> AsyncIterator[Sequence[Row[*tuple[Any, ...]]]]:
    try:
        async for rows in reading.batches(connection, table):
            yield rows
    except reading.UnreadableValue as error:
        raise TransferRefused(f"{error} Correct it, or delete it. Nothing was moved.") from None


def _differences(expected: Sequence[CopiedTable], actual: Sequence[CopiedTable]) -> str:
    """The tables that differ, with their numbers of rows if these differ."""
    return ", ".join(
        one.name if one.rows == other.rows else f"{one.name} ({one.rows} and {other.rows} rows)"
        for one, other in zip(expected, actual, strict=True)
        if one != other
    )


def _name(engine: AsyncEngine) -> str:
    name = describe_database(engine.url)
    return name[0].upper() + name[1:]
