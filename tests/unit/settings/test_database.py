"""The database's address: from the forms people write to the one our drivers read."""

from typing import Any

import pytest

from gatepost.settings import DatabaseSettings, SettingsError


def translated(url: str) -> str:
    settings = DatabaseSettings(database_url=url)
    return settings.sqlalchemy_url.render_as_string(hide_password=False)


def mistake(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings(**values)
    return str(caught.value)


URLS = [
    ("sqlite:///./app.db", "sqlite+aiosqlite:///./app.db"),
    ("sqlite:////var/lib/app.db", "sqlite+aiosqlite:////var/lib/app.db"),
    ("sqlite+pysqlite:///app.db?check_same_thread=False", "sqlite+aiosqlite:///app.db"),
    ("postgresql://u:p@h:5432/db", "postgresql+asyncpg://u:p@h:5432/db"),
    ("postgres://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
    ("postgresql+psycopg2://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
    ("postgresql+asyncpg://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
    ("postgresql:///db", "postgresql+asyncpg:///db"),
    ("postgresql://u@[::1]:5433/db", "postgresql+asyncpg://u@[::1]:5433/db"),
    ("postgresql://u:p%40ss@h/db", "postgresql+asyncpg://u:p%40ss@h/db"),
    ("postgresql://u@h/db?sslmode=require", "postgresql+asyncpg://u@h/db?ssl=require"),
    ("postgresql://u@h/db?ssl=true", "postgresql+asyncpg://u@h/db?ssl=require"),
    ("postgresql://u@h/db?connect_timeout=10", "postgresql+asyncpg://u@h/db"),
    (" postgresql://u@h/db\n", "postgresql+asyncpg://u@h/db"),
    (
        "postgresql://u@h/db?sslmode=require&channel_binding=require",
        "postgresql+asyncpg://u@h/db?ssl=require",
    ),
    (
        "postgresql://u@h/db?prepared_statement_cache_size=0",
        "postgresql+asyncpg://u@h/db?prepared_statement_cache_size=0",
    ),
    ("postgresql://u@/db?host=/run/pg", "postgresql+asyncpg://u@/db?host=%2Frun%2Fpg"),
    ("postgresql://u@%2Frun%2Fpg/db", "postgresql+asyncpg://u@/db?host=%2Frun%2Fpg"),
    ("mysql://u:p@h:3306/db", "mysql+asyncmy://u:p@h:3306/db?charset=utf8mb4"),
    ("mariadb://u:p@h/db", "mysql+asyncmy://u:p@h/db?charset=utf8mb4"),
    ("mariadb+pymysql://u@h/db?charset=latin1", "mysql+asyncmy://u@h/db?charset=utf8mb4"),
    (
        "mysql://u@/db?unix_socket=/run/m.sock",
        "mysql+asyncmy://u@/db?charset=utf8mb4&unix_socket=%2Frun%2Fm.sock",
    ),
]


@pytest.mark.parametrize(("written", "read"), URLS)
def test_a_url_gets_our_driver_and_its_parameters(written: str, read: str) -> None:
    assert translated(written) == read


def test_without_a_setting_the_database_is_a_file_here() -> None:
    assert str(DatabaseSettings().sqlalchemy_url) == "sqlite+aiosqlite:///./gatepost.db"


def test_what_asyncpg_reads_from_a_string_only_goes_in_one() -> None:
    settings = DatabaseSettings(
        database_url="postgresql://u@h/db?sslmode=verify-full&sslrootcert=/ca.pem&application_name=a"
    )
    url = settings.sqlalchemy_url
    assert url.query["ssl"] == "verify-full"
    assert url.query["dsn"] == "postgresql:///?sslrootcert=%2Fca.pem&application_name=a"


@pytest.mark.parametrize(
    ("parameters", "encryption"),
    [
        ("", None),
        ("?ssl-mode=DISABLED", None),
        ("?ssl-mode=REQUIRED", {"check_hostname": False}),
        ("?ssl=true", {"check_hostname": False}),
        ("?ssl_ca=/ca.pem", {"ca": "/ca.pem"}),
        ("?ssl-mode=REQUIRED&ssl_ca=/ca.pem", {"ca": "/ca.pem"}),
        ("?ssl-mode=VERIFY_CA&ssl_ca=/ca.pem", {"ca": "/ca.pem", "check_hostname": False}),
        ("?ssl_mode=verify_identity&ssl_ca=/ca", {"ca": "/ca", "check_hostname": True}),
    ],
)
def test_mysqls_ssl_modes_reach_the_driver(
    parameters: str, encryption: dict[str, Any] | None
) -> None:
    url = DatabaseSettings(database_url=f"mysql://u@h/db{parameters}").sqlalchemy_url
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert arguments.get("ssl") == encryption


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is not a database URL"),
        ("postgresql://u:p@h:port/db", "is not a database URL"),
        ("oracle://u:p@h/db", "not supported"),
        ("postgresql://u:p@h", "names no database"),
        ("postgresql://u:p@ss/word@h/db", "%40"),
        ("postgresql://u:p@ssword@h/db", "%40"),
        ("mysql://u:p@ssword@h:3306/db", "%40"),
        ("postgresql://u:p@h:0/db", "port"),
        ("postgresql://u:p@h:65536/db", "port"),
        ("mysql://u:p@h:99999/db", "port"),
        ("postgresql://u@h/db?sslmode=maybe", "sslmode"),
        ("postgresql://u@h/db?password=x", "parameter that is not supported"),
        ("postgresql://u@/db?host=/x&port=y", "value that cannot be read"),
        ("mysql://u@h/db?ssl-mode=maybe", "ssl-mode"),
        ("mysql://u@h/db?ssl-mode=VERIFY_CA", "ssl_ca"),
        ("mysql://u@h/db?local_infile=1", "parameter that is not supported"),
        ("mysql://u@h/db?connect_timeout=soon", "value that cannot be read"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
        ("sqlite://app.db", "three slashes"),
        ("sqlite:///app.db?isolation_level=DEFERRED", "parameter that is not supported"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, said: str) -> None:
    refused = mistake(database_url=url)
    assert "DATABASE_URL" in refused
    assert said in refused


PARTS = {"db_host": "db.internal", "db_name": "auth", "db_user": "user"}


def test_the_parts_make_a_postgresql_address() -> None:
    url = DatabaseSettings(**PARTS, db_port=5433, db_password="pw").sqlalchemy_url
    assert url.render_as_string(hide_password=False) == (
        "postgresql+asyncpg://user:pw@db.internal:5433/auth"
    )


def test_a_password_in_parts_needs_no_escaping() -> None:
    password = "p@:/?#[]%40 'ü\\"
    url = DatabaseSettings(**PARTS, db_password=password).sqlalchemy_url
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert arguments["password"] == password
    assert arguments["host"] == "db.internal"


def test_a_host_may_be_the_folder_of_a_socket() -> None:
    url = DatabaseSettings(**{**PARTS, "db_host": "/run/pg"}, db_port=5433).sqlalchemy_url
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert (arguments["host"], arguments["port"]) == ("/run/pg", 5433)


@pytest.mark.parametrize("host", ["localhost", "db_1", "db.internal.", "10.0.0.5", "::1"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert DatabaseSettings(**{**PARTS, "db_host": host}).sqlalchemy_url.host == host


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({**PARTS, "database_url": "sqlite:///x.db"}, "DB_HOST and DATABASE_URL"),
        ({**PARTS, "db_host": "db:5432"}, "DB_HOST"),
        ({**PARTS, "db_host": "postgresql://db"}, "DB_HOST"),
        ({"db_host": "db", "db_user": "user"}, "DB_NAME"),
        ({"db_host": "db", "db_name": "auth"}, "DB_USER"),
        ({"db_name": "auth"}, "DB_NAME is given without DB_HOST"),
        ({"db_password": "x"}, "DB_PASSWORD is given without DB_HOST"),
        ({"db_user": "x", "database_url": "sqlite:///x.db"}, "DB_USER is given without DB_HOST"),
        ({**PARTS, "db_port": 65536}, "DB_PORT"),
    ],
)
def test_an_ambiguous_or_half_given_address_is_refused(values: dict[str, Any], name: str) -> None:
    assert name in mistake(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"database_url": "sqlite:///./a.db", "database_read_url": "sqlite:///./b.db"},
            "is an SQLite file",
        ),
        ({"database_read_url": "postgresql://a:s3cret@b/c"}, "is another kind of database"),
        (
            {
                "database_url": "postgresql://a:s3cret@b/c",
                "database_read_url": "mysql://a:s3cret@b/c",
            },
            "is another kind of database",
        ),
        (
            {"database_url": "postgresql://b/c", "database_read_url": "oracle://b/c"},
            "not supported",
        ),
    ],
)
def test_a_replica_of_another_kind_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        DatabaseSettings(**values)
    [problem] = refused.value.problems
    assert problem.name == "DATABASE_READ_URL"
    assert said in problem.message
    assert "s3cret" not in str(refused.value)


def test_a_replica_of_the_same_kind_gets_our_driver() -> None:
    parts = {"db_host": "db", "db_name": "gatepost", "db_user": "ada"}
    for values in ({"database_url": "postgres://b/c"}, parts):
        settings = DatabaseSettings(**values, database_read_url="postgres://replica/c")
        assert str(settings.sqlalchemy_read_url) == "postgresql+asyncpg://replica/c"
    assert DatabaseSettings().sqlalchemy_read_url is None
