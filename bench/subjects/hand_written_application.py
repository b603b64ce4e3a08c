"""Items as one writes them by hand: FastAPI, SQLAlchemy's session, asyncpg, and no users.

The queries are those of Gatepost's items. The owner is a constant.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, Index, String, Text, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OWNER, WRITER = 1, 2
ITEMS = 20


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    __table_args__ = (Index("ix_items_owner_id_id", "owner_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ItemCreate(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=10_000)


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str | None
    owner_id: int
    created_at: datetime
    updated_at: datetime


engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=20, max_overflow=0)
open_session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with open_session.begin() as session:
        session.add_all(new_item(OWNER, f"Item {number}", "What it is") for number in range(ITEMS))
    yield
    await engine.dispose()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with open_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]
app = FastAPI(lifespan=lifespan)


def new_item(owner_id: int, title: str, description: str | None) -> Item:
    now = datetime.now(UTC)
    return Item(
        owner_id=owner_id, title=title, description=description, created_at=now, updated_at=now
    )


@app.get("/items/{item_id}")
async def read_item(session: Session, item_id: int) -> ItemRead:
    item = await session.scalar(select(Item).where(Item.id == item_id, Item.owner_id == OWNER))
    if item is None:
        raise HTTPException(404)
    return ItemRead.model_validate(item)


@app.get("/items/")
async def list_items(session: Session, limit: int = 50) -> list[ItemRead]:
    query = select(Item).where(Item.owner_id == OWNER).order_by(Item.id).limit(limit + 1)
    return [ItemRead.model_validate(item) for item in (await session.scalars(query)).all()[:limit]]


@app.post("/items/", status_code=201)
async def create_item(session: Session, body: ItemCreate) -> ItemRead:
    item = new_item(WRITER, body.title, body.description)
    session.add(item)
    await session.commit()
    return ItemRead.model_validate(item)
