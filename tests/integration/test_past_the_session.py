"""A statement that goes straight to the driver reads and writes what it would through a session."""

import enum
from collections.abc import AsyncIterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Enum,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import DeclarativeBase

from gatepost.db.autocommit import AutocommitExecutor
from gatepost.db.base import ExactUtcDateTime, Id, UtcDateTime, exact_text
from gatepost.db.statements import Condition, Row, columns_of, lookup
from gatepost.runtime import Runtime, start_runtime
from gatepost.work import Origin, Work, begin_work
from tests.support.service import make_settings

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]


class Colour(enum.Enum):
    """An enum, whose names a database keeps."""

    RED = "r"
    GREEN = "g"


class Base(DeclarativeBase):
    """Tables of these tests alone."""


class Sample(Base):
    """A column of each type, those of the tables and others that a feature might use."""

    __table__ = Table(
        "samples",
        Base.metadata,
        Column("id", Id, primary_key=True),
        Column("key", exact_text(64), unique=True),
        Column("at", UtcDateTime()),
        Column("exactly_at", ExactUtcDateTime()),
        Column("data", JSON),
        Column("colour", Enum(Colour, native_enum=False)),
        Column("number", BigInteger),
        Column("words", String(200)),
        Column("is_so", Boolean),
    )


class SampleRow(NamedTuple):
    """All columns but the id."""

    key: str
    at: datetime | None
    exactly_at: datetime | None
    data: Any
    colour: Colour | None
    number: int | None
    words: str | None
    is_so: bool | None


TABLE: Any = Sample.__table__
HERE = datetime(2026, 3, 1, 13, 14, 15, 123456, timezone(timedelta(hours=5, minutes=45)))
FULL = SampleRow(
    "a", HERE, HERE, {"a": [1, None, "ü"]}, Colour.GREEN, 2**62, "\U0001f600 ' \\ %s :x $1", True
)
EMPTY = SampleRow("b", *[None] * 7)
ROWS = {row.key: row for row in (FULL, EMPTY)}

BY_KEY = lookup(Sample, SampleRow, "key")
ALL = select(*columns_of(Sample, SampleRow)).order_by(TABLE.c.key)
CHANGED = (
    update(TABLE)
    .where(TABLE.c.key == bindparam("of_key"))
    .values(at=bindparam("new_at"), data=bindparam("new_data"), colour=bindparam("new_colour"))
    .returning(*columns_of(Sample, SampleRow))
)


@pytest.fixture
async def runtime(migrated_url: str) -> AsyncIterator[Runtime]:
    async with start_runtime(make_settings(migrated_url)) as runtime:
        async with runtime.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield runtime
        async with runtime.engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)


def working(runtime: Runtime) -> Any:
    return begin_work(runtime, Origin("samples"))


async def in_transaction(work: Work) -> Work:
    """The same work, in a transaction: nothing goes past its session from now on."""
    await work.db.execute(select(1))
    return work


async def read(work: Work, key: str) -> SampleRow:
    row = SampleRow(*await work.fetch_one(BY_KEY, {"key": key}))
    (listed,) = [each for each in await work.fetch_all(ALL, {}) if each[0] == key]
    assert repr(SampleRow(*listed)) == repr(row)
    return row


async def read_both_ways(runtime: Runtime, key: str) -> tuple[SampleRow, SampleRow]:
    async with working(runtime) as work:
        directly = await read(work, key)
    async with working(runtime) as work:
        return directly, await read(await in_transaction(work), key)


@pytest.mark.parametrize("key", ROWS)
@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_row_is_read_as_it_was_written_past_the_session_or_through_it(
    runtime: Runtime, key: str, is_direct: bool
) -> None:
    async with working(runtime) as work:
        await (work if is_direct else await in_transaction(work)).insert(
            Row(TABLE, ROWS[key]._asdict())
        )
    directly, by_session = await read_both_ways(runtime, key)
    assert directly == by_session == ROWS[key]
    assert repr(directly) == repr(by_session)  # the same types and zones, too


async def test_rows_that_are_inserted_under_a_condition_are_the_same(runtime: Runtime) -> None:
    """In whatever order they name their columns."""
    async with working(runtime) as work:
        await work.insert(Row(TABLE, EMPTY._replace(key="c", at=HERE)._asdict()))
    condition = Condition(
        select(TABLE.c.id).where(TABLE.c.at == bindparam("then")).with_for_update(),
        {"then": HERE},
    )
    backwards = dict(reversed(EMPTY._asdict().items()))
    async with working(runtime) as work:
        rows = [Row(TABLE, FULL._asdict()), Row(TABLE, backwards)]
        assert await work.insert_all(rows, if_unchanged=condition)
    for key, row in ROWS.items():
        directly, by_session = await read_both_ways(runtime, key)
        assert directly == by_session == row


async def test_rows_are_inserted_with_their_own_columns(runtime: Runtime) -> None:
    """Statements are kept for the next rows of a table, which may have other columns."""
    async with working(runtime) as work:
        await work.insert(Row(TABLE, EMPTY._asdict()))
    condition = Condition(select(TABLE.c.id).where(TABLE.c.key == bindparam("of")), {"of": "b"})
    for values in ({"key": "x"}, FULL._asdict()):
        async with working(runtime) as work:
            assert await work.insert_all([Row(TABLE, values)], if_unchanged=condition)
    directly, by_session = await read_both_ways(runtime, "a")
    assert directly == by_session == FULL
    rows = [Row(TABLE, {"key": "y"}), Row(TABLE, {"key": "z", "number": 1})]
    with pytest.raises(ValueError, match="the same columns"):
        async with working(runtime) as work:
            await work.insert_all(rows, if_unchanged=condition)


@pytest.mark.databases("postgresql", "sqlite")  # MariaDB's updates return no rows
async def test_a_changed_row_is_returned_the_same(runtime: Runtime) -> None:
    values = {"of_key": "b", "new_at": HERE, "new_data": [1], "new_colour": Colour.RED}
    changed = EMPTY._replace(at=HERE, data=[1], colour=Colour.RED)
    async with working(runtime) as work:
        await work.insert(Row(TABLE, EMPTY._asdict()))
    for is_direct in (True, False):
        async with working(runtime) as work:
            await work.insert(Row(TABLE, EMPTY._replace(key=str(is_direct))._asdict()))
        async with working(runtime) as work:
            found = await (work if is_direct else await in_transaction(work)).fetch_one(
                CHANGED, values
            )
        assert SampleRow(*found) == changed
        assert (at := SampleRow(*found).at) is not None
        assert at.tzinfo is UTC


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(("infinity", "year"), [("infinity", MAXYEAR), ("-infinity", MINYEAR)])
async def test_an_infinite_time_has_a_zone(runtime: Runtime, infinity: str, year: int) -> None:
    """PostgreSQL's driver gives these alone back without one."""
    async with working(runtime) as work:
        await work.insert(Row(TABLE, FULL._asdict()))
    async with runtime.engine.begin() as connection:
        await connection.execute(text(f"UPDATE samples SET at = '{infinity}'"))
    directly, by_session = await read_both_ways(runtime, "a")
    assert directly == by_session
    assert directly.at is not None
    assert (directly.at.year, directly.at.tzinfo) == (year, UTC)


@pytest.mark.databases("postgresql")
async def test_what_only_a_session_can_complete_is_refused_past_it(runtime: Runtime) -> None:
    table = Table("made", MetaData(), Column("id", Id), Column("n", BigInteger, default=lambda: 1))
    executor = AutocommitExecutor(runtime.engine, is_traced=False)
    some = select(TABLE.c.id).where(TABLE.c.id.in_(bindparam("ids", expanding=True)))
    for statement, values in ((insert(table).values(id=bindparam("i")), {"i": 1}), (some, {})):
        with pytest.raises(ValueError, match="past the session"):
            await executor.fetch(statement, values)
