"""Sends single statements straight to PostgreSQL's driver, which commits each when it ends.

Through a session such a statement takes three round trips (BEGIN, the statement, COMMIT) and three
times the processor time.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from itertools import count, islice
from typing import Any

import asyncpg
from sqlalchemy import Dialect, Executable, bindparam, insert, select, union_all
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ReturnsRows

from gatepost.db.row_batcher import RowBatcher
from gatepost.db.statements import Batched, Condition, Row, Values, rows_by_table
from gatepost.holding import expect_no_transaction

log = logging.getLogger(__name__)

_FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised on a connection whose server is shutting down
    OSError,
)

Fetched = Sequence[Sequence[Any]]


class AutocommitExecutor:
    """Runs statements on pooled connections, each in a transaction of its own.

    The caller must not hold a transaction, so that no task needs two connections at a time. A
    statement object must live as long as the process, because its compiled form is cached, and
    must select columns, not entities. The types of columns convert parameters and results as in a
    session.
    """

    def __init__(self, engine: AsyncEngine, *, is_traced: bool) -> None:
        """If `is_traced`, statements go through sessions, which are what tracing instruments."""
        self.is_direct = engine.dialect.driver == "asyncpg" and not is_traced
        self._engine = engine
        # A failure to connect raises SQLAlchemy's form of the driver's error.
        self._failures = (*_FAILURES, engine.dialect.loaded_dbapi.Error)
        self._compiled: dict[Executable, _Compiled] = {}
        self._inserts: dict[Hashable, Executable] = {}
        self._batchers: dict[Batched, RowBatcher] = {}

    async def fetch(self, statement: Executable, values: Values) -> Fetched | None:
        """Execute and commit, and return the rows.

        Returns None if that failed: the caller executes the statement again through a session,
        which raises the usual errors, so it must be idempotent. Raises `TimeoutError` if the server
        did not answer in time, so that the caller does not wait twice.
        """
        expect_no_transaction("a statement on its own")
        try:
            return await self._send(statement, values)
        except TimeoutError:
            raise
        except self._failures as error:
            _log_failure(error)
            return None

    async def fetch_batched(self, statement: Batched, values: Values) -> Sequence[Any] | None:
        """Return the row for `values` of `statement.many`, which is sent for concurrent requests.

        Returns None if there is no row, if the batch failed or is slow, or if the same key is in
        the batch already: the caller then executes `statement.single`. Raises as `fetch` does.
        """
        expect_no_transaction("a statement on its own")
        batcher = self._batchers.get(statement)
        if batcher is None:
            send = partial(self._send_batch, statement)
            batcher = self._batchers[statement] = RowBatcher(send, self._failures)
        return await batcher.ask([values[name] for name in statement.columns])

    async def insert(self, row: Row) -> int | None:
        """Insert a row and return its new id, or None if that failed, as `fetch` does.

        Raises `OperationalError` if the connection broke while the statement was executing: it may
        have been committed, and must not be executed again.
        """
        expect_no_transaction("a statement on its own")
        statement = self._insert_statement((row.table, *row.values), partial(_returning_id, row))
        try:
            return int((await self._send(statement, row.values))[0][0])
        except TimeoutError:
            raise
        except self._failures as error:
            _log_failure(error)
            if _may_be_committed(error):
                raise OperationalError(
                    "INSERT", None, error, hide_parameters=True, connection_invalidated=True
                ) from error
            return None

    async def insert_all(self, rows: Sequence[Row], condition: Condition) -> bool | None:
        """Insert the rows, in their order, in one statement, if the condition holds.

        Returns whether it held, or None if that failed, as `fetch` does.
        """
        statement = self._insert_statement(
            (condition.query, *((row.table, *row.values) for row in rows)),
            partial(_inserting_if, condition.query, rows),
        )
        values = dict(condition.values)
        for number, row in enumerate(rows):
            values |= {f"{name}_{number}": value for name, value in row.values.items()}
        found = await self.fetch(statement, values)
        return None if found is None else bool(found)

    def _insert_statement(self, kind: Hashable, make: Callable[[], Executable]) -> Executable:
        statement = self._inserts.get(kind)
        if statement is None:
            statement = self._inserts[kind] = make()
        return statement

    async def _send_batch(self, statement: Batched, rows: Fetched) -> Fetched:
        arrays = map(list, zip(*rows, strict=True))
        return await self._send(statement.many, dict(zip(statement.columns, arrays, strict=True)))

    async def _send(self, statement: Executable, values: Values) -> Fetched:
        """Execute a statement on a pooled connection; raises the errors of pool and driver."""
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._engine.dialect)
        arguments = compiled.arguments(values)
        connection = await self._engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            rows: Fetched = await driver.fetch(compiled.text, *arguments)
        except BaseException as error:
            connection.invalidate(error)  # the pool's listener checks its other connections too
            raise
        connection.close()
        return compiled.results(rows)


def _log_failure(error: Exception) -> None:
    log.info("database.autocommit_failed", extra={"error": type(error).__name__})


def _may_be_committed(error: Exception) -> bool:
    """Whether the server may have executed the statement: it has not refused it."""
    is_refusal = isinstance(error, asyncpg.PostgresError)
    return not is_refusal or isinstance(error, asyncpg.PostgresConnectionError)


def _returning_id(row: Row) -> Executable:
    values = {name: bindparam(name, type_=row.table.c[name].type) for name in row.values}
    return insert(row.table).values(values).returning(row.table.c.id)


def _inserting_if(condition: Any, rows: Sequence[Row]) -> Executable:  # noqa: ANN401 - a Select of any row
    held = condition.cte("held")
    inserts = []
    numbers = count()
    for table, of_table in rows_by_table(rows):
        columns = [table.c[name] for name in of_table[0].values]
        selected = []
        for number in islice(numbers, len(of_table)):
            values = [bindparam(f"{column.name}_{number}", type_=column.type) for column in columns]
            selected.append(select(*values).select_from(held))
        # In order, so that the ids of one table's rows increase in it.
        inserting = insert(table).from_select(columns, union_all(*selected))
        inserts.append(inserting.cte(f"of_{table.name}"))
    return select(held).add_cte(*inserts)


class _Compiled:
    """A statement's text for the driver, and the conversions of its parameters and results.

    Raises `ValueError` for a statement that only a session can complete: one with defaults made in
    Python, or with parameters that are rendered at execution, as those of `IN` are.
    """

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        assert isinstance(statement, ReturnsRows)  # noqa: S101 - for the type checker
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker too
        if compiled.prefetch or compiled.post_compile_params or compiled.literal_execute_params:
            msg = "a statement past the session has defaults made in Python, or an IN"
            raise ValueError(msg)
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._constants = compiled.params
        converters = {
            name: parameter.type.dialect_impl(dialect).bind_processor(dialect)
            for parameter, name in compiled.bind_names.items()
        }
        self._converters = {name: each for name, each in converters.items() if each is not None}
        readers = (
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in statement.exported_columns
        )
        self._readers = [(at, each) for at, each in enumerate(readers) if each is not None]

    def arguments(self, values: Values) -> list[Any]:
        known = {**self._constants, **values}
        for name, convert in self._converters.items():
            known[name] = convert(known[name])
        return [known[name] for name in self._names]

    def results(self, rows: Fetched) -> Fetched:
        if not self._readers or not rows:
            return rows
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
        for at, convert in self._readers:
            columns[at] = map(convert, columns[at])
        return list(zip(*columns, strict=True))
