"""Gatepost as `gatepost serve` runs it: default settings, but for limits out of reach."""

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench.subjects.subject import PASSWORD, SECRET, Caller, Refreshing, Site, Subject, bearer
from bench.support.http import Answer, Request, post_json
from bench.support.processes import Command

PROGRAMS = Path(sys.executable).parent
HASHING = "Argon2id, 19 MiB, t=2, p=1"
_PACKAGES = ("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "uvicorn", "uvloop")


def settings_for(site: Site, **variables: str) -> dict[str, str]:
    """Return the environment of a Gatepost: the settings of the bench, and these."""
    return {
        "SECRET_KEY": SECRET,
        "DATABASE_URL": site.database.text(),
        "RATE_LIMIT_REQUESTS": "100000000",
        "SESSIONS_PER_USER": "100000",  # few users log in all the time
        "PUBLIC_URL": site.url,
        **variables,
    }


def gatepost(site: Site, *arguments: str, **variables: str) -> Command:
    """Return a command of Gatepost's, with the settings of the bench and these."""
    program = str(PROGRAMS / "gatepost")
    return Command([program, *arguments], site.folder, settings_for(site, **variables))


class Gatepost(Subject):
    """On PostgreSQL, one process, the request log into a file."""

    name = "Gatepost"
    setup = (
        "`gatepost migrate`, then `gatepost serve`, one process; limits out of reach, all else by "
        "default"
    )
    hashing = HASHING
    refreshing = Refreshing("/api/v1/auth/refresh", "refresh_token")
    items = "/api/v1/items"
    programs = PROGRAMS
    settings: Mapping[str, str] = {}

    def versions(self) -> str:
        return ", ".join(f"{name} {version(name)}" for name in ("gatepost", *_PACKAGES))

    def preparation(self, site: Site) -> Command:
        return self._command(site, "migrate")

    def server(self, site: Site) -> Command:
        return self._command(site, "serve", "--port", str(site.port))

    def register(self, email: str) -> Request:
        return post_json("/api/v1/auth/register", email=email, password=PASSWORD)

    def log_in(self, email: str) -> Request:
        return post_json("/api/v1/auth/login", email=email, password=PASSWORD)

    def caller(self, answer: Answer) -> Caller:
        return bearer(answer)

    def read_me(self, caller: Caller) -> Request:
        return Request("/api/v1/users/me", headers=caller.headers)

    def _command(self, site: Site, *arguments: str) -> Command:
        command = [str(self.programs / "gatepost"), *arguments]
        return Command(command, site.folder, settings_for(site, **self.settings))


class GatepostOnSqlite(Gatepost):
    """The same on a file beside it."""

    name = "Gatepost on SQLite"
    settings: Mapping[str, str] = {"DATABASE_URL": "sqlite:///./gatepost.db"}


class GatepostWithCheapHashes(Gatepost):
    """The same with hashes so cheap that a login shows what its queries cost."""

    name = "Gatepost with cheap hashes"
    settings: Mapping[str, str] = {
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
    }
