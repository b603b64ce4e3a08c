"""The move: an empty database is filled, compared row by row, and only then committed."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.diagnosis import describe_database, explain_failure
from gatepost.migrations.exclusive import connect_exclusively
from gatepost.migrations.models import metadata
from gatepost.migrations.revisions import current_revision
from gatepost.moving import reading, writing
from gatepost.moving.digests import TableDigest

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many rows are done, and of how many."""


class CannotMove(Exception):  # noqa: N818 - read as the fact that it tells
    """Nothing was moved. The text tells the operator why, and what to do."""


@dataclass(frozen=True, slots=True)
class TableMoved:
    """A table, how many rows it has, and their digest; None where none was computed."""

    name: str
    rows: int
    digest: str | None = None


def tables() -> Sequence[Table]:
    """Every table of the product, each after those that its rows refer to."""
    return metadata.sorted_tables


async def check_target(source: AsyncEngine, target: AsyncEngine) -> None:
    """See that the target may be filled: it is another database, new or with nothing in it.

    Raises `CannotMove`.
    """
    if source.url == target.url:
        raise CannotMove("--to is the database that is to be moved. Name another one.")
    made = await current_revision(target) is not None
    async with target.connect() as connection:
        names = set(await connection.run_sync(lambda c: inspect(c).get_table_names()))
        ours = [table for table in tables() if table.name in names]
        if ours and not made:
            raise CannotMove(
                f"{_name(target)} has a table {ours[0].name} that Gatepost did not make. "
                "Name an empty database."
            )
        await _refuse_unless_empty(connection, target, ours)


async def count(source: AsyncEngine) -> list[TableMoved]:
    """What there is to move."""
    async with reading.snapshot(source) as connection:
        return [
            TableMoved(table.name, await reading.count(connection, table)) for table in tables()
        ]


async def move(source: AsyncEngine, target: AsyncEngine, progress: Progress) -> list[TableMoved]:
    """Fill the target, whose schema is at head, with all that is in the source at this moment.

    All of it is one transaction, which is committed once every table was read again and has the
    digest that it has in the source, still: killed at any moment, the target is as empty as before.
    Raises `CannotMove`.
    """
    async with reading.snapshot(source) as origin, connect_exclusively(target) as connection:
        await writing.keep_others_out(connection, tables())
        await _refuse_unless_empty(connection, target, tables())
        steps = _Steps(progress, sum([await reading.count(origin, each) for each in tables()]))
        for table in tables():
            await writing.set_next_id(connection, table, await reading.next_id(origin, table))
        wanted = [await _copy(origin, connection, target, table, steps) for table in tables()]
        got = [await _digest(connection, table, steps, "Comparing") for table in tables()]
        if lost := _differences(wanted, got):
            raise CannotMove(
                f"What arrived in {_name(target)} is not what was sent, in {lost}. Nothing was "
                "moved: does anybody else write there?"
            )
        async with reading.snapshot(source) as later:
            now = [await _digest(later, table, steps, "Looking again at") for table in tables()]
        if changed := _differences(wanted, now):
            raise CannotMove(
                f"{_name(source)} was written to meanwhile, in {changed}. Nothing was moved: stop "
                "the service, and try again."
            )
    return wanted


class _Steps:
    """Counts rows over the whole move: each is copied, compared and looked at again."""

    def __init__(self, progress: Progress, rows: int) -> None:
        self._progress, self._total, self._done = progress, 3 * rows, 0

    def count(self, doing: str, table: Table, rows: int) -> None:
        self._done += rows
        self._progress(f"{doing} {table.name}", self._done, self._total)


async def _refuse_unless_empty(
    connection: AsyncConnection, target: AsyncEngine, among: Sequence[Table]
) -> None:
    filled = [table.name for table in among if not await reading.is_empty(connection, table)]
    if filled:
        raise CannotMove(
            f"{_name(target)} is not empty: it has rows in {', '.join(filled)}. Name an empty "
            "database, and do not start the service on it before the move."
        )


async def _copy(
    origin: AsyncConnection,
    connection: AsyncConnection,
    target: AsyncEngine,
    table: Table,
    steps: _Steps,
) -> TableMoved:
    digest = TableDigest(table)
    steps.count("Copying", table, 0)
    async for rows in _readable(origin, table):
        digest.add(rows)
        try:
            await writing.insert_rows(connection, table, rows)
        except DBAPIError as error:
            refusal = explain_failure(error)
        else:
            steps.count("Copying", table, len(rows))
            continue
        # Outside the `except`: what the driver says holds what is in the row.
        raise CannotMove(
            f"{_name(target)} refuses a row of the table {table.name}, between ids {rows[0].id} "
            f"and {rows[-1].id}: {refusal}. Nothing was moved."
        )
    return TableMoved(table.name, digest.rows, digest.text())


async def _digest(
    connection: AsyncConnection, table: Table, steps: _Steps, doing: str
) -> TableMoved:
    digest = TableDigest(table)
    async for rows in _readable(connection, table):
        digest.add(rows)
        steps.count(doing, table, len(rows))
    return TableMoved(table.name, digest.rows, digest.text())


async def _readable(
    connection: AsyncConnection, table: Table
) -> AsyncIterator[Sequence[Row[*tuple[Any, ...]]]]:
    try:
        async for rows in reading.batches(connection, table):
            yield rows
    except reading.UnreadableRow as error:
        raise CannotMove(f"{error} Correct it, or delete it. Nothing was moved.") from None


def _differences(wanted: Sequence[TableMoved], got: Sequence[TableMoved]) -> str:
    """The tables that are not the same in both, with their counts where these tell."""
    return ", ".join(
        one.name if one.rows == other.rows else f"{one.name} ({one.rows} and {other.rows} rows)"
        for one, other in zip(wanted, got, strict=True)
        if one != other
    )


def _name(engine: AsyncEngine) -> str:
    name = describe_database(engine.url)
    return name[0].upper() + name[1:]
