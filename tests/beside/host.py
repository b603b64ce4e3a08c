"""A host with fastapi-users, SQLModel and passlib as their documentation has them, and Gatepost."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, IntegerIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTable, SQLAlchemyUserDatabase
from passlib.context import CryptContext
from sqlalchemy import BigInteger
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gatepost import CurrentUser, Settings, install, tables

SECRET = "the host's own secret, for the tokens of fastapi-users"
engine = create_async_engine(os.environ["HOST_DATABASE_URL"])
open_session = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
passwords = CryptContext(schemes=["bcrypt"])
tables.users(SQLModel.metadata)


class Hero(SQLModel, table=True):
    """A table of SQLModel's that refers to Gatepost's users."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    owner_id: int = Field(foreign_key="gatepost_users.id", sa_type=BigInteger)


class Base(DeclarativeBase):
    pass


class Member(SQLAlchemyBaseUserTable[int], Base):
    """The users of fastapi-users, in a table of its own choice: `user`."""

    id: Mapped[int] = mapped_column(primary_key=True)


class MemberRead(schemas.BaseUser[int]):
    pass


class MemberCreate(schemas.BaseUserCreate):
    pass


class Members(IntegerIDMixin, BaseUserManager[Member, int]):
    reset_password_token_secret = verification_token_secret = SECRET


async def open_members() -> AsyncIterator[Members]:
    async with open_session() as session:
        yield Members(SQLAlchemyUserDatabase(session, Member))


legacy = FastAPIUsers[Member, int](
    open_members,
    [
        AuthenticationBackend(
            name="jwt",
            transport=BearerTransport(tokenUrl="legacy/login"),
            get_strategy=lambda: JWTStrategy(secret=SECRET, lifetime_seconds=600),
        )
    ],
)
current_member = legacy.current_user(active=True)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(SQLModel.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
app.include_router(legacy.get_auth_router(legacy.authenticator.backends[0]), prefix="/legacy")
app.include_router(legacy.get_register_router(MemberRead, MemberCreate), prefix="/legacy")
install(app, Settings.from_environment(), prefix="/auth")


@app.get("/legacy/me")
async def read_member(member: Annotated[Member, Depends(current_member)]) -> str:
    return member.email


@app.post("/heroes")
async def make_hero(hero: Hero, user: CurrentUser) -> Hero:
    async with open_session() as session:
        hero.owner_id = user.id
        session.add(hero)
        await session.commit()
        return hero


@app.get("/heroes")
async def list_heroes(user: CurrentUser) -> list[Hero]:
    async with open_session() as session:
        return list(await session.exec(select(Hero).where(Hero.owner_id == user.id)))
