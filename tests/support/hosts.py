"""A host application that embeds the service, running in the test's own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from gatepost import Gatepost, Settings
from gatepost.features.accounts import service as accounts
from gatepost.features.callers.roles import Role
from gatepost.work import Origin, begin_work
from tests.support.service import PASSWORD, bearer, make_settings

ADA = "ada@example.com"


@dataclass(frozen=True, slots=True)
class Host:
    """A running host application."""

    app: FastAPI
    gatepost: Gatepost
    client: httpx.AsyncClient

    async def sign_up(self, email: str = ADA, prefix: str = "/auth") -> dict[str, str]:
        """Register and log in; returns the headers that prove it."""
        body = {"email": email, "password": PASSWORD}
        answer = await self.client.post(f"{prefix}/register", json=body)
        assert answer.status_code == 201, answer.text
        answer = await self.client.post(f"{prefix}/login", json={**body, "transport": "bearer"})
        assert answer.status_code == 200, answer.text
        return bearer(answer.json()["access_token"])

    async def make_admin(self, user_id: int) -> None:
        async with begin_work(self.gatepost.runtime, Origin("test")) as work:
            await accounts.set_role(work, user_id, Role.ADMIN)


@asynccontextmanager
async def running(app: FastAPI, gatepost: Gatepost) -> AsyncIterator[Host]:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
            yield Host(app, gatepost, client)


def settings_for(url: str, **changes: Any) -> Settings:
    return make_settings(url, migrate_on_start=True, **changes)
