"""Rows to insert, conditions and batched statements, as a story hands them to its `Work`."""

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
    """A row to insert, its values as Python has them."""

    table: Table
    values: Values


class Clause(NamedTuple):
    """An expression that is made once for the process, and the values of its parameters."""

    expression: ColumnElement[bool]
    values: Values


class Condition(NamedTuple):
    """A query that finds one row, and locks it, while something holds; made once for the process.

    `values` are those of its parameters.
    """

    query: Select[Any]
    values: Values

    def also(self, clause: Clause) -> "Condition":
        """The condition that this and the clause hold."""
        return Condition(_narrowed(self.query, clause.expression), {**self.values, **clause.values})


@cache
def _narrowed(query: Select[Any], expression: ColumnElement[bool]) -> Select[Any]:
    return query.where(expression)


class Batched:
    """A statement for one row of values, and its equivalent for the rows of many requests.

    `many` takes an array for each of `columns`. The first of these is the key: `many` returns it
    first, and no row twice for one key. A request that `many` returns no row for is sent again as
    `single`, so that `many` may leave out whatever would make it wait.
    """

    def __init__(self, single: Executable, many: Executable, columns: Sequence[str]) -> None:
        self.single = single
        self.many = many
        self.columns = columns


def new_row(model: type[Any], values: Values) -> Row:
    """A row to insert into a model's table."""
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
    """The columns of a model's table that are named as the fields of a `NamedTuple`."""
    return tuple(model.__table__.c[name] for name in row._fields)


def lookup(model: type[Any], row: Any, key: str, *others: str) -> Batched:  # noqa: ANN401 - as above
    """Select the row whose columns `key` and `others` have the given values.

    `key` is unique and the row's first field.
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
