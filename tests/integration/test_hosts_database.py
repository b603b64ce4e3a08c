"""A host that keeps its own tables, and its own Alembic, in the database that Gatepost uses."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    delete,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from gatepost import tables
from gatepost.db.engine import open_engine
from gatepost.features.accounts.models import PublicUser, User
from gatepost.migrations.revisions import current_revision, head_revision
from gatepost.migrations.runner import downgrade, upgrade
from gatepost.settings import DatabaseSettings
from tests.integration.test_migrations import a_user
from tests.support.pages import ROOT
from tests.support.service import make_settings, serving, sign_up, sign_up_as

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def engine(fresh_database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(
        DatabaseSettings(database_url=fresh_database_url), without_statement_timeout=True
    )
    yield engine
    await engine.dispose()


def hosts_metadata() -> MetaData:
    """Tables of a host, which refer to users by the column and by its name."""
    metadata = MetaData()
    users = tables.users(metadata)
    Table(
        "orders",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("user_id", ForeignKey(users.c.id), nullable=False),
        Column("approved_by", BigInteger, ForeignKey("gatepost_users.id")),
    )
    return metadata


async def test_a_host_refers_to_users_and_joins_them(engine: AsyncEngine) -> None:
    await upgrade(engine)
    metadata = hosts_metadata()
    users, orders = metadata.tables["gatepost_users"], metadata.tables["orders"]
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(User).values(a_user(full_name="Ada")))
        user_id = await connection.scalar(select(User.id))
        await connection.execute(insert(orders).values(id=1, user_id=user_id))
        query = select(users.c.full_name).join(orders, orders.c.user_id == users.c.id)
        assert await connection.scalar(query) == "Ada"
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(insert(orders).values(id=2, user_id=12345))


async def test_the_hosts_create_all_and_drop_all_leave_users_alone(engine: AsyncEngine) -> None:
    metadata = MetaData()
    tables.users(metadata)
    Table("notes", metadata, Column("id", Integer, primary_key=True))
    copy = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(copy)
    for each in (metadata, copy):
        async with engine.begin() as connection:
            await connection.run_sync(each.create_all)
            assert await connection.run_sync(names_of_tables) == {"notes"}
            await connection.run_sync(each.drop_all)
    await upgrade(engine)
    for each in (metadata, copy):
        async with engine.begin() as connection:
            await connection.run_sync(each.create_all)
            await connection.run_sync(each.drop_all)
            assert "gatepost_users" in await connection.run_sync(names_of_tables)


async def test_the_table_is_what_the_database_has_but_for_secrets(engine: AsyncEngine) -> None:
    await upgrade(engine)
    users = tables.users(MetaData())
    assert tuple(column.name for column in users.columns) == PublicUser._fields
    async with engine.begin() as connection:
        await connection.execute(insert(User).values(a_user(username="ada")))
        row = (await connection.execute(select(users))).one()
        ours = (await connection.execute(select(User.__table__))).one()
    assert {name: getattr(ours, name) for name in PublicUser._fields} == row._asdict()


async def test_a_host_maps_a_class_of_its_own_to_users(engine: AsyncEngine) -> None:
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __table__ = tables.users(Base.metadata)

    class Order(Base):
        __tablename__ = "orders"
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("gatepost_users.id"))
        user: Mapped[Person] = relationship(lazy="joined")

    await upgrade(engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(User).values(a_user()))
        user_id = await connection.scalar(select(User.id))
        await connection.execute(insert(Order).values(id=1, user_id=user_id))
        email = await connection.scalar(select(Person.email).join(Order))  # type: ignore[attr-defined] # of the table
        assert email == "ada@example.com"


async def test_a_user_whom_a_hosts_rows_refer_to_is_not_deleted(
    fresh_database_url: str, engine: AsyncEngine
) -> None:
    await upgrade(engine)
    metadata = hosts_metadata()
    orders = metadata.tables["orders"]
    settings = make_settings(fresh_database_url)
    async with serving(settings) as service, service.open_client() as client:
        admin = await sign_up_as(service, client, "admin")
        ada = await sign_up(client, "ada@example.com")
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(insert(orders).values(id=1, user_id=ada.id))
        answer = await client.delete(f"/users/{ada.id}", headers=admin.headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "user_referenced")
        assert (await client.get("/users/me", headers=ada.headers)).status_code == 200
        async with engine.begin() as connection:
            await connection.execute(delete(orders))
        answer = await client.delete(f"/users/{ada.id}", headers=admin.headers)
        assert answer.status_code == 204


def test_the_table_is_made_once_for_a_metadata_and_refuses_to_be_written() -> None:
    metadata = MetaData(schema="app")
    users = tables.users(metadata)
    assert tables.users(metadata) is users
    assert users.fullname == "gatepost_users"
    for write in (users.insert, users.update, users.delete):
        with pytest.raises(TypeError, match="read-only"):
            write()


def names_of_tables(connection: Any) -> set[str]:
    return set(inspect(connection).get_table_names())


# A real project of a host's Alembic, whose env.py is the one that the documentation shows.

MODELS = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from gatepost import tables

class Base(DeclarativeBase):
    pass

tables.users(Base.metadata)

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("gatepost_users.id"))
    number: Mapped[int] = mapped_column(index=True)
"""

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "mysql": "mysql+asyncmy",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    [env] = re.findall(r"^```py\n(# migrations/env\.py\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (tmp_path / "models.py").write_text(MODELS)
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "env.py").write_text(env)
    ours = ROOT / "src" / "gatepost" / "migrations" / "script.py.mako"
    (versions.parent / "script.py.mako").write_text(ours.read_text(encoding="utf-8"))
    return tmp_path


async def alembic(project: Path, engine: AsyncEngine, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *words),
        cwd=project,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(project),
            "APP_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_a_hosts_alembic_lives_beside_ours(project: Path, engine: AsyncEngine) -> None:
    await upgrade(engine)
    await alembic(project, engine, "revision", "--autogenerate", "-m", "orders")
    [written] = (project / "migrations" / "versions").glob("*.py")
    migration = written.read_text(encoding="utf-8")
    assert re.findall(r"op\.(\w+)\(\s*['\"]?(\w+)", migration.partition("def downgrade")[0]) == [
        ("create_table", "orders"),
        ("create_index", "op"),
    ]
    await alembic(project, engine, "upgrade", "head")
    # Nothing is left to be done: no table, index or constraint of ours is seen.
    await alembic(project, engine, "check")
    assert await current_revision(engine) == head_revision()
    assert await upgrade(engine) is False
    async with engine.connect() as connection:
        for name in ("gatepost_alembic_version", "alembic_version"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {name}")) == 1
    await alembic(project, engine, "downgrade", "base")
    await downgrade(engine, "base")
    async with engine.connect() as connection:
        left = await connection.run_sync(names_of_tables)
    assert left == {"alembic_version", "gatepost_alembic_version"}
