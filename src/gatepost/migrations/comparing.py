"""Compares a column with its model in the cases that Alembic's own comparison gets wrong."""

from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, LargeBinary
from sqlalchemy.types import TypeEngine

_MOST_BYTES = {"TINYBLOB": 2**8 - 1, "BLOB": 2**16 - 1, "MEDIUMBLOB": 2**24 - 1}


def compare_type(
    context: MigrationContext,
    _inspected_column: Column[Any],
    _column: Column[Any],
    inspected: TypeEngine[Any],
    wanted: TypeEngine[Any],
) -> bool | None:
    """Whether the types differ; None leaves it to Alembic.

    MariaDB and MySQL turn BLOB(n) into the smallest of their four blob types that fits n bytes.
    """
    if context.dialect.name != "mysql" or not isinstance(wanted, LargeBinary) or not wanted.length:
        return None
    fitting = (name for name, most in _MOST_BYTES.items() if wanted.length <= most)
    return inspected.__visit_name__ != next(fitting, "LONGBLOB")
