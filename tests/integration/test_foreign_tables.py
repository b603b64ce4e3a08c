"""The tables of other systems are read where they are, on whichever database those run."""

import asyncio
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from gatepost.features.callers.roles import Role
from gatepost.files.rows import BrokenFile
from gatepost.security.legacy_hashes.foreign import to_phc
from gatepost.settings import DatabaseSettings
from tests.support.databases import Kind
from tests.support.foreign_hashes import TEXTS
from tests.support.taking_over import Taken, begin, take

pytestmark = pytest.mark.every_database

FASTAPI_USERS = """
CREATE TABLE {user} (
    id {uuid} NOT NULL, email VARCHAR(320) NOT NULL, hashed_password VARCHAR(1024) NOT NULL,
    is_active {bool} NOT NULL, is_superuser {bool} NOT NULL, is_verified {bool} NOT NULL,
    PRIMARY KEY (id)
)
"""

BETTER_AUTH_USER = """
CREATE TABLE "{table}" (
    "id" VARCHAR(36) NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL,
    "email" VARCHAR(255) UNIQUE, "emailVerified" {bool} NOT NULL, "createdAt" {time} NOT NULL,
    "role" TEXT, "banned" {bool}
)
"""

BETTER_AUTH_ACCOUNT = """
CREATE TABLE "{table}" (
    "id" VARCHAR(36) NOT NULL PRIMARY KEY, "providerId" TEXT NOT NULL,
    "userId" VARCHAR(36) NOT NULL, "password" TEXT
)
"""

DJANGO = """
CREATE TABLE {name} (
    id INTEGER NOT NULL PRIMARY KEY, password VARCHAR(128) NOT NULL, last_login {time} NULL,
    is_superuser {bool} NOT NULL, username VARCHAR(150) NOT NULL UNIQUE,
    last_name VARCHAR(150) NOT NULL, email VARCHAR(254) NOT NULL, is_staff {bool} NOT NULL,
    is_active {bool} NOT NULL, date_joined {time} NOT NULL, first_name VARCHAR(150) NOT NULL
)
"""

SUPABASE = """
CREATE TABLE auth.users (
    id UUID NOT NULL PRIMARY KEY, email VARCHAR(255), encrypted_password VARCHAR(255),
    email_confirmed_at TIMESTAMPTZ, raw_app_meta_data JSONB, raw_user_meta_data JSONB,
    is_super_admin BOOLEAN, created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, phone TEXT,
    banned_until TIMESTAMPTZ, deleted_at TIMESTAMPTZ, is_anonymous BOOLEAN NOT NULL,
    confirmation_token VARCHAR(255)
)
"""

TYPES: dict[Kind, dict[str, str]] = {
    "sqlite": {
        "order": '"order"',
        "user": "user",
        "uuid": "CHAR(36)",
        "bool": "BOOLEAN",
        "time": "DATETIME",
    },
    "postgresql": {
        "order": '"order"',
        "user": '"user"',
        "uuid": "UUID",
        "bool": "BOOLEAN",
        "time": "TIMESTAMPTZ",
    },
    "mariadb": {
        "order": "`order`",
        "user": "user",
        "uuid": "CHAR(36)",
        "bool": "BOOL",
        "time": "DATETIME(6)",
    },
}

ADA = "8e5e3c7e-0001-4a5e-9d0a-000000000001"
GRACE = "8e5e3c7e-0001-4a5e-9d0a-000000000002"

Execute = Callable[..., None]


@pytest.fixture
def execute(database_kind: Kind, fresh_database_url: str) -> Execute:
    """Run statements on the other system's database."""

    def run(*statements: str) -> None:
        async def run_all() -> None:
            url = DatabaseSettings(database_url=fresh_database_url).sqlalchemy_url
            engine = create_async_engine(url)
            async with engine.begin() as connection:
                for statement in statements:
                    await connection.execute(text(statement.format(**TYPES[database_kind])))
            await engine.dispose()

        asyncio.run(run_all())

    return run


def take_table(name: str, url: str, **options: object) -> Taken:
    source = begin(name, **options)
    with source.rows_of_table(url) as rows:
        return take(source, rows)


def quoted(hashed: str) -> str:
    return "'" + hashed.replace(":", "\\:") + "'"


def test_fastapi_users_are_read_from_their_table(fresh_database_url: str, execute: Execute) -> None:
    insert, hashed = "INSERT INTO {user} VALUES", quoted(TEXTS["pwdlib Argon2"])
    execute(
        FASTAPI_USERS,
        f"{insert} ('{GRACE}', 'grace@example.com', {hashed}, false, false, true)",
        f"{insert} ('{ADA}', 'ada@example.com', {hashed}, true, true, false)",
    )
    for name in ("fastapi-users", "full-stack-template"):
        users = take_table(name, fresh_database_url).users
        assert list(users) == ["ada@example.com", "grace@example.com"]
        ada, grace = users.values()
        assert (ada.role, ada.is_active, ada.email_verified) == (Role.ADMIN, True, False)
        assert (grace.role, grace.is_active, grace.email_verified) == (Role.USER, False, True)
        assert ada.password_hash == TEXTS["pwdlib Argon2"]


def test_djangos_users_are_read_from_the_table_that_is_named(
    fresh_database_url: str, execute: Execute
) -> None:
    for name in ("auth_user", "accounts_person"):
        execute(
            DJANGO.replace("{name}", name),
            f"INSERT INTO {name} VALUES (1, {quoted(TEXTS['Django PBKDF2-SHA256'])}, NULL, true, "
            f"'grace', 'Hopper', '{name}@example.com', true, true, '2019-03-01 10:50:51.232287', "
            "'Grace')",
        )
    assert list(take_table("django", fresh_database_url).users) == ["auth_user@example.com"]
    users = take_table("django", fresh_database_url, table="accounts_person").users
    grace = users["accounts_person@example.com"]
    assert (grace.full_name, grace.role, grace.username) == ("Grace Hopper", Role.ADMIN, "grace")
    assert grace.created_at is not None
    assert grace.created_at.isoformat() == "2019-03-01T10:50:51.232287+00:00"


@pytest.mark.databases("postgresql")
def test_supabases_users_are_read_from_their_schema(
    fresh_database_url: str, execute: Execute
) -> None:
    execute(
        "CREATE SCHEMA auth",
        SUPABASE,
        "INSERT INTO auth.users VALUES ('460759de-e5a3-5bf7-92ad-41ca4ac4f9a1', "
        f"'ada@example.com', {quoted(TEXTS['pwdlib bcrypt'])}, now(), "
        """'{{"providers"\\: ["email", "github"], "role"\\: "moderator"}}', """
        """'{{"full_name"\\: "Ada Lovelace"}}', NULL, '2024-05-01 12\\:00\\:00.5+02', now(), """
        "NULL, NULL, NULL, false, '')",
    )
    taken = take_table("supabase", fresh_database_url)
    ada = taken.users["ada@example.com"]
    assert (ada.full_name, ada.role, ada.email_verified) == ("Ada Lovelace", Role.MODERATOR, True)
    assert ada.created_at is not None
    assert ada.created_at.isoformat() == "2024-05-01T10:00:00.500000+00:00"
    assert taken.skipped == {"social logins": 1}


def test_a_table_of_any_size_is_read_from_any_thread(
    fresh_database_url: str, execute: Execute
) -> None:
    values = ",".join(
        f"('8e5e3c7e-0001-4a5e-9d0a-{number:012}', 'u{number}@example.com', 'x', true, false, true)"
        for number in range(2_500)
    )
    execute(FASTAPI_USERS, "INSERT INTO {user} VALUES " + values)
    source = begin("fastapi-users")
    seen: list[object] = []
    with source.rows_of_table(fresh_database_url) as rows:
        while len(seen) < 2_500:
            thread = threading.Thread(target=lambda: seen.extend(next(rows) for _ in range(500)))
            thread.start()
            thread.join()
        assert next(rows, None) is None


def test_a_reading_that_is_given_up_lets_its_connection_go(
    fresh_database_url: str, execute: Execute
) -> None:
    execute(
        FASTAPI_USERS,
        f"INSERT INTO {{user}} VALUES ('{ADA}', 'ada@example.com', 'x', true, false, true)",
    )
    with begin("fastapi-users").rows_of_table(fresh_database_url) as rows:
        assert next(rows)
    execute("DROP TABLE {user}")  # which would wait for whoever still reads it


KEYS = {
    "another name": ("user_id INTEGER NOT NULL PRIMARY KEY,", ""),
    "uuid": ("uid {uuid} NOT NULL PRIMARY KEY,", ""),
    "composite": ("realm VARCHAR(10) NOT NULL, nr INTEGER NOT NULL,", ", PRIMARY KEY (realm, nr)"),
    "the address": ("", ", PRIMARY KEY (email)"),
    "none": ("", ""),
    "reserved words": ("{order} INTEGER NOT NULL PRIMARY KEY,", ""),
}
FIRST, SECOND = "8e5e3c7e-0001-4a5e-9d0a-000000000001", "8e5e3c7e-0001-4a5e-9d0a-000000000002"
VALUES = {
    "another name": ("1,", "2,"),
    "uuid": (f"'{FIRST}',", f"'{SECOND}',"),
    "composite": ("'acme', 1,", "'acme', 2,"),
    "the address": ("", ""),
    "none": ("", ""),
    "reserved words": ("1,", "2,"),
}


@pytest.mark.parametrize(("users", "accounts"), [("user", "account"), ("users", "accounts")])
def test_better_auths_passwords_are_read_from_the_table_beside(
    fresh_database_url: str,
    execute: Execute,
    users: str,
    accounts: str,
    database_kind: Kind,
) -> None:
    def written(statement: str) -> str:
        if users == "users":  # as other adapters write it
            statement = re.sub("[A-Z](?=[a-z])", lambda found: f"_{found[0].lower()}", statement)
        return statement.replace('"', "`") if database_kind == "mariadb" else statement

    hashed = TEXTS["better-auth"].replace(":", "\\:")
    noon = "'2024-05-01 12\\:00\\:00'"
    execute(
        written(BETTER_AUTH_USER.replace("{table}", users)),
        written(BETTER_AUTH_ACCOUNT.replace("{table}", accounts)),
        written(
            f"""INSERT INTO "{users}" VALUES
            ('b', 'Ada', 'ada@example.com', TRUE, {noon}, 'admin', FALSE),
            ('a', 'Grace', 'grace@example.com', FALSE, {noon}, NULL, TRUE),
            ('c', 'Joan', 'joan@example.com', FALSE, {noon}, NULL, FALSE)"""
        ),
        f"""INSERT INTO {accounts} VALUES ('1', 'credential', 'b', '{hashed}'),
            ('2', 'github', 'b', NULL), ('3', 'google', 'b', NULL), ('4', 'google', 'c', NULL),
            ('5', 'credential', 'a', '{hashed}')""",
    )
    options = {"table": "users"} if users == "users" else {}
    taken = take_table("better-auth", fresh_database_url, **options)
    assert list(taken.users) == ["grace@example.com", "ada@example.com", "joan@example.com"]
    grace, ada, joan = taken.users.values()
    assert ada.password_hash == grace.password_hash == to_phc(TEXTS["better-auth"])
    assert (joan.password_hash, grace.is_active, ada.email_verified) == (None, False, True)
    assert (ada.role, ada.created_at) == (Role.ADMIN, datetime(2024, 5, 1, 12, tzinfo=UTC))
    assert taken.skipped == {"social logins": 3}


def test_a_table_beside_that_is_not_there_is_told(
    fresh_database_url: str, execute: Execute
) -> None:
    execute("CREATE TABLE {user} (id VARCHAR(36) PRIMARY KEY, email VARCHAR(255))")
    with pytest.raises(BrokenFile, match="no table account or accounts beside user"):
        take_table("better-auth", fresh_database_url)
    execute("CREATE TABLE account (id VARCHAR(36), password TEXT)")
    with pytest.raises(BrokenFile, match="its table account has no column userId"):
        take_table("better-auth", fresh_database_url)


@pytest.mark.databases("postgresql")
def test_times_that_no_calendar_has_are_read_from_a_table_as_from_a_file(
    fresh_database_url: str, execute: Execute
) -> None:
    untils = ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC"]
    row = (
        "INSERT INTO auth.users VALUES (gen_random_uuid(), '{}@example.com', NULL, NULL, NULL, "
        "NULL, NULL, '{}', '{}', NULL, '{}', NULL, false, '')"
    )
    rows = (row.format(n, until, until, until) for n, until in enumerate(untils))
    execute("CREATE SCHEMA auth", SUPABASE, *rows)
    taken = take_table("supabase", fresh_database_url)
    users = [taken.users[f"{number}@example.com"] for number in range(len(untils))]
    assert [user.is_active for user in users] == [False, True, False, True]
    assert {(user.created_at, user.updated_at) for user in users} == {(None, None)}


@pytest.mark.databases("mariadb")
def test_mariadbs_zeros_are_no_time(fresh_database_url: str, execute: Execute) -> None:
    execute(
        DJANGO.replace("{name}", "auth_user"),
        "SET SESSION sql_mode = ''",
        "INSERT INTO auth_user VALUES (1, '!', NULL, 0, 'ada', '', 'ada@example.com', 0, 1, "
        "'0000-00-00 00\\:00\\:00', '')",
    )
    assert take_table("django", fresh_database_url).users["ada@example.com"].created_at is None


@pytest.mark.parametrize("name", ["django", "fastapi-users", "full-stack-template", "supabase"])
@pytest.mark.parametrize("key", KEYS)
def test_a_table_is_read_whatever_its_primary_key_is(
    fresh_database_url: str, execute: Execute, name: str, key: str
) -> None:
    columns, constraint = KEYS[key]
    first, second = VALUES[key]
    execute(
        f"CREATE TABLE people ({columns} email VARCHAR(100) NOT NULL {constraint})",
        f"INSERT INTO people VALUES ({second} 'grace@example.com')",
        f"INSERT INTO people VALUES ({first} 'ada@example.com')",
        "CREATE VIEW active AS SELECT * FROM people",
    )
    for table in ("people", "active"):
        users = take_table(name, fresh_database_url, table=table).users
        assert list(users) == ["ada@example.com", "grace@example.com"]


def test_what_cannot_be_read_is_told_without_the_password(
    fresh_database_url: str, execute: Execute
) -> None:
    execute("CREATE TABLE auth_users (id INTEGER NOT NULL PRIMARY KEY, size INTEGER)")
    with pytest.raises(BrokenFile, match="has no table user "):
        take_table("fastapi-users", fresh_database_url)
    with pytest.raises(BrokenFile, match=r"no table auth_user .* similar ones are auth_users"):
        take_table("django", fresh_database_url)
    with pytest.raises(BrokenFile, match=r"has no table auth\.users "):
        take_table("supabase", fresh_database_url)
    with pytest.raises(BrokenFile, match="no column email, but these: id, size"):
        take_table("django", fresh_database_url, table="auth_users")
    execute("CREATE TABLE members (email VARCHAR(99))")
    with pytest.raises(BrokenFile, match="table members has no column id, but these: email"):
        take_table("better-auth", fresh_database_url, table="members")


@pytest.mark.databases("postgresql", "mariadb")
def test_a_right_that_is_missing_is_told_as_such(
    fresh_database_url: str, execute: Execute, database_kind: Kind
) -> None:
    here = make_url(fresh_database_url)
    user = f"reader_{secrets.token_hex(4)}"
    named = user if database_kind == "postgresql" else f"'{user}'@'%'"
    with_password = "PASSWORD" if database_kind == "postgresql" else "IDENTIFIED BY"
    execute(
        DJANGO.replace("{name}", "auth_user"),
        "CREATE TABLE other (email VARCHAR(100))",
        f"CREATE USER {named} {with_password} 'hunter2'",
        f"GRANT SELECT ON other TO {named}",
    )
    url = here.set(username=user, password="hunter2").render_as_string(hide_password=False)
    try:
        with pytest.raises(BrokenFile, match="auth_user could not be read: this user lacks"):
            take_table("django", url)
        assert not take_table("django", url, table="other").users
        with pytest.raises(BrokenFile, match="cannot be connected to: it refuses the user"):
            take_table("django", url.replace(user, "nobody"))
    finally:
        execute(
            *(["DROP OWNED BY " + user] if database_kind == "postgresql" else []),
            f"DROP USER {named}",
        )


def test_what_fails_while_a_table_is_read_is_not_taken_for_a_failure_of_the_table(
    fresh_database_url: str, execute: Execute
) -> None:
    execute("CREATE TABLE auth_user (email VARCHAR(100))")

    def fail_elsewhere() -> None:
        with begin("django").rows_of_table(fresh_database_url) as rows:
            assert next(rows, None) is None
            raise OperationalError("INSERT", None, OSError())

    with pytest.raises(OperationalError):
        fail_elsewhere()


@pytest.mark.parametrize(
    ("name", "url", "reason"),
    [
        ("django", "sqlite:///./nothing-here.db", "is not a file"),
        ("django", "postgresql://ada:hunter2@127.0.0.1:1/shop", "cannot be connected to"),
        ("django", "oracle://ada:hunter2@db/shop", "not supported"),
        ("keycloak", "postgresql://ada:hunter2@127.0.0.1:1/shop", "export files only"),
    ],
)
def test_a_url_that_leads_nowhere_is_told(
    name: str, url: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrokenFile, match=reason) as refusal:
        take_table(name, url)
    assert "hunter2" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
