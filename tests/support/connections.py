"""The connections that a service holds to its database, seen from the database."""

import asyncpg

from tests.support.service import Service


async def break_every_connection(service: Service) -> None:
    """End every connection of a service to PostgreSQL, as a server that restarts does."""
    url = service.runtime.engine.url.set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
