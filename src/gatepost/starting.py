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
from gatepost.stores.base import StoreUnavailable, StoreUnfit
from gatepost.work import Origin, begin_work

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 2.0
_TELL_EVERY = 5.0
"""Seconds between two tries, which grow, and between two log lines about it."""


class StartError(Exception):
    """The service cannot start. The text says why and what to do, and holds no secret."""


class DatabaseUnreachable(StartError):  # noqa: N818 - read as the fact that it tells
    """The database does not answer, or does not let us in; `may_pass` where waiting may help."""

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class SchemaMismatch(StartError):  # noqa: N818 - read as the fact that it tells
    """The schema is not the one that this version of Gatepost works with."""


async def prepare(runtime: Runtime) -> None:
    """Bring the schema to head if `MIGRATE_ON_START`, read the keys, create the first admin.

    Any number of processes may do so at once. Waits `DATABASE_WAIT_SECONDS` at most for a database
    that is still starting. Raises `StartError`.
    """
    await await_database(runtime.engine, runtime.settings.database.database_wait_seconds)
    if runtime.settings.database.migrate_on_start:
        await migrate_patiently(runtime)
    else:
        await check_schema(runtime.engine)
    await _read_keys(runtime)
    await _create_first_admin(runtime)
    await _look_at_redis(runtime)


async def schema_is_current(runtime: Runtime) -> bool:
    """Whether the schema is not behind this version of Gatepost.

    A newer version may have moved it on, and works beside this one until it has replaced it.
    """
    revision = await current_revision(runtime.engine)
    return revision == head_revision() or (revision is not None and not is_known(revision))


async def await_database(engine: AsyncEngine, seconds: float) -> None:
    """Wait until the database answers, for so many seconds at most, and log it now and then.

    Raises `DatabaseUnreachable`: at once for what waiting will not mend, such as a wrong password.
    """
    give_up_at, tell_at, pause = time.monotonic() + seconds, 0.0, _FIRST_PAUSE
    while True:
        try:
            return await reach_database(engine)
        except DatabaseUnreachable as error:
            now = time.monotonic()
            if not error.may_pass or now + pause > give_up_at:
                raise
            if now >= tell_at:
                seconds_left = round(give_up_at - now)
                log.warning(
                    "database.awaited", extra={"reason": str(error), "seconds_left": seconds_left}
                )
                tell_at = now + _TELL_EVERY
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST_PAUSE)


async def reach_database_that_is_there(engine: AsyncEngine) -> None:
    """Like `reach_database`, for commands that must not create an SQLite file."""
    path = str(engine.url.database)
    if engine.dialect.name == "sqlite" and not await asyncio.to_thread(Path(path).exists):
        raise DatabaseUnreachable(
            f"There is no SQLite file {path}: it has not been made yet, or DATABASE_URL names the "
            "wrong one. Run `gatepost migrate`.",
            may_pass=False,
        )
    await reach_database(engine)


async def reach_database(engine: AsyncEngine) -> None:
    """Ask the database for a sign of life; raises `DatabaseUnreachable`."""
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
        "Check DATABASE_URL, and that the database is there.",
        may_pass=may_pass,
    )


async def migrate(engine: AsyncEngine) -> bool:
    """Bring the schema to head; False if it was there already. Raises `SchemaMismatch`.

    The engine is a patient one.
    """
    if await schema_revision(engine) == head_revision():
        return False
    from gatepost.migrations.runner import upgrade

    name = describe_database(engine.url)
    try:
        return await upgrade(engine)
    except UnknownRevision as error:
        raise _foreign(error.revision) from error
    except Obstacle as obstacle:
        raise SchemaMismatch(f"Cannot migrate {name}. {obstacle}") from obstacle
    except MigrationBusy as error:
        raise SchemaMismatch(
            "Another process is migrating the database, and has been for minutes. Try again later."
        ) from error
    except MigrationChanged as error:
        raise SchemaMismatch(
            f"Another migration of {name} was interrupted than the one that this version would go "
            "on with. Run the version that began it, or restore the database as it was before."
        ) from error
    except (SQLAlchemyError, OSError) as error:
        reason = explain_failure(error)
    # Outside the `except`: the chained driver error may hold secrets.
    raise SchemaMismatch(
        f"Cannot migrate {name}: {reason}. Mend that, and run `gatepost migrate`: it "
        "begins anew, or goes on where it stopped."
    )


async def migrate_patiently(runtime: Runtime) -> bool:
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
        raise _foreign(current)
    if current != head:
        state = f"is at {current} and has to be at {head}" if current else "has not been made yet"
        advice = await _obstacle(engine) or "Run `gatepost migrate`."
        raise SchemaMismatch(f"The database's schema {state}. {advice}")
    return head


async def schema_revision(engine: AsyncEngine) -> str | None:
    """The schema's revision, None where there is no schema; raises `SchemaMismatch`."""
    try:
        return await current_revision(engine)
    except (SQLAlchemyError, OSError) as error:
        reason = explain_failure(error)
    raise SchemaMismatch(
        f"The revision of the schema in {describe_database(engine.url)} cannot be read: {reason}."
    )


async def _obstacle(engine: AsyncEngine) -> str | None:
    """Why a migration would fail, where that can be seen without trying."""
    try:
        async with engine.execution_options(**{WRITES: False}).connect() as connection:
            return await connection.run_sync(find_obstacle)
    except (SQLAlchemyError, OSError):
        return None  # the migration itself will fail and say why


def _open_file(path: str) -> None:
    """Fail as the asynchronous driver would, which leaves a thread behind when it does."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


def _foreign(revision: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The database's schema (revision {revision}) was made by another version of Gatepost. "
        "Run that version, or restore the database as it was before it."
    )


async def _read_keys(runtime: Runtime) -> None:
    try:
        async with begin_work(runtime, _origin()) as work:
            await signing_keys.read_ring(work)
    except SigningKeysUnreadable as error:
        raise StartError(
            "The signing keys in the database were encrypted under another SECRET_KEY, or changed "
            "since. Set that SECRET_KEY again; or delete the rows of the table "
            "gatepost_signing_keys: all access tokens then end."
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
            " ".join([f"The first admin cannot be made: {problem.detail}.", *reasons])
        ) from problem


async def _look_at_redis(runtime: Runtime) -> None:
    """Refuse a Redis that works for some keys only; one that is away now may come back."""
    if runtime.store.kind != "redis":
        return
    try:
        await runtime.store.ping()
    except StoreUnfit as error:
        raise StartError(f"Redis cannot be used: {error.reason}.") from error
    except StoreUnavailable as error:
        log.warning("store.unavailable", extra={"store": "Redis", "reason": error.reason})


def _origin() -> Origin:
    return Origin(request_id=f"start-{secrets.token_hex(8)}")
