"""An import that is killed again and again ends as one that nobody disturbed.

Real processes are killed by SIGKILL at moments drawn at random. Whoever else writes meanwhile,
another import or people who register, gets each address at most once.
"""

import asyncio
import random
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from gatepost.features.accounts.models import User
from tests.support import patience
from tests.support.command import COMMAND, Gatepost
from tests.support.load import open_client
from tests.support.processes import gatepost_on, serving
from tests.support.service import PASSWORD, make_settings
from tests.support.transfers import a_row, exported, imported, rejected, write_rows

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

ROWS = 2_500
KILLS = 4


@pytest.fixture
def gatepost(fresh_database_url: str, tmp_path: Path) -> Gatepost:
    gatepost = gatepost_on(fresh_database_url, tmp_path)
    gatepost.done("migrate")
    return gatepost


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(make_settings(url).database)
    yield engine
    await engine.dispose()


async def count_users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(select(func.count(User.id))) or 0)


async def test_killed_at_any_moment_it_goes_on_and_ends_the_same(
    gatepost: Gatepost, fresh_database_url: str, tmp_path: Path
) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    file = write_rows(tmp_path / "users.jsonl", map(some_row, range(ROWS)))
    async with opened(fresh_database_url) as engine:
        for _ in range(KILLS):
            least = await count_users(engine) + chance.randrange(1, ROWS // KILLS)
            await kill_when_there_are(engine, least, gatepost, file)

    told = await done_with(gatepost, file, status=1)
    assert told["rows"] == ROWS, f"seed {seed}"
    assert told["reasons"] == Counter(filter(None, map(reason_of, range(ROWS)))), f"seed {seed}"
    assert told["already_there"] == sum(n % 50 == 3 for n in range(ROWS)), f"seed {seed}"
    made = [f"user{n}@example.com" for n in range(ROWS) if n % 50 not in {1, 2, 3}]
    assert [user["email"] for user in await users_of(gatepost)] == made, f"seed {seed}"
    entries = rejected(tmp_path / "users.jsonl.rejects.jsonl")
    assert [(entry["row"], entry["reason"]) for entry in entries] == [
        (n + 1, reason) for n in range(ROWS) if (reason := reason_of(n))
    ], f"seed {seed}"


def some_row(number: int) -> dict[str, object]:
    """A row whose password is to be hashed: small batches, and so many moments to be killed at."""
    match number % 50:
        case 1:
            return {"email": "nobody"}
        case 2:
            return a_plain_row(0) | {"full_name": "Somebody else"}
        case 3:
            return a_plain_row(number - 3)
        case _:
            return a_plain_row(number)


def reason_of(number: int) -> str | None:
    return {1: "field_invalid", 2: "email_taken"}.get(number % 50)


def a_plain_row(number: int) -> dict[str, object]:
    return a_row(number, password_hash=None, password=f"{PASSWORD} {number}")


async def kill_when_there_are(
    engine: AsyncEngine, least: int, gatepost: Gatepost, file: str
) -> None:
    """Import until there are so many users, or to the end where that comes first; then kill it."""
    process = await begin(gatepost, file)
    async with asyncio.timeout(patience.SECONDS):
        # Another process makes them: there is nothing to wait on.
        while process.returncode is None and await count_users(engine) < least:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.002)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()


async def done_with(gatepost: Gatepost, file: str, *, status: int = 0) -> dict[str, Any]:
    """Import to the end, and return what is told."""
    return await asyncio.to_thread(imported, gatepost, file, status=status)


async def users_of(gatepost: Gatepost) -> list[dict[str, Any]]:
    return await asyncio.to_thread(exported, gatepost)


async def begin(gatepost: Gatepost, file: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *("import-users", file, *words),
        cwd=gatepost.folder,
        env=gatepost.process_environ(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finish(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    async with asyncio.timeout(patience.SECONDS):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_two_imports_of_one_file_make_nobody_twice(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "users.jsonl", [a_plain_row(n) for n in range(1_500)])
    done = await asyncio.gather(*[finish(await begin(gatepost, file)) for _ in range(2)])

    assert any(status == 0 for status, _ in done), done
    for status, said in done:
        assert status == 0 or "Another process is importing the same file." in said
    told = await done_with(gatepost, file)
    assert (told["rows"], told["made"], told["refused"]) == (1_500, 1_500, 0)
    assert len(await users_of(gatepost)) == 1_500


async def test_imports_that_want_the_same_addresses_in_other_orders_both_end(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    rows = [a_row(n) for n in range(4_000)]
    files = [
        write_rows(tmp_path / "up.jsonl", rows),
        write_rows(tmp_path / "down.jsonl", reversed(rows)),
    ]
    done = await asyncio.gather(*[finish(await begin(gatepost, file)) for file in files])

    assert [status for status, _ in done] == [0, 0], done
    told = [await done_with(gatepost, file) for file in files]
    assert sum(each["made"] for each in told) == 4_000
    assert sum(each["already_there"] for each in told) == 4_000
    assert len(await users_of(gatepost)) == 4_000


async def test_who_registers_during_an_import_gets_the_address_or_finds_it_taken(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    numbers = range(400)
    file = write_rows(tmp_path / "users.jsonl", [a_plain_row(n) for n in reversed(numbers)])
    with serving(gatepost, "--workers", "1") as (_, url):
        async with open_client(url) as client:
            process = await begin(gatepost, file)
            answers: dict[int, Any] = {}
            for number in numbers:
                account = {"email": f"USER{number}@example.com", "password": PASSWORD}
                answers[number] = await client.post("/api/v1/auth/register", json=account)
            await finish(process)

    assert {answer.status_code for answer in answers.values()} <= {201, 409}
    registered = {n for n, answer in answers.items() if answer.status_code == 201}
    told = await done_with(gatepost, file, status=1 if registered else 0)
    assert told["made"] == len(numbers) - len(registered)
    assert told["reasons"].get("email_taken", 0) == len(registered)
    users = {user["email"].lower(): user["full_name"] for user in await users_of(gatepost)}
    assert len(users) == len(numbers)
    assert {n for n in numbers if users[f"user{n}@example.com"] is None} == registered
