"""Statements that need no other beside them: each is a transaction by itself.

PostgreSQL commits such a statement when it ends. Sent by way of a session it would be one of three
round trips (BEGIN, the statement, COMMIT), and cost this process three times as much.
"""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import (
    ColumnElement,
    Dialect,
    Executable,
    Select,
    Table,
    bindparam,
    insert,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from gatepost.db.gathering import Gathering
from gatepost.holding import expect_no_transaction

log = logging.getLogger(__name__)

Values = Mapping[str, Any]

OpenDb = Callable[[], AsyncSession]
"""Gives the session of whoever asks, which is made only where it is needed."""

_FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection whose server has said that it goes
    OSError,
)


class Insertion(NamedTuple):
    """A row to be inserted; its values are as the driver takes them."""

    table: Table
    values: Values


class Condition(NamedTuple):
    """What has to hold for a statement, made once for the process, and the values in it."""

    clause: ColumnElement[bool]
    values: Values


class AutocommitExecutor:
    """Runs a statement straight on a pooled connection's driver, where that commits it too.

    Whoever asks holds no transaction: nobody needs two connections at a time.
    """

    def __init__(self, engine: AsyncEngine, *, is_traced: bool) -> None:
        """Where `is_traced`, all go by way of the session, which is what traces look at."""
        self.dialect = engine.dialect
        self._engine = engine
        self.is_direct = engine.dialect.driver == "asyncpg" and not is_traced
        # Where a connection cannot be made, the pool raises what SQLAlchemy makes of the driver's.
        self._failures = (*_FAILURES, engine.dialect.loaded_dbapi.Error)
        self._compiled: dict[Executable, _Compiled] = {}
        self._insertions: dict[Hashable, Executable] = {}
        self._gatherings: dict[Executable, Gathering] = {}

    async def first(
        self, open_db: OpenDb, statement: Executable, values: Values
    ) -> Sequence[Any] | None:
        """Return the first row of `statement`, None if it has none.

        `statement` is one of few that live as long as the process: what it compiles to is kept.
        It is committed when this returns or else, like all that the session does, when that is: it
        must be right either way. It must also be right to run it twice, as happens where a
        connection breaks: what fails here is done again by the session, whose errors everybody
        knows. Raises `TimeoutError` where nothing was heard: nobody is to wait twice.
        """
        if self.is_direct:
            expect_no_transaction("a statement on its own")
            try:
                rows = await self.all(statement, values)
                return rows[0] if rows else None
            except TimeoutError:
                raise
            except self._failures as error:
                log.info("database.lone_statement_failed", extra={"error": type(error).__name__})
        return (await open_db().execute(statement, values)).first()

    async def first_together(
        self, statement: Executable, columns: Sequence[str], row: Sequence[Any]
    ) -> Sequence[Any] | None:
        """Return the row that `statement`, sent for all who ask at this moment, returns for `row`.

        It takes an array for each of `columns`, and the first of them, the key, is what it returns
        first. None where it returns nothing, where it fails, and where another asks for this key:
        it is then to be asked alone. Only where it `is_direct`.
        """
        expect_no_transaction("a statement on its own")
        gathering = self._gatherings.get(statement)
        if gathering is None:

            async def send(rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
                values = zip(*rows, strict=True)
                return await self.all(statement, dict(zip(columns, values, strict=True)))

            gathering = self._gatherings[statement] = Gathering(send, self._failures)
        return await gathering.ask(row)

    async def insert_while(
        self, condition: Select[Any], values: Values, rows: Sequence[Insertion]
    ) -> bool:
        """Insert all rows, in their order, while `condition` holds: it finds a row, and locks it.

        It is one statement. False, and nothing is inserted, where it does not; and where it failed,
        which leaves open whether it was done. Raises `TimeoutError` where nothing was heard. Only
        where this `is_direct`.
        """
        expect_no_transaction("a statement on its own")
        kinds = (condition, *(row.table for row in rows))
        statement = self._insertions.get(kinds)
        if statement is None:
            statement = self._insertions[kinds] = _inserting_while(condition, rows)
        for number, row in enumerate(rows):
            values = {**values, **{f"{name}_{number}": row.values[name] for name in row.values}}
        try:
            return bool(await self.all(statement, values))
        except TimeoutError:
            raise
        except self._failures as error:
            log.info("database.lone_statement_failed", extra={"error": type(error).__name__})
            return False

    async def all(self, statement: Executable, values: Values) -> Sequence[Sequence[Any]]:
        """Return all rows of `statement`, which is as for `first`, where it goes straight.

        Raises whatever the driver or the pool does.
        """
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._engine.dialect)
        arguments = compiled.arguments(values)
        connection = await self._engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            rows: Sequence[Sequence[Any]] = await driver.fetch(compiled.text, *arguments)
        except BaseException as error:
            connection.invalidate(error)  # which tells the pool what to think of the others
            raise
        connection.close()
        return rows


def _inserting_while(condition: Select[Any], rows: Sequence[Insertion]) -> Executable:
    held = condition.cte("held")
    insertions = []
    for table, numbered in groupby(enumerate(rows), lambda each: each[1].table):
        selected = []
        for number, row in numbered:
            columns = [table.c[name] for name in row.values]
            values = [bindparam(f"{column.name}_{number}", type_=column.type) for column in columns]
            selected.append(select(*values).select_from(held))
        # In their order: the ids of one table's rows are to tell which came first.
        inserting = insert(table).from_select(columns, union_all(*selected))
        insertions.append(inserting.cte(f"of_{table.name}"))
    return select(held).add_cte(*insertions)


class _Compiled:
    """A statement in the driver's own words, and the order in which it takes its values."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        assert isinstance(statement, ClauseElement)  # noqa: S101 - for the type checker
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker too
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._constants = compiled.params

    def arguments(self, values: Values) -> list[Any]:
        known = {**self._constants, **values}
        return [known[name] for name in self._names]
