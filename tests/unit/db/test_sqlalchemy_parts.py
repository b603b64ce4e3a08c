"""What is used of SQLAlchemy's private parts is there; a version without it fails here first."""

import inspect

import pytest
from sqlalchemy import pool
from sqlalchemy.pool import AsyncAdaptedQueuePool

SOURCE = inspect.getsource(pool.base)


@pytest.mark.parametrize("name", ["_do_get", "_do_return_conn"])
def test_a_pool_does_this(name: str) -> None:
    assert callable(getattr(AsyncAdaptedQueuePool, name))
    assert f".{name}(" in SOURCE


def test_a_connection_older_than_an_instant_is_replaced() -> None:
    assert "self.__pool._invalidate_time > self.starttime" in SOURCE


def test_a_connection_that_is_fresh_is_not_pinged() -> None:
    assert "fairy._connection_record.fresh" in SOURCE
