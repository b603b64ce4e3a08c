"""A transaction in which nothing happens is ended by the server, and its locks with it."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from gatepost.settings import DatabaseSettings
from gatepost.web.problems import transient_problem
from tests.support.load import until

pytestmark = [
    pytest.mark.every_database,
    pytest.mark.anyio,
    pytest.mark.databases("postgresql", "mariadb"),
]

OPEN = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx"
    " JOIN information_schema.processlist ON processlist.id = trx_mysql_thread_id"
    " WHERE db = database()",
}


async def test_an_idle_transaction_is_ended_and_its_request_would_be_a_503(
    fresh_database_url: str,
) -> None:
    settings = DatabaseSettings(
        database_url=fresh_database_url,
        database_pool_size=1,
        database_idle_transaction_timeout_seconds=1,
    )
    engine, other = open_engine(settings), open_engine(settings, without_statement_timeout=True)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE notes (id INT PRIMARY KEY)"))
    failure = await idle(engine, other)
    assert failure is not None
    problem = transient_problem(failure)
    assert problem is not None
    assert problem.status == 503
    # The pool of one has a connection for the next.
    async with engine.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM notes")) == 0
    await engine.dispose()
    await other.dispose()


async def idle(engine: AsyncEngine, other: AsyncEngine) -> Exception | None:
    """Write, do nothing until the server has had enough, and go on; what that fails with."""

    async def is_over() -> bool:
        async with other.connect() as connection:
            return not await connection.scalar(text(OPEN[other.dialect.name]))

    try:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO notes VALUES (1)"))
            await until(is_over)
            await connection.execute(text("SELECT 1"))
    except Exception as error:  # noqa: BLE001 - whatever the driver says is what is looked at
        return error
    return None
