"""Settings of the database: where it is, and how connections to it are kept."""

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy.engine import URL

from gatepost.settings.base import Described, SettingsGroup, refuse
from gatepost.settings.database_url import read_database_url

DEFAULT_DATABASE_URL = "sqlite:///./gatepost.db"

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9.])?")


class DatabaseSettings(SettingsGroup):
    """The database."""

    database_url: Annotated[
        str | None,
        Described(
            takes="a sqlite://, postgresql:// or mysql:// URL (or postgres://, mariadb://)",
            stands_for=DEFAULT_DATABASE_URL,
        ),
    ] = Field(
        default=None, repr=False, description="Where the database is. The driver is chosen for you."
    )
    db_host: Annotated[str | None, Described(takes="a host name, an address or a folder")] = Field(
        default=None,
        min_length=1,
        description="A PostgreSQL server (or the folder of its socket), in place of "
        "`DATABASE_URL`.",
    )
    db_port: int = Field(default=5432, ge=1, le=65535, description="That server's port.")
    db_name: Annotated[str | None, Described(takes="a name; required with DB_HOST")] = Field(
        default=None, min_length=1, validate_default=True, description="The database on it."
    )
    db_user: Annotated[str | None, Described(takes="a name; required with DB_HOST")] = Field(
        default=None, min_length=1, validate_default=True, description="Who connects to it."
    )
    db_password: Annotated[
        str | None, Described(takes="any text, as it is: nothing needs escaping")
    ] = Field(default=None, repr=False, description="That user's password.")
    database_read_url: Annotated[
        str | None, Described(takes="a URL of the same kind; PostgreSQL, MariaDB or MySQL")
    ] = Field(
        default=None,
        repr=False,
        description="A replica of the database, which lists are read from. It may be a moment "
        "behind; while it is away, they are read from the database itself.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=100, description="Connections that one process keeps at most."
    )
    database_pool_timeout_seconds: int = Field(
        default=5,
        ge=1,
        le=60,
        description="How long a request waits for a connection, and how long the database may take "
        "to let one in; then the request is answered 503.",
    )
    database_statement_timeout_seconds: int = Field(
        default=30,
        ge=1,
        le=3600,
        description="How long the database works on one statement, waiting for locks included; "
        "then its request is answered 503.",
    )
    database_idle_transaction_timeout_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="How long a transaction may hold its locks while nothing happens in it; then "
        "PostgreSQL or MariaDB ends it.",
    )
    database_wait_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="How long a service that starts waits for a database that does not answer yet.",
    )
    migrate_on_start: bool = Field(
        default=True, description="Bring the schema up to date when the service starts."
    )

    @field_validator("database_url")
    @classmethod
    def _a_database_url_can_be_used(cls, value: str | None) -> str | None:
        if value is not None:
            read_database_url(value)
        return value

    @field_validator("db_host")
    @classmethod
    def _the_database_is_named_once(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("database_url", "refused") is not None:
            refuse("and DATABASE_URL are both given", "Keep one of them and remove the other.")
        if value is not None and not _is_host(value):
            refuse("is not a host", "Write its name or address alone; the port goes to DB_PORT.")
        return value

    @field_validator("db_name", "db_user", "db_password")
    @classmethod
    def _the_parts_belong_to_a_host(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "db_host" not in info.data:
            return value
        host = info.data["db_host"]
        if host is None and value is not None:
            refuse("is given without DB_HOST", "Set DB_HOST too, or use DATABASE_URL alone.")
        if host is not None and value is None and info.field_name != "db_password":
            refuse("is required with DB_HOST", "Set it, or use DATABASE_URL in place of both.")
        return value

    @field_validator("database_read_url")
    @classmethod
    def _a_replica_is_of_the_same_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or not {"database_url", "db_host"} <= info.data.keys():
            return value
        kind = read_database_url(value).get_backend_name()
        if kind == "sqlite":
            refuse("is an SQLite file", "Leave it out: there readers wait for nobody.")
        primary = "postgresql"
        if info.data["db_host"] is None:
            url = read_database_url(info.data["database_url"] or DEFAULT_DATABASE_URL)
            primary = url.get_backend_name()
        if kind != primary:
            refuse("is another kind of database", "Name a replica of the one that is written to.")
        return value

    @property
    def sqlalchemy_read_url(self) -> URL | None:
        """The replica's URL for SQLAlchemy, where there is one."""
        return None if self.database_read_url is None else read_database_url(self.database_read_url)

    @property
    def sqlalchemy_url(self) -> URL:
        """The database's URL for SQLAlchemy, with the asynchronous driver that Gatepost uses."""
        if self.db_host is None:
            return read_database_url(self.database_url or DEFAULT_DATABASE_URL)
        is_socket = self.db_host.startswith("/")
        return URL.create(
            "postgresql+asyncpg",
            username=self.db_user,
            password=self.db_password,
            host=None if is_socket else self.db_host,
            port=None if is_socket else self.db_port,
            database=self.db_name,
            query={"host": self.db_host, "port": str(self.db_port)} if is_socket else {},
        )


def _is_host(text: str) -> bool:
    if text.startswith("/") or _HOST_NAME.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
