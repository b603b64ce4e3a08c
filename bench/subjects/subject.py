"""What the bench has to know of a server that it measures."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.support.databases import Database
from bench.support.http import HOST, Answer, Request
from bench.support.processes import Command

PASSWORD = "correct horse battery staple"
SECRET = "a-secret-for-the-bench-alone-that-is-longer-than-64-characters-in-all-of-it"
EMAILS = tuple(f"user-{number:02}@example.com" for number in range(16))


@dataclass(frozen=True, slots=True)
class Site:
    """Where a server is set up."""

    folder: Path
    port: int
    database: Database

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who has logged in: what every request carries, and what to refresh with."""

    headers: Mapping[str, str]
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class Refreshing:
    """Where refresh tokens are traded, and the name they have in both bodies."""

    path: str
    field: str


class Subject(ABC):
    """One server, set up as its own documentation says."""

    name: str
    setup: str
    hashing: str = ""
    refreshing: Refreshing | None = None
    items: str = ""  # where its items are, if it has any

    def install(self) -> None:  # noqa: B027 - some need none
        """Bring its environment up to date; raises `BenchError` if that cannot be."""

    @abstractmethod
    def versions(self) -> str:
        """Return its packages with their versions."""

    def preparation(self, site: Site) -> Command | None:  # noqa: B027 - some need none
        """Return what makes its tables and users, if that is a program of its own."""

    @abstractmethod
    def server(self, site: Site) -> Command:
        """Return what serves it."""

    def register(self, email: str) -> Request | None:  # noqa: B027 - or the preparation does
        """Return what makes a user, if a request does."""

    @abstractmethod
    def log_in(self, email: str) -> Request:
        """Return a login by password."""

    @abstractmethod
    def caller(self, answer: Answer) -> Caller:
        """Return who has logged in, from what the login was answered."""

    @abstractmethod
    def read_me(self, caller: Caller) -> Request:
        """Return the request that reads the caller's own account."""


def peer_variables(site: Site) -> dict[str, str]:
    """Return what every peer's scripts are told."""
    return {
        "SECRET": SECRET,
        "BENCH_URL": site.url,
        "BENCH_EMAILS": ",".join(EMAILS),
        "BENCH_PASSWORD": PASSWORD,
        "PORT": str(site.port),
        **site.database.variables(),
    }


def bearer(answer: Answer, access: str = "access_token", refresh: str = "refresh_token") -> Caller:
    """Return a caller by the tokens of a JSON answer."""
    tokens = answer.json()
    return Caller({"Authorization": f"Bearer {tokens[access]}"}, tokens.get(refresh, ""))
