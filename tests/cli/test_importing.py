"""Importing accounts: what comes in, what is refused and why, and what is told of it."""

import contextlib
import csv
import gzip
import io
import json
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.support.command import Gatepost
from tests.support.service import PASSWORD, log_in, make_settings, serving
from tests.support.transfers import HASH, a_row, exported, imported, rejected, write_rows

FORMULAS = ["=1+1", "+1", "-1", "@x", "'=1", "''=1", "'", "\uff1d1"]


@pytest.fixture
def anywhere(gatepost: Gatepost, fresh_database_url: str) -> Gatepost:
    """The command on an empty database of each kind."""
    anywhere = gatepost.having(DATABASE_URL=fresh_database_url)
    anywhere.done("migrate")
    return anywhere


HOSTILE: list[tuple[object, str]] = [
    ("no json", "row_unreadable"),
    ([1, 2], "row_unreadable"),
    ({}, "field_missing"),
    ({"email": ""}, "field_missing"),
    ({"email": 7}, "field_invalid"),
    ({"email": ["ada@example.com"]}, "field_invalid"),
    (a_row(1, email="nobody"), "field_invalid"),
    (a_row(1, email="a@b\u0000.example"), "field_invalid"),
    (a_row(1, email="a" * 300 + "@example.com"), "field_invalid"),
    (a_row(1, email="ada@localhost"), "field_invalid"),
    (a_row(1, username="no"), "field_invalid"),
    (a_row(1, username="ünicode"), "field_invalid"),
    (a_row(1, username=True), "field_invalid"),
    (a_row(1, full_name="a\u0000b"), "field_invalid"),
    (a_row(1, full_name="a\nb"), "field_invalid"),
    (a_row(1, full_name="\u202eabc"), "field_invalid"),
    (a_row(1, full_name="x" * 201), "field_invalid"),
    (a_row(1, role="root"), "field_invalid"),
    (a_row(1, role=["admin"]), "field_invalid"),
    (a_row(1, role="admin"), "role_not_allowed"),
    (a_row(1, is_active="perhaps"), "field_invalid"),
    (a_row(1, is_active=2), "field_invalid"),
    (a_row(1, email_verified={}), "field_invalid"),
    (a_row(1, created_at="yesterday"), "field_invalid"),
    (a_row(1, created_at=1714564800), "field_invalid"),
    (a_row(1, created_at="0001-01-01T00:00:00+14:00"), "field_invalid"),
    (a_row(1, updated_at="9999-12-31T23:59:59-14:00"), "field_invalid"),
    (a_row(1, password_hash="plain"), "hash_unsupported"),
    (
        a_row(1, password_hash="$argon2id$v=19$m=4000000000,t=9,p=1$YWJjZGVmZ2g$YQ"),
        "hash_unsupported",
    ),
    (a_row(1, password_hash=HASH + "A" * 600), "hash_unsupported"),
    (a_row(1, password=PASSWORD), "field_invalid"),
    (a_row(1, password_hash=None, password="a\u0000b"), "field_invalid"),
    (a_row(1, password_hash=None, password="x" * 5000), "field_invalid"),
    (a_row(2, full_name="Somebody else"), "email_taken"),
    (a_row(2, email="USER2@EXAMPLE.COM", username="another"), "email_taken"),
    (a_row(3, username="USER2"), "username_taken"),
]


def test_a_databases_infinity_and_zeros_are_no_time(anywhere: Gatepost, tmp_path: Path) -> None:
    odd = ["infinity", "-infinity", "0000-00-00 00:00:00", "20000-01-01 00:00:00+00"]
    rows = [a_row(n, created_at=time, updated_at=time) for n, time in enumerate(odd)]
    told = imported(anywhere, write_rows(tmp_path / "users.jsonl", [*rows, a_row(9)]))
    assert told["made"] == len(odd) + 1
    assert all(user["created_at"] < "2200" for user in exported(anywhere))


def test_addresses_that_are_not_public_come_in_where_the_setting_takes_them(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    emails = ["ada@localhost", "Grace@realm.test", "joan@corp.local"]
    rows = [a_row(number, email=email) for number, email in enumerate(emails)]
    file = write_rows(tmp_path / "users.jsonl", rows)
    allowing = anywhere.having(EMAIL_SPECIAL_DOMAINS="true")

    told = imported(anywhere, file, "--dry-run", status=1)
    assert told["reasons"] == {"field_invalid": 3}
    refused = anywhere.run("create-admin", "root@localhost", "--generate")
    assert (refused.exit_code, "EMAIL_SPECIAL_DOMAINS" in refused.output) == (2, True)
    assert imported(allowing, file)["made"] == 3
    assert [user["email"] for user in exported(anywhere)] == emails
    allowing.done("create-admin", "root@localhost", "--generate")
    assert "grace@realm.test" in anywhere.done("users", "show", "GRACE@REALM.TEST").lower()


def test_every_bad_row_is_refused_with_its_reason_and_spoils_no_other(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    lines = [json.dumps(a_row(2))]
    lines += [row if isinstance(row, str) else json.dumps(row) for row, _ in HOSTILE]
    lines += [json.dumps(a_row(4))]
    file = tmp_path / "users.jsonl"
    file.write_bytes("\n".join(lines).encode() + b'\n{"email": "\xff@example.com"}\n')

    rehearsed = imported(anywhere, str(file), "--dry-run", status=1)
    assert exported(anywhere) == []
    told = imported(anywhere, str(file), status=1)

    entries = rejected(tmp_path / "users.jsonl.rejects.jsonl")
    assert [(entry["row"], entry["reason"]) for entry in entries] == [
        *((number, reason) for number, (_, reason) in enumerate(HOSTILE, 2)),
        (len(HOSTILE) + 3, "row_unreadable"),
    ]
    assert [entry["original"] for entry in entries[:-1]] == [
        row if isinstance(row, dict) else lines[number]
        for number, (row, _) in enumerate(HOSTILE, 1)
    ]
    assert told["made"] == 2
    assert told["rows"] == told["made"] + told["refused"]
    unusable = {"rejects", "seconds", "dry_run"}
    assert {name: rehearsed[name] for name in rehearsed.keys() - unusable} == {
        name: told[name] for name in told.keys() - unusable
    }
    assert [user["email"] for user in exported(anywhere)] == [
        "user2@example.com",
        "user4@example.com",
    ]


@pytest.mark.slow
@pytest.mark.anyio
async def test_imported_users_log_in_with_a_hash_or_a_password_of_the_file(
    migrated_url: str, tmp_path: Path
) -> None:
    file = write_rows(
        tmp_path / "users.jsonl",
        [
            {"email": "Ada@Example.COM", "password": "a password, plain", "email_verified": True},
            {"email": "bob@example.com", "password_hash": a_hash_of("another one")},
            {"email": "cyd@example.com"},
        ],
    )
    settings = make_settings(migrated_url)
    environ = {
        "SECRET_KEY": settings.tokens.secret_key,
        "DATABASE_URL": migrated_url,
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
    }
    async with serving(settings) as service, service.open_client() as client:
        done = Gatepost(tmp_path, environ).run_process("import-users", file)
        assert done.returncode == 0, done.stderr
        assert await log_in(client, "ada@example.com", "a password, plain")
        assert await log_in(client, "bob@example.com", "another one")
        for login in ("ada@example.com", "cyd@example.com"):
            body = {"email": login, "password": "wrong", "transport": "bearer"}
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 401


def a_hash_of(password: str) -> str:
    """A bcrypt hash, as another system has made it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.mark.parametrize("odd", [None, 0, 255, 256, 300, 599])
def test_every_plain_password_of_a_file_is_hashed(
    anywhere: Gatepost, tmp_path: Path, odd: int | None
) -> None:
    rows = [{"email": f"user{n}@example.com", "password": f"a password, {n}"} for n in range(600)]
    if odd is not None:
        del rows[odd]["password"]
    cheap = anywhere.having(ARGON2_MEMORY_KIB="8", ARGON2_TIME_COST="1")
    assert imported(cheap, write_rows(tmp_path / "users.jsonl", rows))["made"] == 600
    users = exported(anywhere, "--with-password-hashes")
    without = [n for n, user in enumerate(users) if not user.get("password_hash")]
    assert without == ([] if odd is None else [odd])


def test_a_finished_import_is_told_again_and_not_done_again(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "users.jsonl", [a_row(1), a_row(2), {"email": "nobody"}])
    first = imported(anywhere, file, status=1)
    again = imported(anywhere, file, status=1)
    assert again["finished_before_at"] is not None
    assert again["resumed_after"] == 3
    changing = {"finished_before_at", "resumed_after", "seconds"}
    assert {name: first[name] for name in first.keys() - changing} == {
        name: again[name] for name in again.keys() - changing
    }
    assert len(rejected(tmp_path / "users.jsonl.rejects.jsonl")) == 1


def test_an_import_begun_again_finds_its_own_rows_there_already(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "users.jsonl", [a_row(n) for n in range(1500)])
    assert imported(anywhere, file)["made"] == 1500
    again = imported(anywhere, file, "--restart")
    assert (again["made"], again["already_there"], again["refused"]) == (0, 1500, 0)


def test_a_file_that_has_grown_adds_what_is_new(anywhere: Gatepost, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    imported(anywhere, write_rows(path, [a_row(1), a_row(2)]))
    told = imported(anywhere, write_rows(path, [a_row(n) for n in range(1, 6)]))
    assert (told["made"], told["already_there"]) == (3, 2)


def test_csv_comes_in_as_spreadsheets_and_programs_write_it(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    file = tmp_path / "users.csv"
    file.write_bytes(
        b"\xef\xbb\xbfemail,full_name,notes,is_active,created_at\r\n"
        b'ada@example.com,"Lovelace, ""Ada""","two\r\nlines",TRUE,2024-05-01 12:00:00+00\r\n'
        b"\r\n"
        b"bob@example.com,Caf\xc3\xa9,,0,2024-05-01\r\n"
        b"cyd@example.com,too,few\r\n"
        b'"dan"@example.com,quoted badly,,,\r\n'
        b"eve@example.com,\xff,,,\r\n"
        b"fay@example.com,,,,"
    )
    told = imported(anywhere, str(file), status=1)
    assert told["ignored_columns"] == ["notes"]
    assert told["reasons"] == {"row_unreadable": 3}
    ada, bob, fay = exported(anywhere)
    assert (ada["full_name"], ada["is_active"]) == ('Lovelace, "Ada"', True)
    assert ada["created_at"] == "2024-05-01T12:00:00+00:00"
    assert (bob["full_name"], bob["is_active"]) == ("Café", False)
    assert (fay["full_name"], fay["is_active"]) == (None, True)


def test_gzip_and_standard_input_come_in(gatepost: Gatepost, tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(a_row(1)).encode()))
    assert imported(gatepost, str(file))["made"] == 1
    rows = "".join(json.dumps(a_row(n)) + "\n" for n in (1, 2))
    assert gatepost.json("import-users", "-", typed=rows)["made"] == 1


def test_a_gzip_that_ends_in_the_middle_is_told_and_what_came_before_is_kept(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    rows = b"".join(json.dumps(a_row(n)).encode() + b"\n" for n in range(12_000))
    whole = gzip.compress(rows)
    file = tmp_path / "users.jsonl.gz"
    file.write_bytes(whole[: len(whole) - 20])
    said = gatepost.refused("import-users", str(file))
    assert "the gzip is incomplete" in said
    file.write_bytes(whole)
    told = imported(gatepost, str(file))
    assert told["made"] + told["already_there"] == 12_000
    assert told["already_there"] >= 5_000


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
@pytest.mark.parametrize("name", ["users.jsonl", "users.csv"])
def test_an_empty_file_makes_nobody(
    gatepost: Gatepost, tmp_path: Path, name: str, content: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    told = imported(gatepost, str(file))
    assert (told["rows"], told["made"], told["refused"]) == (0, 0, 0)


def test_a_line_of_ten_megabytes_is_refused_and_the_next_is_not(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    long = json.dumps(a_row(1, notes="x" * 10_000_000))
    file = tmp_path / "users.jsonl"
    file.write_text(f"{long}\n{json.dumps(a_row(2))}\n", encoding="utf-8")
    assert imported(gatepost, str(file), status=1)["reasons"] == {"row_too_long": 1}
    assert len(exported(gatepost)) == 1
    (entry,) = rejected(tmp_path / "users.jsonl.rejects.jsonl")
    assert entry["original"] == long


@pytest.mark.parametrize("size", [2_000, 60_000])
def test_every_line_that_a_quote_swallows_is_refused_and_can_be_mended(
    gatepost: Gatepost, tmp_path: Path, size: int
) -> None:
    lines = [f"user{n}@example.com,User {n},a note that is of no use" for n in range(size)]
    lines[10] = 'user10@example.com,User 10,"open'
    file, header = tmp_path / "users.csv", "email,full_name,notes"
    file.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    told = imported(gatepost, str(file), status=1)
    assert told["made"] + told["refused"] == told["rows"] == size
    assert told["reasons"].keys() <= {"row_unreadable", "row_too_long"}
    entries = rejected(tmp_path / "users.csv.rejects.jsonl")
    assert [entry["original"] for entry in entries] == lines[10:]
    assert "check its quotes" in entries[0]["detail"] or "bytes" in entries[0]["detail"]

    mended = [header, *(entry["original"].replace('"open', "closed") for entry in entries)]
    (tmp_path / "mended.csv").write_text("\n".join(mended), encoding="utf-8")
    assert imported(gatepost, str(tmp_path / "mended.csv"))["made"] == size - 10


def test_a_quote_that_closes_by_chance_swallows_nobody(gatepost: Gatepost, tmp_path: Path) -> None:
    lines = [f"user{n}@example.com,note {n}" for n in range(1_000)]
    lines[10] = 'user10@example.com,"open'
    lines[500] = 'user500@example.com,closed"'
    lines[600] = 'user600@example.com,"two\nlines"'
    file = tmp_path / "users.csv"
    file.write_text("\n".join(["email,notes", *lines, ""]), encoding="utf-8")
    told = imported(gatepost, str(file), status=1)
    assert (told["made"], told["refused"]) == (509, 491)
    kept = [entry["original"] for entry in rejected(tmp_path / "users.csv.rejects.jsonl")]
    assert kept == lines[10:501]


BROKEN: dict[str, tuple[str, bytes, int, int]] = {
    "a line of JSON that is broken in two": ("jsonl", b'{"email": "x@\nexample.com"}', 3, 2),
    "two objects in a line": (
        "jsonl",
        b'{"email": "x@example.com"}{"email": "y@example.com"}',
        3,
        1,
    ),
    "two rows in an object": (
        "jsonl",
        b'{"email": "x@example.com", "full_name": "x", "email": "y@example.com"}',
        3,
        1,
    ),
    "a NUL": ("jsonl", b'{"email": "x@example.com\0"}', 3, 1),
    "nothing but NULs": ("jsonl", bytes(100), 3, 1),
    "another encoding": (
        "jsonl",
        '{"email": "x@example.com", "full_name": "Zoë"}'.encode("latin-1"),
        3,
        1,
    ),
    "UTF-16 in the middle": ("jsonl", '{"email": "x@example.com"}'.encode("utf-16"), 3, 1),
    "a surrogate": ("jsonl", b'{"email": "x@example.com", "full_name": "\\ud800"}', 3, 1),
    "deep JSON": (
        "jsonl",
        b'{"email": "x@example.com", "a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        3,
        1,
    ),
    "a NUL in CSV": ("csv", b"x@example.com\0,", 3, 1),
    "another encoding in CSV": ("csv", "x@example.com,Zoë".encode("latin-1"), 3, 1),
    "a carriage return in CSV": ("csv", b"x@example.com,a\ry@example.com,b", 3, 1),
    "a long cell": ("csv", b"x@example.com," + b"x" * 1_100_000, 3, 1),
    "a broken object in an array": ("array", b'{"email": "x@example.com" "full_name": 7}', 3, 1),
    "no object in an array": ("array", b"[7]", 3, 1),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_row_is_refused_whole_and_spoils_no_other(
    gatepost: Gatepost, tmp_path: Path, what: str
) -> None:
    kind, broken, made, refused = BROKEN[what]
    good = [f"user{n}@example.com" for n in range(3)]
    if kind == "csv":
        lines = [b"email,full_name", *(f"{email},".encode() for email in good)]
        content = b"\n".join([*lines[:2], broken, *lines[2:]])
    else:
        rows = [json.dumps({"email": email}).encode() for email in good]
        joined = (b",\n" if kind == "array" else b"\n").join([rows[0], broken, *rows[1:]])
        content = b"[" + joined + b"]" if kind == "array" else joined
    file = tmp_path / f"users.{kind.replace('array', 'jsonl')}"
    file.write_bytes(content)
    told = imported(gatepost, str(file), status=1)
    assert (told["made"], told["refused"], told["unread"]) == (made, refused, None)
    originals = [
        each if isinstance(each := entry["original"], str) else each["email"] + ","
        for entry in rejected(Path(f"{file}.rejects.jsonl"))
    ]
    assert "\n".join(originals) == broken.decode(errors="backslashreplace")


CUT_SHORT: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a gzip": ("users.jsonl.gz", lambda rows: gzip.compress(rows)[:-300], "incomplete"),
    "a gzip without its end": (
        "users.jsonl.gz",
        lambda rows: gzip.compress(rows)[:-4],
        "incomplete",
    ),
    "a gzip with something behind": (
        "users.jsonl.gz",
        lambda rows: gzip.compress(rows) + b"rubbish",
        "something else",
    ),
    "a damaged gzip": (
        "users.jsonl.gz",
        lambda rows: gzip.compress(rows)[:-8] + bytes(8),
        "damaged",
    ),
    "a gzip of CSV": (
        "users.csv.gz",
        lambda rows: gzip.compress(as_csv(rows))[:-300],
        "incomplete",
    ),
    "an array": (
        "users.jsonl",
        lambda rows: (b"[" + b",".join(rows.splitlines()))[:-10],
        "incomplete",
    ),
    "a line without an end": ("users.jsonl", lambda rows: rows + b"x" * 17_000_000, "more than"),
}


def as_csv(rows: bytes) -> bytes:
    emails = [json.loads(row)["email"] for row in rows.splitlines()]
    return "\n".join(["email", *emails, ""]).encode()


@pytest.mark.parametrize("what", CUT_SHORT)
def test_a_file_that_breaks_off_is_imported_up_to_there_and_told(
    gatepost: Gatepost, tmp_path: Path, what: str
) -> None:
    name, cut, reason = CUT_SHORT[what]
    rows = [json.dumps({"email": f"user{n}@example.com"}).encode() for n in range(12_000)]
    file = tmp_path / name
    file.write_bytes(cut(b"\n".join([*rows, b""])))
    rehearsed = imported(gatepost, str(file), "--dry-run", status=1)
    told = imported(gatepost, str(file), status=1)
    assert reason in told["unread"]
    assert told["refused"] == 0
    assert 8_000 < told["made"] == told["rows"] == rehearsed["made"] <= 12_000
    assert len(exported(gatepost)) == told["made"]
    again = gatepost.run("import-users", str(file))
    assert again.exit_code == 1
    assert f"Its first {told['made']:,} rows were read" in again.stderr
    assert reason in again.stderr


def test_lines_may_end_in_carriage_returns_alone(gatepost: Gatepost, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(b"email,full_name\ra@example.com,Ann\rb@example.com,Bob")
    assert imported(gatepost, str(tmp_path / "users.csv"))["made"] == 2
    (tmp_path / "users.jsonl").write_bytes(
        b'{"email": "c@example.com"}\r{"email": "d@example.com"}\r'
    )
    assert imported(gatepost, str(tmp_path / "users.jsonl"))["made"] == 2


def test_a_batch_of_long_rows_is_no_larger_than_another(tmp_path: Path, gatepost: Gatepost) -> None:
    rows = [a_row(n, notes="x" * 900_000) for n in range(100)]
    file = write_rows(tmp_path / "users.jsonl", rows)
    assert imported(gatepost, file)["made"] == 100


def test_no_more_than_a_thousand_unknown_columns_are_remembered(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    rows = [a_row(n, **{f"new {n} {'x' * 1_000}": 1, "phone": 1}) for n in range(3_000)]
    file = write_rows(tmp_path / "users.jsonl", rows)
    told = imported(gatepost, file)
    assert (len(told["ignored_columns"]), told["more_ignored_columns"]) == (10, True)
    assert max(map(len, told["ignored_columns"])) == 40
    assert " and others." in gatepost.run("import-users", file, "--restart").stderr


def test_a_file_that_is_no_file_of_rows_is_misuse_or_told(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    (tmp_path / "users.xlsx").write_bytes(b"PK\x03\x04")
    assert "--format" in gatepost.refused("import-users", "users.xlsx", status=2)
    assert "ZIP archive" in gatepost.refused("import-users", "users.xlsx", "--format", "csv")
    assert "cannot be read" in gatepost.refused("import-users", "none.jsonl", status=2)
    assert "cannot be read" in gatepost.refused("import-users", ".", "--format", "csv", status=2)
    (tmp_path / "wide.csv").write_text("email\n", encoding="utf-16")
    assert "UTF-16" in gatepost.refused("import-users", "wide.csv")
    (tmp_path / "twice.csv").write_text("email,email\n", encoding="utf-8")
    assert "names a column twice" in gatepost.refused("import-users", "twice.csv")
    (tmp_path / "dump.jsonl").write_text("INSERT INTO users VALUES (1);\n" * 3, encoding="utf-8")
    assert "is SQL" in gatepost.refused("import-users", "dump.jsonl")
    (tmp_path / "twice.jsonl.gz").write_bytes(gzip.compress(gzip.compress(b"{}")))
    assert "compressed twice" in gatepost.refused("import-users", "twice.jsonl.gz")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"mail": "a@example.com"}\n' * 3, "no column email, but these: mail"),
        ('[{"Email": "a@example.com"}]', "no column email, but these: Email"),
        ('{"users": [{"email": "a@example.com"}]}', "but these: users"),
        ('{\n  "email": "a@example.com"\n}\n', "no rows of JSON Lines: This is not JSON"),
        ("email,full_name\na@example.com,Ann\n", "no rows of JSON Lines: This is not JSON"),
    ],
)
def test_json_lines_without_addresses_are_told_at_once(
    gatepost: Gatepost, tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "users.jsonl").write_text(content, encoding="utf-8")
    for words in ([], ["--dry-run"]):
        assert reason in gatepost.refused("import-users", "users.jsonl", *words)
    assert not (tmp_path / "users.jsonl.rejects.jsonl").exists()


def test_a_csv_without_a_header_is_told_as_such(gatepost: Gatepost, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("ada@example.com,Ada\nbob@example.com,Bob\n")
    assert "names no column email" in gatepost.refused("import-users", "users.csv")


def test_rejects_are_their_owners_alone_and_no_secret_is_printed(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    secret = "a secret of the file"
    file = write_rows(
        tmp_path / "users.jsonl", [{"email": "nobody", "password": secret, "phone": secret}]
    )
    for words in (("--dry-run",), ("--rejects", "elsewhere.jsonl"), ("--restart", "--json")):
        result = gatepost.run("import-users", file, *words)
        assert result.exit_code == 1
        assert secret not in result.output
    kept = tmp_path / "elsewhere.jsonl"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert secret in kept.read_text()
    said = gatepost.run("import-users", file, "--rejects", "elsewhere.jsonl").stderr
    assert "with their secrets" in said


def test_rejects_of_another_import_are_not_written_over(gatepost: Gatepost, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    imported(gatepost, write_rows(path, [{"email": "nobody"}]), status=1)
    before = (tmp_path / "users.jsonl.rejects.jsonl").read_bytes()
    said = gatepost.refused("import-users", write_rows(path, [{"email": "no one"}]))
    assert "move it away" in said
    assert (tmp_path / "users.jsonl.rejects.jsonl").read_bytes() == before


@pytest.mark.parametrize("words", [("--restart",), ("--dry-run",), ()])
def test_rejects_are_not_written_over_the_file_itself_or_what_is_there(
    gatepost: Gatepost, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "users.jsonl"
    file = write_rows(path, [{"email": "nobody"}])
    before = path.read_bytes()
    gatepost.run("import-users", file)
    assert "overwrite the file itself" in gatepost.refused(
        "import-users", file, "--rejects", "users.jsonl", *words, status=2
    )
    assert path.read_bytes() == before
    (tmp_path / "other").write_bytes(b"precious")
    said = gatepost.run("import-users", file, "--dry-run", "--rejects", "other").stderr
    assert "move it away" in said
    assert (tmp_path / "other").read_bytes() == b"precious"


def test_admins_come_in_only_when_they_are_allowed(gatepost: Gatepost, tmp_path: Path) -> None:
    rows = [a_row(1, role="admin"), a_row(2, role="moderator")]
    file = write_rows(tmp_path / "users.jsonl", rows)
    assert imported(gatepost, file, status=1)["reasons"] == {"role_not_allowed": 1}
    assert imported(gatepost, file, "--allow-admins", "--rejects", "r2.jsonl")["made"] == 1
    assert {user["role"] for user in exported(gatepost)} == {"admin", "moderator"}


def test_plain_passwords_meet_the_policy_if_that_is_asked_for(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "users.jsonl", [{"email": "ada@example.com", "password": "short"}])
    assert imported(gatepost, file, "--check-passwords", status=1)["reasons"] == {
        "password_weak": 1
    }
    assert imported(gatepost, file, "--rejects", "none.jsonl")["made"] == 1


def test_the_audit_log_tells_of_imports_and_exports(gatepost: Gatepost, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "users.jsonl", [a_row(1), {"email": "nobody"}])
    imported(gatepost, file, status=1)
    exported(gatepost, "--with-password-hashes")
    events = gatepost.json("audit", "list")
    told = {event["event"]: event["details"] for event in events}
    assert set(told) == {"users.import_begun", "users.imported", "users.exported"}
    assert told["users.imported"]["import"] == told["users.import_begun"]["import"]
    assert (told["users.imported"]["made"], told["users.imported"]["refused"]) == (1, 1)
    assert told["users.exported"]["password_hashes"] is True


def test_a_database_that_fails_is_told_and_what_to_do_then(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "users.jsonl", [a_row(1)])
    impatient = gatepost.having(DATABASE_POOL_TIMEOUT_SECONDS="1")
    with contextlib.closing(sqlite3.connect(tmp_path / "test.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        said = impatient.refused("import-users", file)
    assert "The database failed: another program keeps the file locked." in said
    assert "Run the command again with the same file to resume." in said
    assert imported(gatepost, file)["made"] == 1


def test_the_report_is_for_people(gatepost: Gatepost, tmp_path: Path) -> None:
    rows = [a_row(1), a_row(1), a_row(2, email="nobody", phone="1")]
    file = write_rows(tmp_path / "users.jsonl", rows)
    rehearsed = gatepost.run("import-users", file, "--dry-run")
    assert rehearsed.exit_code == 1
    assert "Nothing was written. 3 rows" in rehearsed.stdout
    assert "row 3: email: This is not an email address." in rehearsed.stderr
    done = gatepost.run("import-users", file)
    assert re.search(r"already there +1  accounts that are the same", done.stdout)
    assert re.search(r"field_invalid +1  a value", done.stdout)
    assert "were ignored: phone." in done.stderr
    assert "was already imported on" in gatepost.run("import-users", file).stdout


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "csv.gz"])
def test_what_is_exported_comes_in_again_as_it_was(
    anywhere: Gatepost, gatepost: Gatepost, tmp_path: Path, suffix: str
) -> None:
    names = [
        *FORMULAS,
        "Zoë ‰",
        "日本 語",
        '"quoted", twice',
        "back\\slash \\N",
        "NULL",
        "\u1e9b\u0323",
    ]
    rows = [a_row(n, full_name=name, email=f"=+{n}@exämple.com") for n, name in enumerate(names)]
    rows += [a_row(100, is_active=False, username=None, full_name=None, password_hash=None)]
    rows += [a_row(101, role="moderator", email_verified=True, created_at="1970-01-01T00:00Z")]
    assert imported(gatepost, write_rows(tmp_path / "users.jsonl", rows))["made"] == len(rows)

    file = str(tmp_path / f"out.{suffix}")
    gatepost.done("export-users", file, "--with-password-hashes")
    told = imported(anywhere, file)

    assert told["ignored_columns"] == ["id"]
    hashes = "--with-password-hashes"
    assert without_ids(exported(anywhere, hashes)) == without_ids(exported(gatepost, hashes))


def test_times_come_in_to_the_microsecond(anywhere: Gatepost, tmp_path: Path) -> None:
    times = [
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999999Z",
        "2000-02-29T00:00:59.000001Z",
        "2025-01-02T03:04:05",
        "2025-01-02 23:30:00.5-01:00",
        "8999-12-31T23:59:59Z",
    ]
    rows = [
        {"email": f"{created}.{updated}@example.com", "created_at": time, "updated_at": later}
        for created, time in enumerate(times)
        for updated, later in enumerate(times)
    ]
    rows.append({"email": "once@example.com", "created_at": times[1]})
    assert imported(anywhere, write_rows(tmp_path / "users.jsonl", rows))["made"] == len(rows)

    for row, user in zip(rows, exported(anywhere), strict=True):
        created_at, updated_at = row["created_at"], row.get("updated_at", row["created_at"])
        assert at(user["created_at"]) == at(created_at), row
        assert at(user["updated_at"]) == at(updated_at), row


def at(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def without_ids(users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: user[name] for name in user.keys() - {"id"}} for user in users]


def test_an_export_is_its_owners_alone_and_holds_no_hash_unless_asked(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    imported(gatepost, write_rows(tmp_path / "users.jsonl", [a_row(1)]))
    file = tmp_path / "out.csv"
    assert "only you can read" in gatepost.done("export-users", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "argon2" not in file.read_text()
    assert "argon2" not in gatepost.done("export-users")
    before = file.read_bytes()
    assert "exists already" in gatepost.refused("export-users", str(file), status=2)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.csv"]


def test_no_cell_of_an_export_is_a_formula_unless_asked_for(
    gatepost: Gatepost, tmp_path: Path
) -> None:
    rows = [a_row(n, full_name=name) for n, name in enumerate(FORMULAS)]
    imported(gatepost, write_rows(tmp_path / "users.jsonl", rows))
    words = ("export-users", "--format", "csv")
    cells = [row["full_name"] for row in csv.DictReader(io.StringIO(gatepost.done(*words)))]
    assert [cell[0] for cell in cells] == ["'"] * len(FORMULAS)
    exact = csv.DictReader(io.StringIO(gatepost.done(*words, "--exact")))
    assert [row["full_name"] for row in exact] == FORMULAS


def test_an_export_takes_only_the_users_that_are_wanted(gatepost: Gatepost, tmp_path: Path) -> None:
    rows = [a_row(1, role="moderator"), a_row(2, is_active=False), a_row(3)]
    imported(gatepost, write_rows(tmp_path / "users.jsonl", rows))
    assert [u["email"] for u in exported(gatepost, "--role", "moderator")] == ["user1@example.com"]
    assert [u["email"] for u in exported(gatepost, "--disabled")] == ["user2@example.com"]


def test_an_export_of_several_pages_has_everybody_once(anywhere: Gatepost, tmp_path: Path) -> None:
    imported(anywhere, write_rows(tmp_path / "users.jsonl", [a_row(n) for n in range(4500)]))
    emails = [user["email"] for user in exported(anywhere)]
    assert emails == [f"user{n}@example.com" for n in range(4500)]
