"""The floor: a FastAPI route that returns the same JSON through the same response model."""

from datetime import UTC, datetime

from fastapi import FastAPI

from gatepost.features.accounts.schemas import UserRead
from gatepost.features.callers.roles import Role

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ADA = UserRead(
    id=1,
    email="user-00@example.com",
    username=None,
    full_name=None,
    role=Role.USER,
    is_active=True,
    email_verified=False,
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
)

app = FastAPI()


@app.get("/api/v1/users/me")
async def read_me() -> UserRead:
    """Someone who is always the same."""
    return ADA
