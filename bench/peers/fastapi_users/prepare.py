"""Makes the tables and the users."""

import asyncio
import os

from application import Base, User, UserCreate, UserManager, engine, open_session
from fastapi_users.db import SQLAlchemyUserDatabase


async def prepare() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with open_session() as session:
        manager = UserManager(SQLAlchemyUserDatabase(session, User))
        for email in os.environ["BENCH_EMAILS"].split(","):
            await manager.create(UserCreate(email=email, password=os.environ["BENCH_PASSWORD"]))
    await engine.dispose()


asyncio.run(prepare())
