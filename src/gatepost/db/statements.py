"""Rows to insert, conditions and batched statements, the arguments of `Work`'s methods."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Select,
    Table,
    and_,
    bindparam,
    column,
    func,
    select,
)

Values = Mapping[str, Any]


class Row(NamedTuple):
    """A row to insert, with values of Python types."""

    table: Table
    values: Values


class Clause(NamedTuple):
    """An expression, which is created once per process, and the values of its parameters."""

    expression: ColumnElement[bool]
    values: Values


class Condition(NamedTuple):
    """A query that selects and locks one row if a condition holds, and its parameters' values.

    The query is created once per process.
    """

    query: Select[Any]
    values: Values

    def also(self, clause: Clause) -> "Condition":
        """The condition that both this and the clause hold."""
        return Condition(_narrowed(self.query, clause.expression), {**self.values, **clause.values})


@cache
def _narrowed(query: Select[Any], expression: ColumnElement[bool]) -> Select[Any]:
    return query.where(expression)


class Batched:
    """A statement for one row of values, and its equivalent for the rows of many requests.

    `many` takes an array for each of `columns`. The first of these is the key: `many` returns it
    first, and at most one row for each key. A request for which `many` returns no row is sent again
    as `single`, so that `many` may skip rows for which it would have to wait.
    """

    def __init__(self, single: Executable, many: Executable, columns: Sequence[str]) -> None:
        self.single = single
        self.many = many
        self.columns = columns


def new_row(model: type[Any], values: Values) -> Row:
    """Return a row to insert into a model's table."""
    return Row(model.__table__, values)


def rows_by_table(rows: Sequence[Row]) -> Iterator[tuple[Table, list[Row]]]:
    """Group rows, in their order; raises `ValueError` if rows of a table have different columns."""
    for table, of_table in groupby(rows, attrgetter("table")):
        found = list(of_table)
        if any(row.values.keys() != found[0].values.keys() for row in found):
            msg = "rows that are inserted together have the same columns"
            raise ValueError(msg)
        yield table, found


def columns_of(model: type[Any], row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a NamedTuple's class
    """The columns of a model's table with the names of a `NamedTuple`'s fields."""
    return tuple(model.__table__.c[name] for name in row._fields)


def lookup(model: type[Any], row: Any, key: str, *others: str) -> Batched:  # noqa: ANN401 - as above
    """A statement that selects the row by its columns `key` and `others`.

    `key` is unique and the first field of `row`.
    """
    columns = [model.__table__.c[name] for name in (key, *others)]
    asked = (
        func.unnest(*(bindparam(each.name, type_=ARRAY(each.type)) for each in columns))
        .table_valued(*(column(each.name) for each in columns))
        .render_derived(name="asked")
    )
    selected = select(*columns_of(model, row))
    return Batched(
        single=selected.where(*(each == bindparam(each.name) for each in columns)),
        many=selected.join(asked, and_(*(each == asked.c[each.name] for each in columns))),
        columns=[each.name for each in columns],
    )
