"""Prepares the service before its first request: database, schema, signing keys, first admin."""

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import time
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.diagnosis import describe_database, explain_failure, is_starting_up
from gatepost.db.engine import WRITES, open_engine
from gatepost.db.probe import ask
from gatepost.errors import Problem
from gatepost.features.accounts import passwords
from gatepost.features.accounts.errors import EmailTaken
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.errors import SigningKeysUnreadable
from gatepost.migrations.exclusive import MigrationBusy
from gatepost.migrations.obstacles import Obstacle, find_obstacle
from gatepost.migrations.resuming import MigrationChanged
from gatepost.migrations.revisions import (
    UnknownRevision,
    current_revision,
    head_revision,
    is_known,
)
from gatepost.runtime import Runtime
from gatepost.stores.base import StoreUnavailable, StoreUnsupported
from gatepost.work import Origin, begin_work

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 2.0
_LOG_INTERVAL = 5.0
"""Seconds between two attempts, which grow, and between two log lines about them."""


class StartError(Exception):
    """The service cannot start. The text says why and what to do, and holds no secret."""


class DatabaseUnreachable(StartError):  # noqa: N818 - named for the fact, as every refusal here
    """The database does not answer or refuses the login; `may_pass` if waiting may help."""

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class SchemaMismatch(StartError):  # noqa: N818 - as above
    """The schema is not at the revision that this version of Gatepost needs."""


async def prepare(runtime: Runtime) -> None:
    """Migrate to head if `MIGRATE_ON_START`, read the signing keys, create the first admin.

    Several processes may do so at once. Waits at most `DATABASE_WAIT_SECONDS` for a database that
    is still starting. Raises `StartError`.
    """
    await await_database(runtime.engine, runtime.settings.database.database_wait_seconds)
    if runtime.settings.database.migrate_on_start:
        await migrate_without_timeout(runtime)
    else:
        await check_schema(runtime.engine)
    await _read_keys(runtime)
    await _create_first_admin(runtime)
    await _check_redis(runtime)


async def schema_is_current(runtime: Runtime) -> bool:
    """Whether the schema is at head or newer.

    During a rolling update a newer version has migrated it, and both versions serve.
    """
    revision = await current_revision(runtime.engine)
    return revision == head_revision() or (revision is not None and not is_known(revision))


async def await_database(engine: AsyncEngine, seconds: float) -> None:
    """Wait until the database answers, for at most so many seconds; the wait is logged.

    Raises `DatabaseUnreachable`, at once if waiting cannot help, as with a wrong password.
    """
    give_up_at, log_at, pause = time.monotonic() + seconds, 0.0, _FIRST_PAUSE
    while True:
        try:
            return await reach_database(engine)
        except DatabaseUnreachable as error:
            now = time.monotonic()
            if not error.may_pass or now + pause > give_up_at:
                raise
            if now >= log_at:
                seconds_left = round(give_up_at - now)
                log.warning(
                    "database.awaited", extra={"reason": str(error), "seconds_left": seconds_left}
                )
                log_at = now + _LOG_INTERVAL
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST_PAUSE)


async def reach_existing_database(engine: AsyncEngine) -> None:
    """Like `reach_database`, for commands that must not create an SQLite file."""
    path = str(engine.url.database)
    if engine.dialect.name == "sqlite" and not await asyncio.to_thread(Path(path).exists):
        raise DatabaseUnreachable(
            f"There is no SQLite file {path}: it has not been created yet, or DATABASE_URL names "
            "the wrong one. Run `gatepost migrate`.",
            may_pass=False,
        )
    await reach_database(engine)


async def reach_database(engine: AsyncEngine) -> None:
    """Run a query to check that the database answers; raises `DatabaseUnreachable`."""
    try:
        if engine.dialect.name == "sqlite":
            await asyncio.to_thread(_open_file, str(engine.url.database))
        await ask(engine)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason, may_pass = explain_failure(error), is_starting_up(error)
    else:
        return
    # Outside the `except`: the chained driver error may hold secrets.
    raise DatabaseUnreachable(
        f"Cannot use {describe_database(engine.url)}: {reason}. "
        "Check DATABASE_URL, and that the database is running.",
        may_pass=may_pass,
    )


async def migrate(engine: AsyncEngine) -> bool:
    """Bring the schema to head; False if it was there already. Raises `SchemaMismatch`.

    The engine must have been opened without a statement timeout.
    """
    if await schema_revision(engine) == head_revision():
        return False
    from gatepost.migrations.runner import upgrade

    name = describe_database(engine.url)
    try:
        return await upgrade(engine)
    except UnknownRevision as error:
        raise _unknown_revision(error.revision) from error
    except Obstacle as obstacle:
        raise SchemaMismatch(f"Cannot migrate {name}. {obstacle}") from obstacle
    except MigrationBusy as error:
        raise SchemaMismatch(
            "Another process has been migrating the database for minutes. Try again later."
        ) from error
    except MigrationChanged as error:
        raise SchemaMismatch(
            f"A migration of {name} by another version of Gatepost was interrupted. Run the "
            "version that began it, or restore the database from a backup."
        ) from error
    except (SQLAlchemyError, OSError) as error:
        reason = explain_failure(error)
    # Outside the `except`: the chained driver error may hold secrets.
    raise SchemaMismatch(
        f"Cannot migrate {name}: {reason}. Fix that, and run `gatepost migrate` again: it starts "
        "over, or resumes where it stopped."
    )


async def migrate_without_timeout(runtime: Runtime) -> bool:
    """Like `migrate`, on connections without a statement timeout."""
    if await schema_revision(runtime.engine) == head_revision():
        return False
    engine = open_engine(runtime.settings.database, without_statement_timeout=True)
    try:
        return await migrate(engine)
    finally:
        await engine.dispose()


async def check_schema(engine: AsyncEngine) -> str:
    """The revision of a schema that is at head; raises `SchemaMismatch` for any other."""
    current, head = await schema_revision(engine), head_revision()
    if current is not None and not is_known(current):
        raise _unknown_revision(current)
    if current != head:
        state = f"is at {current} and has to be at {head}" if current else "does not exist yet"
        advice = await _obstacle(engine) or "Run `gatepost migrate`."
        raise SchemaMismatch(f"The database's schema {state}. {advice}")
    return head


async def schema_revision(engine: AsyncEngine) -> str | None:
    """The schema's revision, None if there is no schema; raises `SchemaMismatch`."""
    try:
        return await current_revision(engine)
    except (SQLAlchemyError, OSError) as error:
        reason = explain_failure(error)
    raise SchemaMismatch(
        f"The revision of the schema in {describe_database(engine.url)} cannot be read: {reason}."
    )


async def _obstacle(engine: AsyncEngine) -> str | None:
    """Why a migration would fail, if that can be seen without trying."""
    try:
        async with engine.execution_options(**{WRITES: False}).connect() as connection:
            return await connection.run_sync(find_obstacle)
    except (SQLAlchemyError, OSError):
        return None  # the migration itself will fail and say why


def _open_file(path: str) -> None:
    """Open the file once: the asynchronous driver would leave a thread behind if that fails."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


def _unknown_revision(revision: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The database's schema (revision {revision}) was made by another version of Gatepost. "
        "Run that version, or restore the database from a backup."
    )


async def _read_keys(runtime: Runtime) -> None:
    try:
        async with begin_work(runtime, _origin()) as work:
            await signing_keys.read_ring(work)
    except SigningKeysUnreadable as error:
        raise StartError(
            "The signing keys in the database were encrypted with another SECRET_KEY, or have been "
            "changed since. Set that SECRET_KEY again, or delete the rows of the table "
            "gatepost_signing_keys: all access tokens then become invalid."
        ) from error


async def _create_first_admin(runtime: Runtime) -> None:
    settings = runtime.settings
    email, password = (
        settings.registration.first_superuser_email,
        settings.registration.first_superuser_password,
    )
    if email is None or password is None:
        return
    try:
        async with begin_work(runtime, _origin()) as work:
            await passwords.create_first_admin(
                work, email, password, settings.registration.first_superuser_full_name
            )
    except EmailTaken as error:
        raise StartError(
            "FIRST_SUPERUSER_EMAIL belongs to a user who is not an active admin. Run "
            f"`gatepost users set-role {email} admin`, or name another address."
        ) from error
    except Problem as problem:
        reasons = [str(each["msg"]) for each in problem.extensions.get("errors", ())]
        raise StartError(
            " ".join([f"The first admin cannot be created: {problem.detail}.", *reasons])
        ) from problem


async def _check_redis(runtime: Runtime) -> None:
    """Refuse a Redis that works for some keys only; warn if it is unavailable now."""
    if runtime.store.kind != "redis":
        return
    try:
        await runtime.store.ping()
    except StoreUnsupported as error:
        raise StartError(f"Redis cannot be used: {error.reason}.") from error
    except StoreUnavailable as error:
        log.warning("store.unavailable", extra={"store": "Redis", "reason": error.reason})


def _origin() -> Origin:
    return Origin(request_id=f"start-{secrets.token_hex(8)}")
