"""Settings of the database: where it is, and how connections to it are kept."""

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy.engine import URL

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
from gatepost.settings.database_url import read_database_url

DEFAULT_DATABASE_URL = "sqlite:///./gatepost.db"

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9.])?")


class DatabaseSettings(SettingsGroup):
    """The database."""

    database_url: Annotated[
        str | None,
        SettingInfo(
            takes="a sqlite://, postgresql:// or mysql:// URL (or postgres://, mariadb://)",
            effective_default=DEFAULT_DATABASE_URL,
        ),
    ] = Field(
        default=None,
        repr=False,
        description="The URL of the database. Gatepost chooses the driver.",
    )
    db_host: Annotated[str | None, SettingInfo(takes="a host name, an address or a folder")] = (
        Field(
            default=None,
            min_length=1,
            description="A PostgreSQL server (or the folder of its socket), in place of "
            "`DATABASE_URL`.",
        )
    )
    db_port: int = Field(default=5432, ge=1, le=65535, description="That server's port.")
    db_name: Annotated[str | None, SettingInfo(takes="a name; required with DB_HOST")] = Field(
        default=None, min_length=1, validate_default=True, description="The database's name."
    )
    db_user: Annotated[str | None, SettingInfo(takes="a name; required with DB_HOST")] = Field(
        default=None, min_length=1, validate_default=True, description="The database user."
    )
    db_password: Annotated[
        str | None, SettingInfo(takes="any text, as it is: nothing needs escaping")
    ] = Field(default=None, repr=False, description="That user's password.")
    database_read_url: Annotated[
        str | None, SettingInfo(takes="a URL of the same kind; PostgreSQL, MariaDB or MySQL")
    ] = Field(
        default=None,
        repr=False,
        description="The URL of a read replica, from which lists are read. It may lag a little; "
        "while it is unavailable, lists are read from the primary database.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=100, description="The most connections of one process."
    )
    database_pool_timeout_seconds: int = Field(
        default=5,
        ge=1,
        le=60,
        description="How long a request waits for a connection from the pool, and how long opening "
        "a connection may take; then the request is answered 503.",
    )
    database_statement_timeout_seconds: int = Field(
        default=30,
        ge=1,
        le=3600,
        description="The timeout of one SQL statement, including waits for locks; then its request "
        "is answered 503.",
    )
    database_idle_transaction_timeout_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="How long a transaction may be idle; then PostgreSQL or MariaDB ends it.",
    )
    database_wait_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="How long the service waits at start for a database that does not answer yet.",
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
            refuse("is an SQLite file", "Leave it out: SQLite readers do not wait for writers.")
        primary = "postgresql"
        if info.data["db_host"] is None:
            url = read_database_url(info.data["database_url"] or DEFAULT_DATABASE_URL)
            primary = url.get_backend_name()
        if kind != primary:
            refuse("is another kind of database", "Use a replica of the primary database.")
        return value

    @property
    def sqlalchemy_read_url(self) -> URL | None:
        """The replica's URL for SQLAlchemy; None if there is no replica."""
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
