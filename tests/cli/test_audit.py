"""Reading and verifying the audit log at the command line, on every database."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from gatepost.configuration import Settings
from gatepost.features.audit import sealing
from gatepost.runtime import start_runtime
from tests.support.command import Gatepost

PASSWORD = "correct horse battery staple"


@pytest.fixture
def audited(gatepost: Gatepost, fresh_database_url: str) -> Gatepost:
    """The command on a log of five events that are sealed."""
    audited = gatepost.having(DATABASE_URL=fresh_database_url)
    audited.done("migrate")
    for name in ("ada", "bob", "cyd", "dan", "eve"):
        email = f"{name}@example.com"
        audited.done("create-admin", email, "--password-stdin", typed=f"{PASSWORD}\n")
    _behind_its_back(audited)
    return audited


def _behind_its_back(gatepost: Gatepost, *statements: str) -> None:
    """Run SQL on the database, and seal as a running service does."""

    async def run() -> None:
        settings = Settings.from_environment(gatepost.environ, None)
        async with start_runtime(settings) as runtime:
            async with runtime.engine.begin() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
            await sealing.seal_all(runtime)

    asyncio.run(run())


def test_a_log_that_nobody_touched_is_intact(audited: Gatepost) -> None:
    said = audited.done("audit", "verify")
    assert said.startswith("The audit log is intact: 5 sealed events, 0 not sealed yet.\nHead: 5:")
    report = audited.json("audit", "verify")
    assert report["status"] == "intact"
    assert (report["checked"], report["unsealed"], report["findings"]) == (5, 0, [])
    assert said.splitlines()[1] == f"Head: {report['head']}"


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (
            ["UPDATE gatepost_audit_events SET user_id = 99 WHERE position = 3"],
            "(position 3) was altered",
        ),
        (
            ["DELETE FROM gatepost_audit_events WHERE position = 2"],
            "The row at position 2 is missing.",
        ),
        (
            [
                "UPDATE gatepost_audit_events SET position = 9 WHERE position = 1",
                "UPDATE gatepost_audit_events SET position = 1 WHERE position = 2",
                "UPDATE gatepost_audit_events SET position = 2 WHERE position = 9",
            ],
            "(position 1) is not where it was sealed",
        ),
        (
            [
                "INSERT INTO gatepost_audit_events"
                " (at, event, outcome, request_id, details, key_id, mac)"
                " SELECT at, event, outcome, request_id, details, key_id, 'forged'"
                " FROM gatepost_audit_events WHERE position = 3"
            ],
            "(position 6) was altered, or not written by Gatepost",
        ),
        (
            ["DELETE FROM gatepost_audit_events WHERE position = 5"],
            "The row at position 5 is missing.",
        ),
    ],
    ids=["altered", "deleted", "reordered", "inserted", "cut"],
)
def test_tampering_fails_the_verification_and_the_first_bad_row_is_named(
    audited: Gatepost, statements: list[str], sentence: str
) -> None:
    _behind_its_back(audited, *statements)
    result = audited.run("audit", "verify")
    assert result.exit_code == 1, result.output
    assert sentence in result.stdout.splitlines()[0]
    assert "Error: The audit log was tampered with." in result.stderr
    result = audited.run("audit", "verify", "--json")
    assert result.exit_code == 1
    assert '"status": "tampered"' in result.stdout


def test_another_secret_key_is_a_mistake_and_not_an_alarm(audited: Gatepost) -> None:
    other = audited.having(SECRET_KEY="an0ther-s3cr3t-of-the-t3sts-0123456789abcdef")
    why = other.refused("audit", "verify", status=2)
    assert "sealed under another SECRET_KEY" in why


def test_an_anchor_holds_until_the_log_is_set_back(audited: Gatepost) -> None:
    head = audited.json("audit", "verify")["head"]
    assert audited.json("audit", "verify", "--anchor", head)["anchor_holds"] is True
    _behind_its_back(
        audited, "DELETE FROM gatepost_audit_events", "DELETE FROM gatepost_audit_heads"
    )
    assert audited.run("audit", "verify").exit_code == 0
    assert audited.run("audit", "verify", "--anchor", head).exit_code == 1


@pytest.mark.parametrize("anchor", ["5", "5:abc", "0:" + "a" * 64, "x:" + "a" * 64])
def test_an_anchor_that_is_none_is_a_mistake(bare: Gatepost, anchor: str) -> None:
    assert "--anchor" in bare.refused("audit", "verify", "--anchor", anchor, status=2)


def _ids(listed: list[dict[str, Any]]) -> list[int]:
    return [each["id"] for each in listed]


def test_the_log_is_listed_the_newest_first_and_narrowed(audited: Gatepost) -> None:
    listed = audited.json("audit", "list")
    assert len(listed) == 5
    assert _ids(listed) == sorted(_ids(listed), reverse=True)
    user_id = listed[-1]["user_id"]
    wanted: list[tuple[list[str], int]] = [
        (["--user", "ada@example.com"], 1),
        (["--user", str(user_id)], 1),
        (["--event", "login.failed"], 0),
        (["--outcome", "success"], 5),
        (["--since", "2020-01-31"], 5),
        (["--until", "2020-01-31T12:00:00+02:00"], 0),
        (["--limit", "2"], 2),
    ]
    found = [len(audited.json("audit", "list", *words)) for words, _ in wanted]
    assert found == [count for _, count in wanted]


def test_the_table_says_that_there_is_more(audited: Gatepost) -> None:
    result = audited.run("audit", "list", "--limit", "3")
    assert result.stdout.count("user.created") == 3
    assert "There are more" in result.stderr


def test_what_cannot_be_listed_is_refused_in_a_sentence(audited: Gatepost) -> None:
    assert "no user" in audited.refused("audit", "list", "--user", "nobody@example.com")
    assert "--since" in audited.refused("audit", "list", "--since", "soon", status=2)
    far = "0001-01-01T00:00:00+23:00"
    assert "--until" in audited.refused("audit", "list", "--until", far, status=2)
    assert audited.run("audit", "list", "--event", "session.renewed").exit_code == 2


@pytest.mark.parametrize(
    "assignment", ["event = 'no.such.event', outcome = 'perhaps'", "details = '[1]'"]
)
def test_an_altered_row_hides_no_other_from_the_list(audited: Gatepost, assignment: str) -> None:
    whole = audited.json("audit", "list")
    _behind_its_back(audited, f"UPDATE gatepost_audit_events SET {assignment} WHERE position = 3")
    assert [each["id"] for each in audited.json("audit", "list")] == [each["id"] for each in whole]
    assert len(audited.done("audit", "list").splitlines()) >= len(whole)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("assignment", ["at = x'fffe'", "at = 'no time'", "details = '{'"])
def test_a_row_that_cannot_be_read_hides_no_other_from_the_list(
    audited: Gatepost, assignment: str
) -> None:
    whole = audited.json("audit", "list")
    _behind_its_back(audited, f"UPDATE gatepost_audit_events SET {assignment} WHERE position = 3")
    listed = audited.json("audit", "list")
    assert {each["id"] for each in listed} == {each["id"] for each in whole}
    assert audited.done("audit", "list").count("user.created") == 5
