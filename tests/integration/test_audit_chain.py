"""The audit log's chain: whatever is done to its rows behind Gatepost's back is found."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gatepost.db.base import UtcDateTime
from gatepost.features.audit import repository, retention, sealing, verification
from gatepost.features.audit import service as audit
from gatepost.features.audit.inspection import Fault
from gatepost.features.audit.models import AuditEvent, AuditHead
from gatepost.features.audit.state import AuditState
from gatepost.features.audit.verification import Anchor, Report, Status
from gatepost.features.auth import events
from gatepost.purging import purge_all
from gatepost.runtime import Runtime, start_runtime
from gatepost.work import Origin, Work, begin_work
from tests.support.clock import SetClock
from tests.support.databases import Databases, Kind
from tests.support.service import (
    PASSWORD,
    SECRET,
    log_in,
    make_settings,
    migrate,
    register,
    serving,
    wipe,
)

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]

ROWS = 12
OTHER_SECRET = "an0ther-s3cr3t-of-the-t3sts-0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Log:
    """A log on a database of its own, and a way behind Gatepost's back."""

    url: str
    runtime: Runtime
    clock: SetClock

    @asynccontextmanager
    async def under_key(self, secret: str, **settings: Any) -> AsyncIterator["Log"]:
        """The same log as a process with another SECRET_KEY, or other settings, sees it."""
        settings = {"secret_key": secret, **settings}
        async with start_runtime(make_settings(self.url, **settings), clock=self.clock) as runtime:
            yield Log(self.url, runtime, self.clock)

    async def write(self, count: int = 1, **about: Any) -> None:
        """Record events, each in a transaction of its own."""
        for number in range(count):
            async with self.work() as work:
                details = {"number": number, "text": "\u00fc\U0001f600"}
                values = {"user_id": number + 1, "details": details, **about}
                await audit.record(work, events.LOGIN_FAILED, audit.EventContext(**values))

    async def seal(self) -> int:
        return await sealing.seal_all(self.runtime)

    async def sql(self, *statements: str) -> None:
        """Do by plain SQL what nobody should."""
        async with self.runtime.engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def count(self, query: str) -> int:
        async with self.runtime.engine.begin() as connection:
            return int(await connection.scalar(text(query)) or 0)

    async def verify(self, **options: Any) -> Report:
        async with begin_work(self.runtime, Origin("verify"), writes=False) as work:
            return await verification.verify(work, **options)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        origin = Origin("a-request", "2001:db8::1", "Mozilla/5.0 (\u00e9)")
        async with begin_work(self.runtime, origin) as work:
            yield work


@pytest.fixture(scope="session")
def audited_url(database_kind: Kind, database_server: str, databases: Databases) -> str:
    """A database for these tests alone: what they write into rows is no good to any other."""
    url = databases.make(database_kind, database_server)
    asyncio.run(migrate(url))
    return url


@pytest.fixture
async def log(audited_url: str) -> AsyncIterator[Log]:
    clock = SetClock()
    async with start_runtime(make_settings(audited_url), clock=clock) as runtime:
        yield Log(audited_url, runtime, clock)
        await wipe(runtime.engine)


@pytest.fixture
async def sealed(log: Log, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log of twelve sealed rows, sealed and verified in several batches."""
    monkeypatch.setattr(sealing, "BATCH", 5)
    monkeypatch.setattr(verification, "BATCH", 5)
    monkeypatch.setattr(retention, "BATCH", 5)
    await log.write(ROWS)
    assert await log.seal() == ROWS
    return log


async def test_what_was_written_verifies_once_it_is_sealed(sealed: Log) -> None:
    report = await sealed.verify()
    assert report.status is Status.INTACT
    assert (report.checked, report.unsealed, report.faults) == (ROWS, 0, 0)
    assert report.head is not None
    assert report.head.position == ROWS


async def test_a_log_without_an_event_is_intact(log: Log) -> None:
    assert await log.seal() == 0
    report = await log.verify()
    assert (report.status, report.checked, report.head) == (Status.INTACT, 0, None)


async def test_rows_that_are_not_sealed_yet_are_checked_and_counted(sealed: Log) -> None:
    await sealed.write(3)
    report = await sealed.verify()
    assert (report.status, report.checked, report.unsealed) == (Status.INTACT, ROWS, 3)
    await sealed.sql(
        "UPDATE gatepost_audit_events SET user_id = 77 WHERE position IS NULL AND user_id = 2"
    )
    report = await sealed.verify()
    assert report.status is Status.TAMPERED
    assert [(each.fault, each.position) for each in report.findings] == [(Fault.ALTERED, None)]


async def test_sealing_what_was_altered_before_does_not_make_it_good(sealed: Log) -> None:
    await sealed.write(2)
    await sealed.sql("UPDATE gatepost_audit_events SET address = NULL WHERE position IS NULL")
    await sealed.seal()
    report = await sealed.verify()
    assert [each.position for each in report.findings] == [ROWS + 1, ROWS + 2]
    assert {each.fault for each in report.findings} == {Fault.ALTERED}


COLUMNS = (
    "at, event, outcome, user_id, session_id, method, address, user_agent, request_id, details"
)
COPY = (
    f"INSERT INTO gatepost_audit_events ({COLUMNS}, key_id, mac, position, hash)"
    f" SELECT {COLUMNS}, key_id,"
)

TAMPERINGS: dict[str, tuple[tuple[str, ...], Fault, int | None]] = {
    "a later time": (
        ("UPDATE gatepost_audit_events SET at = '2026-02-01 00:00:00.000001' WHERE position = 5",),
        Fault.ALTERED,
        5,
    ),
    "another event": (
        ("UPDATE gatepost_audit_events SET event = 'login.succeeded' WHERE position = 5",),
        Fault.ALTERED,
        5,
    ),
    "another outcome": (
        ("UPDATE gatepost_audit_events SET outcome = 'success' WHERE position = 1",),
        Fault.ALTERED,
        1,
    ),
    "another user": (
        ("UPDATE gatepost_audit_events SET user_id = 99 WHERE position = 12",),
        Fault.ALTERED,
        12,
    ),
    "an actor": (
        ("UPDATE gatepost_audit_events SET actor_id = 1 WHERE position = 4",),
        Fault.ALTERED,
        4,
    ),
    "a session": (
        ("UPDATE gatepost_audit_events SET session_id = 1 WHERE position = 4",),
        Fault.ALTERED,
        4,
    ),
    "no user agent": (
        ("UPDATE gatepost_audit_events SET user_agent = NULL WHERE position = 6",),
        Fault.ALTERED,
        6,
    ),
    "another request": (
        ("UPDATE gatepost_audit_events SET request_id = 'b' WHERE position > 6",),
        Fault.ALTERED,
        7,
    ),
    "other details": (
        ("""UPDATE gatepost_audit_events SET details = '{"number": 2}' WHERE position = 2""",),
        Fault.ALTERED,
        2,
    ),
    "another key's name": (
        ("UPDATE gatepost_audit_events SET key_id = 'ffff' WHERE position = 5",),
        Fault.OTHER_KEY,
        5,
    ),
    "another hash": (
        (f"UPDATE gatepost_audit_events SET hash = '{'0' * 64}' WHERE position = 5",),
        Fault.MOVED,
        5,
    ),
    "no hash": (
        ("UPDATE gatepost_audit_events SET hash = NULL WHERE position = 5",),
        Fault.MOVED,
        5,
    ),
    "another id": (
        ("UPDATE gatepost_audit_events SET id = 900900900 WHERE position = 5",),
        Fault.MOVED,
        5,
    ),
    "the first row deleted": (
        ("DELETE FROM gatepost_audit_events WHERE position = 1",),
        Fault.MISSING,
        1,
    ),
    "a row deleted": (("DELETE FROM gatepost_audit_events WHERE position = 6",), Fault.MISSING, 6),
    "rows deleted": (
        ("DELETE FROM gatepost_audit_events WHERE position BETWEEN 4 AND 11",),
        Fault.MISSING,
        4,
    ),
    "a row deleted and the rest moved up": (
        (
            "DELETE FROM gatepost_audit_events WHERE position = 6",
            *(
                f"UPDATE gatepost_audit_events SET position = {n - 1} WHERE position = {n}"
                for n in range(7, 13)
            ),
        ),
        Fault.MOVED,
        6,
    ),
    "two rows exchanged": (
        (
            "UPDATE gatepost_audit_events SET position = 100 WHERE position = 3",
            "UPDATE gatepost_audit_events SET position = 3 WHERE position = 8",
            "UPDATE gatepost_audit_events SET position = 8 WHERE position = 100",
        ),
        Fault.MOVED,
        3,
    ),
    "a row inserted": (
        (f"{COPY} '{'a' * 64}', NULL, NULL FROM gatepost_audit_events WHERE position = 5",),
        Fault.ALTERED,
        None,
    ),
    "a row inserted at the end": (
        (f"{COPY} '{'a' * 64}', 13, hash FROM gatepost_audit_events WHERE position = 12",),
        Fault.BEYOND_HEAD,
        13,
    ),
    "a row inserted far beyond": (
        (f"{COPY} '{'a' * 64}', 99999, hash FROM gatepost_audit_events WHERE position = 12",),
        Fault.BEYOND_HEAD,
        99999,
    ),
    "the tail cut off": (
        ("DELETE FROM gatepost_audit_events WHERE position > 9",),
        Fault.MISSING,
        10,
    ),
    "all rows deleted": (("DELETE FROM gatepost_audit_events",), Fault.MISSING, 1),
    "the tail cut off and the head set back": (
        (
            "DELETE FROM gatepost_audit_events WHERE position > 9",
            "UPDATE gatepost_audit_heads SET position = 9, hash ="
            " (SELECT hash FROM gatepost_audit_events WHERE position = 9)",
        ),
        Fault.HEAD_ALTERED,
        None,
    ),
    "the beginning said to be purged": (
        (
            "DELETE FROM gatepost_audit_events WHERE position < 4",
            "UPDATE gatepost_audit_heads SET purged_position = 3",
        ),
        Fault.HEAD_ALTERED,
        None,
    ),
    "the rows said to be of an earlier key": (
        ("UPDATE gatepost_audit_heads SET rekeyed_position = 12",),
        Fault.HEAD_ALTERED,
        None,
    ),
    "the head deleted": (("DELETE FROM gatepost_audit_heads",), Fault.HEAD_MISSING, None),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_is_found_and_its_first_row_named(sealed: Log, tampering: str) -> None:
    statements, fault, position = TAMPERINGS[tampering]
    await sealed.sql(*statements)
    report = await sealed.verify()
    assert report.status is Status.TAMPERED
    first = report.findings[0]
    assert (first.fault, first.position) == (fault, position)


@pytest.mark.slow
@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_is_still_found_after_the_service_went_on(
    sealed: Log, tampering: str
) -> None:
    """Sealing neither stops at a row that is not in order nor does away with the traces."""
    statements, _, _ = TAMPERINGS[tampering]
    await sealed.sql(*statements)
    before = await sealed.count("SELECT count(*) FROM gatepost_audit_events WHERE position IS NULL")
    await sealed.write(7)
    assert await sealed.seal() == 7 + before
    await sealed.write(2)
    assert await sealed.seal() == 2
    report = await sealed.verify()
    assert report.status is Status.TAMPERED
    assert report.unsealed == 0


# Whatever is done to the database, and whatever the service does then, the log is never good again.

_OF_TYPE: dict[type, tuple[str, ...]] = {
    str: ("'ffffffffffffffff'",),
    int: ("0", "99999", "4611686018427387904"),
    datetime: ("'2020-01-01 00:00:00'", "'2036-01-01 00:00:00'"),
    dict: ("'{}'",),
}


def assignments(table: type[AuditEvent | AuditHead]) -> Iterator[tuple[str, str]]:
    """Each column, and each other value that it is set to."""
    for column in table.__table__.columns:
        kind = datetime if isinstance(column.type, UtcDateTime) else column.type.python_type
        values = _OF_TYPE.get(kind, ()) + (("NULL",) if column.nullable else ())
        yield from ((column.name, value) for value in values)


UNCHANGED = {
    *(("actor_id", "NULL"), ("session_id", "NULL"), ("method", "NULL")),
    *(("purged_position", "0"), ("rekeyed_position", "0")),
}


LAUNDERINGS: dict[str, tuple[str, ...]] = {
    **{
        f"head: {name} = {value}": (f"UPDATE gatepost_audit_heads SET {name} = {value}",)
        for name, value in assignments(AuditHead)
        if (name, value) not in UNCHANGED
    },
    **{
        f"row: {name} = {value}": (
            f"UPDATE gatepost_audit_events SET {name} = {value} WHERE position = 6",
        )
        for name, value in assignments(AuditEvent)
        if (name, value) not in UNCHANGED
    },
    **{
        f"{what}, and head: key_id": (
            done,
            "UPDATE gatepost_audit_heads SET key_id = 'ffffffffffffffff'",
        )
        for what, done in (
            ("tail cut", "DELETE FROM gatepost_audit_events WHERE position > 9"),
            ("front cut", "DELETE FROM gatepost_audit_events WHERE position < 4"),
            ("middle cut", "DELETE FROM gatepost_audit_events WHERE position IN (5, 6)"),
            ("all cut", "DELETE FROM gatepost_audit_events"),
            ("altered", "UPDATE gatepost_audit_events SET user_id = 99 WHERE position = 6"),
            (
                "other key",
                "UPDATE gatepost_audit_events SET user_id = 99, key_id = 'f' WHERE position = 6",
            ),
            ("all of other key", "UPDATE gatepost_audit_events SET key_id = 'ffffffffffffffff'"),
        )
    },
    "front said to be purged": (
        "DELETE FROM gatepost_audit_events WHERE position < 4",
        "UPDATE gatepost_audit_heads SET key_id = 'f', purged_position = 3,"
        " purged_hash = (SELECT hash FROM gatepost_audit_events WHERE position = 3)",
    ),
    "all said to be purged": (
        "UPDATE gatepost_audit_heads SET key_id = 'f', purged_position = 99999, purged_hash = hash",
    ),
    "all said to be of other key": (
        "UPDATE gatepost_audit_events SET key_id = 'f', user_id = 99",
        "UPDATE gatepost_audit_heads SET key_id = 'f', rekeyed_position = 99999",
    ),
    "head deleted, tail cut": (
        "DELETE FROM gatepost_audit_events WHERE position > 9",
        "DELETE FROM gatepost_audit_heads",
    ),
    "two rows swapped": (
        "UPDATE gatepost_audit_events SET position = 100 WHERE position = 3",
        "UPDATE gatepost_audit_events SET position = 3 WHERE position = 8",
        "UPDATE gatepost_audit_events SET position = 8 WHERE position = 100",
        "UPDATE gatepost_audit_heads SET key_id = 'f'",
    ),
    "a row moved before the first": (
        "UPDATE gatepost_audit_events SET position = -5 WHERE position = 12",
    ),
    "a row inserted before the first": (
        f"{COPY} '{'a' * 64}', -5, hash FROM gatepost_audit_events WHERE position = 12",
    ),
    "a row deleted, all unsealed, and the head deleted": (
        "DELETE FROM gatepost_audit_events WHERE position = 6",
        "UPDATE gatepost_audit_events SET position = NULL, hash = NULL",
        "DELETE FROM gatepost_audit_heads",
    ),
    "all that tells of the head deleted, while the service runs": (
        "DELETE FROM gatepost_audit_events WHERE position > 3 OR mac LIKE 'h%'",
        "UPDATE gatepost_audit_events SET position = NULL, hash = NULL",
        "DELETE FROM gatepost_audit_heads",
    ),
    "emptied, while the service runs": (
        "DELETE FROM gatepost_audit_events",
        "DELETE FROM gatepost_audit_heads",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("laundering", LAUNDERINGS)
async def test_nothing_that_the_service_does_makes_a_tampered_log_good(
    sealed: Log, laundering: str
) -> None:
    await sealed.write(1)
    await sealed.seal()
    try:
        await sealed.sql(*LAUNDERINGS[laundering])
    except DBAPIError:
        return  # the database itself refuses it
    async with sealed.under_key(SECRET, audit_retention_days=90) as log:
        log.runtime.state(AuditState).head_seen.set()
        for _ in range(2):
            await log.write(3)
            await log.seal()
            assert (await log.verify()).status is not Status.INTACT
            log.clock.advance(timedelta(days=100))
            await purge_all(log.runtime)
            await log.seal()
            report = await log.verify()
            assert report.status is Status.TAMPERED
            assert report.unsealed == 0
            assert report.findings[0].sentence


async def test_a_first_head_that_was_rolled_back_is_no_deleted_one(log: Log) -> None:
    await log.write(2)
    async with log.work() as work:
        assert await sealing.seal(work) == 2
        await work.rollback_and_release()
    await log.write(1)
    assert await log.seal() == 3
    report = await log.verify()
    assert (report.status, report.checked) == (Status.INTACT, 3)


async def test_a_copied_row_is_refused_by_the_database(sealed: Log) -> None:
    with pytest.raises(IntegrityError):
        await sealed.sql(f"{COPY} mac, NULL, NULL FROM gatepost_audit_events WHERE position = 5")
    assert (await sealed.verify()).status is Status.INTACT


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "assignment",
    ["details = 'no json'", "at = 'no time'", "mac = x'ff00'", "hash = x'ff00'", "user_id = 'x'"],
)
async def test_a_row_that_cannot_be_read_is_named_and_stops_nothing(
    sealed: Log, assignment: str
) -> None:
    await sealed.write(1)
    await sealed.sql(f"UPDATE gatepost_audit_events SET {assignment} WHERE position = 5")
    if "hash" not in assignment:
        await sealed.sql(
            f"UPDATE gatepost_audit_events SET {assignment} WHERE position IS NULL".replace(
                "00'", "01'"
            )
        )
    report = await sealed.verify()
    assert report.status is Status.TAMPERED
    assert report.findings[0].position == 5
    assert await sealed.seal() == 1


UNREADABLE: dict[str, tuple[str, ...]] = {
    "sqlite": (
        *(
            f"{column.name} = CAST(x'fffe' AS TEXT)"
            for column in AuditEvent.__table__.columns
            if column.name != "id"
        ),
        *(f"at = {value}" for value in ("5", "5.5", "x'00'", "'no time'")),
        *(f"details = {value}" for value in ("5", "x'ff'", "'no json'")),
        *(f"position = {value}" for value in ("'x'", "x'00'", "5.5", "9e999")),
    ),
    "postgresql": tuple(
        f"at = '{time}'" for time in ("infinity", "-infinity", "20000-01-01", "0044-01-01 BC")
    ),
    "mariadb": tuple(f"at = '{time}'" for time in ("0000-00-00", "2020-00-00", "0000-01-01")),
}
TOO_DEEP = f"details = '{'[' * 5000}{']' * 5000}'"


async def test_what_cannot_be_read_is_never_good_and_does_not_stop_the_sealing(
    sealed: Log, database_kind: str
) -> None:
    """Not even where it stands for nothing: events of whole logs have no details and no actor."""
    for assignment in (*UNREADABLE[database_kind], TOO_DEEP):
        await sealed.write(2, details={}, user_id=None)
        await sealed.seal()
        await sealed.write(1, details={}, user_id=None)
        last = await sealed.count("SELECT max(position) FROM gatepost_audit_events")
        try:
            async with sealed.runtime.engine.begin() as connection:
                if database_kind == "mariadb":
                    await connection.execute(text("SET SESSION sql_mode = ''"))
                statement = f"UPDATE gatepost_audit_events SET {assignment} WHERE position = {last}"
                await connection.exec_driver_sql(statement)
        except DBAPIError:
            continue  # the database itself refuses it
        assert (await sealed.verify()).status is Status.TAMPERED, assignment
        assert await sealed.seal() >= 1, assignment
        await sealed.seal()  # a row whose place was taken from it comes with the next batch
        report = await sealed.verify()
        assert (report.status, report.unsealed) == (Status.TAMPERED, 0), assignment
        await sealed.sql("DELETE FROM gatepost_audit_events", "DELETE FROM gatepost_audit_heads")
        sealed.runtime.state(AuditState).head_seen.clear()
        assert (await sealed.verify()).status is Status.INTACT


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "spelling",
    [
        "replace(at, ' ', 'T')",
        "replace(substr(at, 1, 10), '-', '') || substr(at, 11)",
        "strftime('%Y-W%W-%w', at) || substr(at, 11)",
        "at || '+00:00'",
        "at || '0'",
        "substr(at, 1, 19) || ',' || substr(at, 21)",
    ],
)
async def test_another_spelling_of_the_same_time_is_an_alteration(
    sealed: Log, spelling: str
) -> None:
    """SQLite keeps times as texts: spelt otherwise, an event would leave its place in the lists."""
    await sealed.sql(f"UPDATE gatepost_audit_events SET at = {spelling} WHERE position = 5")
    report = await sealed.verify()
    assert [(each.fault, each.position) for each in report.findings] == [(Fault.ALTERED, 5)]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "column", [column.name for column in AuditHead.__table__.columns if column.name != "id"]
)
async def test_a_head_that_cannot_be_read_does_not_stop_the_sealing(
    sealed: Log, column: str
) -> None:
    """While nothing is sealed, rows can be deleted unseen."""
    await sealed.sql(f"UPDATE gatepost_audit_heads SET {column} = CAST(x'fffe' AS TEXT)")
    assert (await sealed.verify()).status is not Status.INTACT
    await sealed.write(3)
    assert await sealed.seal() == 3
    report = await sealed.verify()
    finding = report.findings[0]
    assert (finding.fault, finding.position) == (Fault.MISSING, ROWS + 1)


async def test_one_fault_is_one_finding(sealed: Log) -> None:
    await sealed.sql("UPDATE gatepost_audit_events SET outcome = 'success' WHERE position = 6")
    assert (await sealed.verify()).faults == 1


async def test_an_anchor_finds_a_log_that_was_set_back_with_its_head(sealed: Log) -> None:
    """An old copy of the database is in order in itself: only what is kept elsewhere tells."""
    async with sealed.runtime.engine.begin() as connection:
        rows = await connection.execute(text("SELECT * FROM gatepost_audit_heads"))
        old_head = dict(rows.mappings().one())
    await sealed.write(3)
    await sealed.seal()
    newer = (await sealed.verify()).head
    assert newer is not None
    assert (await sealed.verify(anchor=newer)).anchor_holds is True
    await sealed.sql(
        "DELETE FROM gatepost_audit_events WHERE position > 12", "DELETE FROM gatepost_audit_heads"
    )
    async with sealed.runtime.engine.begin() as connection:
        names = ", ".join(old_head)
        values = ", ".join(f":{name}" for name in old_head)
        await connection.execute(
            text(f"INSERT INTO gatepost_audit_heads ({names}) VALUES ({values})"), old_head
        )
    assert (await sealed.verify()).status is Status.INTACT
    report = await sealed.verify(anchor=newer)
    assert (report.status, report.anchor_holds) == (Status.TAMPERED, False)
    assert report.findings[0].position == 13


async def test_an_anchor_of_another_log_does_not_hold(sealed: Log) -> None:
    report = await sealed.verify(anchor=Anchor(7, "0" * 64))
    assert (report.findings[0].fault, report.findings[0].position) == (Fault.ANCHOR_BROKEN, 7)


# Another SECRET_KEY is not tampering, and tampering does not pass for one.


async def test_another_secret_key_is_told_apart_from_tampering(sealed: Log) -> None:
    async with sealed.under_key(OTHER_SECRET) as other:
        report = await other.verify()
    assert (report.status, report.faults, report.checked) == (Status.OTHER_KEY, 0, 0)


async def test_the_log_goes_on_under_a_new_secret_key(sealed: Log) -> None:
    await sealed.write(2)  # the last of the old process, sealed by the new one
    async with sealed.under_key(OTHER_SECRET, former_secret_keys=[SECRET]) as other:
        await other.write(3)
        assert (await other.verify()).status is Status.INTACT  # not sealed by the new one yet
        assert await other.seal() == 5
        await other.write(3)
        await other.seal()
        report = await other.verify()
        assert (report.status, report.findings) == (Status.INTACT, [])
        assert (report.checked, report.of_other_key) == (6 + ROWS + 2, 0)
        await other.sql("DELETE FROM gatepost_audit_events WHERE position = 3")
        assert (await other.verify()).findings[0].position == 3
    report = await sealed.verify()
    assert report.status is Status.TAMPERED


async def test_all_that_the_former_key_left_is_sealed_with_the_change(sealed: Log) -> None:
    await sealed.write(13)  # several batches
    async with sealed.under_key(OTHER_SECRET, former_secret_keys=[SECRET]) as other:
        await other.write(1)
        assert await other.seal() == 14
        report = await other.verify()
    assert (report.status, report.checked) == (Status.INTACT, ROWS + 14)


async def test_what_a_former_key_writes_after_the_change_is_told(sealed: Log) -> None:
    """Whoever learnt the secret that was changed cannot add to the log with it."""
    async with sealed.under_key(OTHER_SECRET, former_secret_keys=[SECRET]) as other:
        await other.write(1)
        await other.seal()
        await sealed.write(1)
        assert (await other.verify()).findings[0].fault is Fault.OTHER_KEY
        await other.seal()
        finding = (await other.verify()).findings[0]
    assert (finding.fault, finding.position) == (Fault.OTHER_KEY, ROWS + 2)


async def test_a_change_back_and_a_second_change_are_proven_too(sealed: Log) -> None:
    third = "a-th1rd-s3cr3t-of-the-t3sts-0123456789abcdef"
    chain = [
        (OTHER_SECRET, [SECRET]),
        (SECRET, [OTHER_SECRET]),
        (third, [OTHER_SECRET, SECRET]),
    ]
    for secret, former in chain:
        async with sealed.under_key(secret, former_secret_keys=former) as log:
            await log.write(2)
            assert await log.seal() == 2
            report = await log.verify()
            assert (report.status, report.findings) == (Status.INTACT, [])
    async with sealed.under_key(third, former_secret_keys=[OTHER_SECRET]) as log:
        report = await log.verify()
    assert (report.status, report.of_other_key) == (Status.OTHER_KEY, ROWS + 2)
    assert report.first_of_other_key == 1


async def test_a_change_that_is_not_proven_leaves_a_hole_for_good(sealed: Log) -> None:
    async with sealed.under_key(OTHER_SECRET) as other:
        assert (await other.verify()).status is Status.OTHER_KEY
        await other.write(3)
        assert await other.seal() == 3
    for secrets in ({}, {"former_secret_keys": [SECRET]}):
        async with sealed.under_key(OTHER_SECRET, **secrets) as other:
            await other.write(1)
            await other.seal()
            report = await other.verify()
            assert report.status is Status.TAMPERED
            finding = report.findings[0]
            assert (finding.fault, finding.position) == (Fault.MISSING, ROWS + 1)


async def test_what_the_old_key_wrote_verifies_under_the_old_key(sealed: Log) -> None:
    async with sealed.under_key(OTHER_SECRET, former_secret_keys=[SECRET]) as other:
        await other.write(3)
        await other.seal()
    report = await sealed.verify()
    assert (report.status, report.checked, report.of_other_key) == (Status.OTHER_KEY, ROWS, 3)
    await sealed.sql("UPDATE gatepost_audit_events SET outcome = 'success' WHERE position = 4")
    report = await sealed.verify()
    assert (report.status, report.findings[0].position) == (Status.TAMPERED, 4)


async def test_a_forged_row_does_not_pass_as_one_of_another_key(sealed: Log) -> None:
    await sealed.sql(
        f"{COPY} '{'a' * 64}', NULL, NULL FROM gatepost_audit_events WHERE position = 5"
    )
    await sealed.sql("UPDATE gatepost_audit_events SET key_id = 'ffff' WHERE position IS NULL")
    assert (await sealed.verify()).findings[0].fault is Fault.OTHER_KEY
    await sealed.seal()
    finding = (await sealed.verify()).findings[0]
    assert (finding.fault, finding.position) == (Fault.OTHER_KEY, ROWS + 1)


# Old events go, and the rest still verifies.


async def age(log: Log) -> None:
    """Let a hundred days pass, and five more events happen."""
    log.clock.advance(timedelta(days=100))
    await log.write(5)
    await log.seal()


async def test_a_purge_deletes_old_events_and_the_rest_verifies(sealed: Log) -> None:
    await age(sealed)
    async with sealed.under_key(SECRET, audit_retention_days=90) as log:
        assert (await purge_all(log.runtime))["audit_events"] == ROWS
        assert await log.count("SELECT count(*) FROM gatepost_audit_events") == 5
        report = await log.verify()
        assert (report.status, report.checked, report.purged) == (Status.INTACT, 5, ROWS)
        await log.sql("DELETE FROM gatepost_audit_events WHERE position = 13")
        assert (await log.verify()).findings[0].position == 13


async def test_a_purge_of_everything_leaves_a_chain_that_goes_on(sealed: Log) -> None:
    sealed.clock.advance(timedelta(days=100))
    async with sealed.under_key(SECRET, audit_retention_days=90) as log:
        assert (await purge_all(log.runtime))["audit_events"] == ROWS
        assert (await log.verify()).status is Status.INTACT
        await log.write(2)
        await log.seal()
        report = await log.verify()
        assert (report.status, report.checked, report.purged) == (Status.INTACT, 2, ROWS)


async def test_without_a_retention_nothing_is_purged(sealed: Log) -> None:
    await age(sealed)
    assert (await purge_all(sealed.runtime))["audit_events"] == 0


async def test_a_purge_keeps_what_does_not_verify(sealed: Log) -> None:
    await age(sealed)
    await sealed.sql("UPDATE gatepost_audit_events SET outcome = 'success' WHERE position = 8")
    async with sealed.under_key(SECRET, audit_retention_days=90) as log:
        assert (await purge_all(log.runtime))["audit_events"] == 5  # the batch before
        assert (await log.verify()).findings[0].position == 8


async def test_rows_of_an_earlier_key_are_purged_too(sealed: Log) -> None:
    sealed.clock.advance(timedelta(days=100))
    former = {"former_secret_keys": [SECRET]}
    async with sealed.under_key(OTHER_SECRET, audit_retention_days=90, **former) as log:
        await log.write(3)
        await log.seal()
        assert (await purge_all(log.runtime))["audit_events"] == ROWS
        report = await log.verify()
        assert (report.status, report.checked, report.of_other_key) == (Status.INTACT, 3, 0)


async def test_rows_that_no_known_key_checks_are_not_purged(sealed: Log) -> None:
    sealed.clock.advance(timedelta(days=100))
    async with sealed.under_key(OTHER_SECRET, former_secret_keys=[SECRET]) as log:
        await log.write(3)
        await log.seal()
    async with sealed.under_key(OTHER_SECRET, audit_retention_days=90) as log:
        assert (await purge_all(log.runtime))["audit_events"] == 0
        assert (await log.verify()).of_other_key == ROWS


async def test_a_purge_while_the_log_is_verified_raises_no_alarm(
    sealed: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await age(sealed)
    list_sealed = repository.list_sealed
    purged: list[int] = []

    async def list_after_a_purge(*arguments: Any) -> list[AuditEvent]:
        """From the second batch on; the first has been read, and its transaction let go."""
        if arguments[1] == 5 and not purged:
            async with sealed.under_key(SECRET, audit_retention_days=90) as log:
                monkeypatch.setattr(repository, "list_sealed", list_sealed)
                purged.append((await purge_all(log.runtime))["audit_events"])
        return await list_sealed(*arguments)

    monkeypatch.setattr(repository, "list_sealed", list_after_a_purge)
    report = await sealed.verify()
    assert purged == [ROWS]
    assert (report.status, report.findings) == (Status.INTACT, [])


# Many writers, several processes, and processes that die.


async def test_several_sealers_at_once_make_one_chain(sealed: Log) -> None:
    await sealed.write(40)
    async with sealed.under_key(SECRET) as other:
        counts = await asyncio.gather(*(each.seal() for each in (sealed, other) * 3))
    assert sum(counts) == 40
    report = await sealed.verify()
    assert (report.status, report.checked) == (Status.INTACT, ROWS + 40)


async def test_several_sealers_make_the_first_head_together(log: Log) -> None:
    await log.write(20)
    async with log.under_key(SECRET) as other:
        counts = await asyncio.gather(*(each.seal() for each in (log, other) * 3))
    await log.seal()
    assert sum(counts) <= 20
    report = await log.verify()
    assert (report.status, report.checked) == (Status.INTACT, 20)


async def test_what_is_rolled_back_takes_no_place(sealed: Log) -> None:
    async with sealed.work() as work:
        await audit.record(work, events.LOGIN_FAILED, audit.EventContext())
        await work.db.flush()
        await work.rollback_and_release()
    await sealed.write(1)
    await sealed.seal()
    report = await sealed.verify()
    assert (report.status, report.checked) == (Status.INTACT, ROWS + 1)


@pytest.mark.slow
async def test_logins_on_two_services_make_one_chain(fresh_database_url: str) -> None:
    """Fifty logins at once, while both services seal all the time."""
    settings = make_settings(fresh_database_url, rate_limit_requests=10_000)
    await migrate(fresh_database_url)
    async with serving(settings) as one, serving(settings) as two:
        chores = [
            asyncio.create_task(
                sealing.run_sealer(each.runtime, interval=timedelta(milliseconds=20))
            )
            for each in (one, two)
        ]
        async with one.open_client() as first, two.open_client() as second:
            for number in range(5):
                await register(first, f"user{number}@example.com")
            await asyncio.gather(
                *(
                    log_in((first, second)[n % 2], f"user{n % 5}@example.com", PASSWORD)
                    for n in range(50)
                )
            )
        for each in (one, two):
            each.runtime.stopping.set()
        await asyncio.gather(*chores)
        await sealing.seal_all(one.runtime)
        async with one.work() as work:
            report = await verification.verify(work)
        assert (report.status, report.findings) == (Status.INTACT, [])
        # An account's making, a login and a session's start.
        assert (report.checked, report.unsealed) == (5 + 50 + 50, 0)


SEAL_FOR_EVER = """
import asyncio, sys
from gatepost.features.audit import sealing, service as audit
from gatepost.features.auth import events
from gatepost.runtime import start_runtime
from gatepost.work import Origin, begin_work
from tests.support.service import make_settings

sealing.BATCH = 40

async def write(runtime):
    while True:
        async with begin_work(runtime, Origin("child")) as work:
            for _ in range(20):
                await audit.record(work, events.LOGIN_FAILED, audit.EventContext())

async def seal(runtime):
    while True:
        # A batch at a time: whoever writes faster than this seals would never see all sealed.
        async with begin_work(runtime, Origin("child")) as work:
            sealed = await sealing.seal(work)
        if sealed:
            print("sealed", flush=True)
        await asyncio.sleep(0)

async def main():
    async with start_runtime(make_settings(sys.argv[1])) as runtime:
        await asyncio.gather(write(runtime), seal(runtime))

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_process_killed_while_it_seals_leaves_a_chain_that_goes_on(log: Log) -> None:
    for _ in range(4):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SEAL_FOR_EVER, log.url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(3):
            assert await process.stdout.readline() == b"sealed\n"
        await asyncio.sleep(random.uniform(0, 0.05))  # any moment will do: none may do harm
        process.send_signal(signal.SIGKILL)
        await process.wait()
        report = await log.verify()
        assert (report.status, report.findings) == (Status.INTACT, [])
    await log.write(3)
    await log.seal()
    report = await log.verify()
    assert (report.status, report.unsealed) == (Status.INTACT, 0)
    assert report.checked == await log.count("SELECT count(*) FROM gatepost_audit_events")
    assert report.checked > 100
