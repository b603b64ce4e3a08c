"""An import that another transaction was in the way of goes on, and makes every account once."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from tests.support.command import Gatepost
from tests.support.databases import Kind
from tests.support.deadlocks import CODES, Count, deadlocks
from tests.support.transfers import a_row, exported, imported, write_rows

pytestmark = pytest.mark.databases("postgresql", "mariadb")


@pytest.mark.parametrize(("number", "times"), [(0, 1), (0, 5), (1, 5), (2, 2)])
def test_an_import_goes_on_whatever_was_in_its_way(  # noqa: PLR0917 - fixtures
    gatepost: Gatepost,
    fresh_database_url: str,
    database_kind: Kind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    times: int,
) -> None:
    gatepost = gatepost.having(DATABASE_URL=fresh_database_url)
    gatepost.done("migrate")
    rows = [a_row(row) for row in reversed(range(20))]
    counts: list[Count] = []
    with ExitStack() as stack:

        def open_with_deadlocks(*args: Any, **options: Any) -> AsyncEngine:
            engine = open_engine(*args, **options)
            code = CODES[database_kind][number]
            counts.append(stack.enter_context(deadlocks(engine, code, times)))
            return engine

        with monkeypatch.context() as patch:
            patch.setattr("gatepost.runtime.open_engine", open_with_deadlocks)
            told = imported(gatepost, write_rows(tmp_path / "users.jsonl", rows))
    assert (told["made"], told["already_there"]) == (20, 0)
    assert sum(count.value for count in counts) == times
    assert {user["email"] for user in exported(gatepost)} == {row["email"] for row in rows}


def test_a_command_is_done_again_too(
    gatepost: Gatepost,
    fresh_database_url: str,
    database_kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gatepost = gatepost.having(DATABASE_URL=fresh_database_url)
    gatepost.done("migrate")
    gatepost.done("create-admin", "ada@example.com", "--generate")
    gatepost.done("create-admin", "eve@example.com", "--generate")
    with ExitStack() as stack, monkeypatch.context() as patch:

        def open_with_deadlocks(*args: Any, **options: Any) -> AsyncEngine:
            engine = open_engine(*args, **options)
            stack.enter_context(deadlocks(engine, CODES[database_kind][0]))
            return engine

        patch.setattr("gatepost.runtime.open_engine", open_with_deadlocks)
        gatepost.done("users", "set-role", "eve@example.com", "user")
        gatepost.done("users", "disable", "eve@example.com")
        gatepost.done("users", "set-password", "ada@example.com", "--generate")
    shown = gatepost.json("users", "show", "eve@example.com")
    assert (shown["role"], shown["is_active"]) == ("user", False)
