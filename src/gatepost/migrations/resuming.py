"""Resumes an interrupted migration on MariaDB and MySQL, which commit each DDL statement by itself.

A table of one row, which exists only during a migration, counts the statements of the revision that
are done. A second run skips that many. A kill may come between a statement and its count: so the
first statement that is not skipped may be done already, and then the server's error "it exists
already" counts as success, unless the first run got that error, too.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import CreateTable, DropTable

from gatepost.db.base import PREFIX, TABLE_OPTIONS
from gatepost.migrations.revisions import VERSION_TABLE, read_revision

STEPS_TABLE = f"{PREFIX}migration_steps"

_STEPS = Table(
    STEPS_TABLE,
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    **TABLE_OPTIONS,
)

# Alembic's version table, but always in InnoDB: another default engine may have no transactions.
_VERSIONS = Table(
    VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True), **TABLE_OPTIONS
)

_ASKS = re.compile(r"\s*(?:SELECT|SHOW|SET|DESC|DESCRIBE|EXPLAIN)\b", re.IGNORECASE)
_MAKES_VERSIONS = re.compile(rf"\s*CREATE TABLE `?{VERSION_TABLE}\b")
_IS_OF_OURS = re.compile(rf"\b(?:{STEPS_TABLE}|{VERSION_TABLE})\b")

# The server's errors if a change has been made before: a table, column, key or constraint exists
# already, or does not exist any more.
_DONE_ALREADY = {1005, 1017, 1050, 1051, 1054, 1060, 1061, 1068, 1091, 1146, 1826}


class MigrationChanged(Exception):  # noqa: N818 - read as the fact that it states
    """The interrupted migration in this database is not the one that is to be resumed."""


def was_interrupted(connection: Connection) -> bool:
    """Whether a migration of this database has begun and not ended."""
    return inspect(connection).has_table(STEPS_TABLE)


def steps_done(connection: Connection) -> int | None:
    """Statements of the current revision that are done; None if no migration has begun."""
    if not was_interrupted(connection):
        return None
    return connection.scalar(select(_STEPS.c.done))


def forget_steps(connection: Connection) -> None:
    """Drop the table of steps, once the schema is at head."""
    if was_interrupted(connection):
        connection.execute(DropTable(_STEPS))


@contextmanager
def resuming(connection: Connection) -> Iterator[Callable[[], None]]:
    """Skip, within the block, the statements that an interrupted run has done (MariaDB and MySQL).

    Yields a function to call after each revision, in the transaction that records it. The block
    raises `MigrationChanged` if this migration does not begin with those statements.
    """
    if connection.dialect.name != "mysql":
        yield lambda: None
        return
    steps = _Steps(connection)
    hooks: dict[str, Callable[..., bool]] = {
        "do_execute": steps.execute,
        "do_execute_no_params": steps.execute_without_parameters,
        "do_executemany": steps.execute_many,
    }
    for name, hook in hooks.items():
        event.listen(connection.engine, name, hook)
    try:
        yield steps.end_revision
        steps.forget()
    finally:
        for name, hook in hooks.items():
            event.remove(connection.engine, name, hook)


class _Steps:
    """Counts the statements of a revision that change something, and records each when done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._has_begun = False
        self._is_resumed = False
        self._done, self._wanted = 0, ""
        self._count, self._digest = 0, ""

    def execute(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:  # noqa: ANN401 - SQLAlchemy's arguments
        return self._run(cursor, statement, context, lambda text: cursor.execute(text, parameters))

    def execute_without_parameters(self, cursor: Any, statement: str, context: Any) -> bool:  # noqa: ANN401 - SQLAlchemy's arguments
        return self._run(cursor, statement, context, cursor.execute)

    def execute_many(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:  # noqa: ANN401 - SQLAlchemy's arguments
        return self._run(
            cursor, statement, context, lambda text: cursor.executemany(text, parameters)
        )

    def end_revision(self) -> None:
        """Reset the count: the next statements belong to another revision."""
        if self._count < self._done:
            raise MigrationChanged
        self._has_begun = self._is_resumed = False
        self._done, self._wanted = 0, ""
        self._count, self._digest = 0, ""
        if was_interrupted(self._connection):
            self._connection.execute(delete(_STEPS))

    def forget(self) -> None:
        """Drop the table of steps."""
        forget_steps(self._connection)

    def _run(
        self,
        cursor: Any,  # noqa: ANN401 - the driver's own
        statement: str,
        context: Any,  # noqa: ANN401 - SQLAlchemy's argument
        send: Callable[[str], object],
    ) -> bool:
        """Send a statement, or skip it; False leaves it to SQLAlchemy."""
        if context.root_connection is not self._connection or _ASKS.match(statement):
            return False
        if _MAKES_VERSIONS.match(statement):
            send(str(CreateTable(_VERSIONS).compile(dialect=self._connection.dialect)))
            return True
        if _IS_OF_OURS.search(statement):
            return False
        if not self._has_begun:
            self._begin()
        self._count += 1
        self._digest = hashlib.sha256(f"{self._digest}{statement}".encode()).hexdigest()
        if self._count == self._done and self._digest != self._wanted:
            raise MigrationChanged
        if self._count > self._done:
            self._send(cursor, statement, send)
        return True

    def _begin(self) -> None:
        """Read how many steps of this revision are done, or record its beginning."""
        self._has_begun = True
        _STEPS.create(self._connection, checkfirst=True)
        revision = read_revision(self._connection) or ""
        row = self._connection.execute(
            select(_STEPS.c.done, _STEPS.c.failed, _STEPS.c.digest).where(
                _STEPS.c.revision == revision
            )
        ).one_or_none()
        if row is None:
            self._connection.execute(delete(_STEPS))
            self._connection.execute(
                insert(_STEPS).values(revision=revision, done=0, failed=0, digest="")
            )
            return
        self._done, self._wanted = row.done, row.digest
        self._is_resumed = row.failed != row.done + 1

    def _send(self, cursor: Any, statement: str, send: Callable[[str], object]) -> None:  # noqa: ANN401 - the driver's own
        try:
            send(statement)
        except Exception as error:
            if not (self._is_resumed and _is_done_already(error)):
                self._note_failure(cursor)
                raise
        self._is_resumed = False
        note = update(_STEPS).where(_STEPS.c.done < self._count)
        self._connection.execute(note.values(done=self._count, digest=self._digest))

    def _note_failure(self, cursor: Any) -> None:  # noqa: ANN401 - the driver's own
        """Record for the next run that this statement was not done."""
        with suppress(Exception):  # the connection may be lost: report the first error
            cursor.execute(f"UPDATE {STEPS_TABLE} SET failed = {self._count}")  # noqa: S608 - our own name and a number
            cursor.execute("COMMIT")


def _is_done_already(error: Exception) -> bool:
    return bool(error.args) and error.args[0] in _DONE_ALREADY
