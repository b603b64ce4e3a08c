"""What stops a migration is told in a sentence, by `migrate`, `check` and a service that starts."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from gatepost.db.engine import open_engine
from gatepost.migrations.revisions import head_revision
from gatepost.settings import DatabaseSettings
from tests.support.command import Gatepost
from tests.support.databases import Kind, _execute


@pytest.fixture
def empty(gatepost: Gatepost, fresh_database_url: str) -> Gatepost:
    """The command on an empty database."""
    return gatepost.having(DATABASE_URL=fresh_database_url)


def run_sql(url: str, *statements: str) -> None:
    async def run() -> None:
        engine = open_engine(DatabaseSettings(database_url=url), without_statement_timeout=True)
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        await engine.dispose()

    asyncio.run(run())


def sentence_of(gatepost: Gatepost, *words: str) -> str:
    """What a command says that refuses, in one line; neither a traceback nor advice that fails."""
    result = gatepost.run(*words)
    assert result.exit_code == 1, result.output
    said = " ".join(result.output.split())
    assert "Traceback" not in said
    assert "s3cret" not in said
    return said


def refusals(gatepost: Gatepost) -> Iterator[str]:
    """The same obstacle, as each command tells it."""
    yield sentence_of(gatepost, "migrate")
    looked = sentence_of(gatepost, "check")
    assert "Run `gatepost migrate`" not in looked
    yield looked
    yield sentence_of(gatepost, "users", "list")


def refusal_of_the_service(gatepost: Gatepost) -> str:
    done = gatepost.run_process("serve", "--port", "0")
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "Traceback" not in said
    return said


IN_THE_WAY = {
    "a table": "CREATE TABLE gatepost_items (id INTEGER)",
    "a view": "CREATE VIEW gatepost_users AS SELECT 1 AS one",
}
IN_THE_WAY_OF_INDEXES = {
    "an index": "CREATE INDEX ix_gatepost_users_role_id ON theirs (id)",
    "a constraint": "ALTER TABLE theirs ADD CONSTRAINT uq_gatepost_users_email_key UNIQUE (id)",
    "a sequence": "CREATE SEQUENCE gatepost_users_id_seq",
    "a type": "CREATE TYPE gatepost_sessions AS ENUM ('a')",
}


@pytest.mark.parametrize("statement", IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_a_hosts_table_in_the_way_is_told_before_anything_is_made(
    empty: Gatepost, statement: str
) -> None:
    url = empty.environ["DATABASE_URL"]
    run_sql(url, statement)
    for said in refusals(empty):
        assert "gatepost_" in said
        assert "exists already, but Gatepost did not create it" in said
    kind, name = statement.split()[1:3]
    run_sql(url, f"DROP {kind} {name}")
    assert empty.json("migrate")["to"] == head_revision()


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("statement", IN_THE_WAY_OF_INDEXES.values(), ids=IN_THE_WAY_OF_INDEXES)
def test_a_hosts_index_in_the_way_is_told(empty: Gatepost, statement: str) -> None:
    run_sql(empty.environ["DATABASE_URL"], "CREATE TABLE theirs (id INTEGER)", statement)
    for said in refusals(empty):
        assert "exists already, but Gatepost did not create it" in said


@pytest.mark.databases("mariadb")
def test_a_hosts_foreign_key_in_the_way_is_told(empty: Gatepost) -> None:
    run_sql(
        empty.environ["DATABASE_URL"],
        "CREATE TABLE theirs (id INTEGER PRIMARY KEY, other INTEGER,"
        " CONSTRAINT fk_gatepost_items_owner_id_gatepost_users FOREIGN KEY (other)"
        " REFERENCES theirs (id))",
    )
    for said in refusals(empty):
        assert "The foreign key fk_gatepost_items_owner_id_gatepost_users exists already" in said


@contextmanager
def a_user_of(server: str, url: str, *grants: str) -> Iterator[str]:
    """The URL by which a user connects who may do no more than this."""
    kind: Kind = "postgresql" if url.startswith("postgresql") else "mariadb"
    name = f"gp_{secrets.token_hex(4)}"
    made = {
        "postgresql": (f"CREATE ROLE {name} LOGIN PASSWORD 's3cret'",),
        "mariadb": (f"CREATE USER {name} IDENTIFIED BY 's3cret'",),
    }[kind]
    try:
        for statement in (*made, *(grant.format(user=name) for grant in grants)):
            _execute(kind, url, statement)
        yield (
            make_url(url)
            .set(username=name, password="s3cret")
            .render_as_string(hide_password=False)
        )
    finally:
        if kind == "postgresql":
            _execute(kind, url, f"DROP OWNED BY {name}")
        _execute(kind, server, f"DROP {'ROLE' if kind == 'postgresql' else 'USER'} {name}")


@pytest.mark.slow
@pytest.mark.databases("postgresql")
def test_a_user_who_may_not_make_tables_is_told_what_to_grant(
    empty: Gatepost, database_server: str
) -> None:
    url = empty.environ["DATABASE_URL"]
    _execute("postgresql", url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with a_user_of(database_server, url) as limited_url:
        limited = empty.having(DATABASE_URL=limited_url)
        for said in refusals(limited):
            assert "may not create tables in the schema public" in said
            assert "GRANT CREATE ON SCHEMA public TO gp_" in said
        assert "GRANT CREATE ON SCHEMA public" in refusal_of_the_service(limited)
        empty.done("migrate")
        # The tables are another user's now, whose revision this one may not read.
        for words in (("migrate",), ("check",)):
            assert "permission denied for table gatepost_alembic_version" in sentence_of(
                limited, *words
            )


@pytest.mark.databases("postgresql")
def test_a_search_path_that_leads_nowhere_is_told(empty: Gatepost) -> None:
    url = make_url(empty.environ["DATABASE_URL"])
    for path, reason in {
        "nowhere": "There is no schema to create tables in: search_path is nowhere",
        "other,public": "are in the schema public, but search_path begins with other",
    }.items():
        lost = url.update_query_dict({"options": f"-csearch_path={path}"})
        lost_url = lost.render_as_string(hide_password=False)
        for words in (("migrate",), ("check",)) if path == "nowhere" else ():
            assert reason in sentence_of(empty.having(DATABASE_URL=lost_url), *words)
    empty.done("migrate")
    run_sql(
        empty.environ["DATABASE_URL"],
        "CREATE SCHEMA other",
        "UPDATE gatepost_alembic_version SET version_num = 'a' WHERE false",
        "DELETE FROM gatepost_alembic_version",
    )
    said = sentence_of(empty.having(DATABASE_URL=lost_url), "migrate")
    assert "are in the schema public, but search_path begins with other" in said


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8_is_told(
    empty: Gatepost, database_server: str, encoding: str
) -> None:
    name = f"gp_{secrets.token_hex(4)}"
    _execute(
        "postgresql",
        database_server,
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C'"
        " LC_CTYPE 'C'",
    )
    try:
        url = make_url(database_server).set(database=name).render_as_string(hide_password=False)
        for said in refusals(empty.having(DATABASE_URL=url)):
            assert f"The database's encoding is {encoding}" in said
            assert "ENCODING 'UTF8'" in said
    finally:
        _execute("postgresql", database_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.databases("postgresql")
def test_a_database_that_may_only_be_read_is_told(empty: Gatepost) -> None:
    url = make_url(empty.environ["DATABASE_URL"])
    read_only = url.update_query_dict({"options": "-cdefault_transaction_read_only=on"})
    limited = empty.having(DATABASE_URL=read_only.render_as_string(hide_password=False))
    for said in refusals(limited):
        assert "is read-only" in said


@pytest.mark.databases("mariadb")
@pytest.mark.parametrize("rights", ["SELECT", "SELECT, INSERT, UPDATE, DELETE, CREATE"])
def test_a_user_who_lacks_rights_is_told_which(
    empty: Gatepost, database_server: str, rights: str
) -> None:
    url = empty.environ["DATABASE_URL"]
    database = make_url(url).database
    grant = f"GRANT {rights} ON `{database}`.* TO {{user}}"
    with a_user_of(database_server, url, grant) as limited_url:
        for said in refusals(empty.having(DATABASE_URL=limited_url)):
            assert "ALTER, DROP, INDEX, REFERENCES in" in said
            assert "Let an administrator run: GRANT" in said
    run_sql(url, "CREATE TABLE theirs (id INTEGER)")  # nothing was made, and nothing is locked


@pytest.mark.databases("sqlite")
def test_a_file_that_may_only_be_read_is_told(gatepost: Gatepost) -> None:
    file = gatepost.folder / "empty.db"
    file.touch()
    file.chmod(0o400)
    limited = gatepost.having(DATABASE_URL="sqlite:///./empty.db")
    if not _may_be_written(file):
        assert "may only be read" in sentence_of(limited, "migrate")


def _may_be_written(file: Path) -> bool:
    """Whether the tests run as somebody whom no mode stops."""
    try:
        file.open("r+b").close()
    except PermissionError:
        return False
    return True


def test_a_hosts_own_alembic_is_no_other_version_of_gatepost(empty: Gatepost) -> None:
    run_sql(
        empty.environ["DATABASE_URL"],
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version (version_num) VALUES ('0123456789ab')",
    )
    assert "does not exist yet. Run `gatepost migrate`." in sentence_of(empty, "check")
    assert empty.json("migrate") == {"from": None, "to": head_revision(), "changed": True}
    assert head_revision() in str(empty.json("check"))
