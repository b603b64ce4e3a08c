"""A subject that runs, and the callers who have logged in to it."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.subjects.subject import EMAILS, Caller, Site, Subject
from bench.support.cores import Cores
from bench.support.errors import BenchError
from bench.support.http import Request, is_answered, send_expecting_success
from bench.support.processes import Process, run
from bench.support.wrk import Load, Wrk

START_SECONDS = 60.0
PREPARE_SECONDS = 300.0
# simplejwt's tokens live for five minutes, and a load is to end before they do.
FRESH_SECONDS = 200.0
_MORE_THAN_CONNECTIONS = 4


class Server:
    """One running server of a subject's, on the server's core."""

    def __init__(self, subject: Subject, site: Site, cores: Cores) -> None:
        """Take where it is set up; nothing runs yet."""
        self.subject = subject
        self.site = site
        self.callers: list[Caller] = []
        self._cores = cores
        self._process: Process | None = None
        self._logged_in_at = 0.0

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def process(self) -> Process:
        if self._process is None:
            raise BenchError(f"{self.name} does not run")
        return self._process

    def set_up(self) -> None:
        """Make its tables and users, start it, and log everybody in."""
        if preparation := self.subject.preparation(self.site):
            run(preparation, PREPARE_SECONDS, self._cores.everything)
        self.start()
        for email in EMAILS:
            self.register(email)
        self.log_in()

    def register(self, email: str) -> None:
        """Make a user, unless the preparation has."""
        if registration := self.subject.register(email):
            send_expecting_success(self.site.port, registration)

    def start(self, cores: Iterable[int] | None = None) -> None:
        """Start it, and return when it answers."""
        request = self.subject.log_in("nobody@example.com")
        self.launch(cores)
        deadline = time.monotonic() + START_SECONDS
        while not is_answered(self.site.port, request):
            self.process.check_alive()
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} did not answer within {START_SECONDS:.0f} s")

    def launch(self, cores: Iterable[int] | None = None) -> None:
        """Start it, and return at once."""
        command = self.subject.server(self.site)
        log = self.site.folder / "server.log"
        self._process = Process(command, cores or {self._cores.server}, log)

    def seconds_to_first_success(self) -> float:
        """Start it cold and read a caller's account: how long until that is done."""
        request = self.read_requests()[0]
        began = time.monotonic()
        self.launch()
        while time.monotonic() - began < START_SECONDS:
            if is_answered(self.site.port, request):
                seconds = time.monotonic() - began
                send_expecting_success(self.site.port, request)
                return seconds
            self.process.check_alive()
        raise BenchError(f"{self.name} did not answer within {START_SECONDS:.0f} s")

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def log_in(self) -> None:
        """Give every caller fresh tokens."""
        self.callers = [self.log_in_as(email) for email in EMAILS]
        self._logged_in_at = time.monotonic()
        self.process.settle()

    def log_in_as(self, email: str) -> Caller:
        """Log in once."""
        answer = send_expecting_success(self.site.port, self.subject.log_in(email))
        return self.subject.caller(answer)

    def read_requests(self) -> list[Request]:
        """Every caller's request for their own account."""
        return [self.subject.read_me(caller) for caller in self.callers]

    def login_requests(self) -> list[Request]:
        """Every user's login."""
        return [self.subject.log_in(email) for email in EMAILS]

    def load(self, requests: Sequence[Request], connections: int) -> Wrk:
        """Return the load that sends these over and over."""
        name = f"requests-{random.randrange(2**32):08x}"  # noqa: S311 - a file's name
        path = self.site.folder / name
        path.write_bytes(b"".join(each.raw(self.site.port) + b"\0" for each in requests))
        return Wrk(self.site.port, "cycle.lua", [str(path)], connections, self._cores.load)

    def reading(self, connections: int) -> Wrk:
        """Return the load of authenticated reads, after seeing that one is answered well."""
        if time.monotonic() - self._logged_in_at > FRESH_SECONDS:
            self.log_in()
        requests = self.read_requests()
        send_expecting_success(self.site.port, requests[0])
        return self.load(requests, connections)

    def refresh(self, connections: int, seconds: int) -> Load:
        """Trade refresh tokens for so long, each chain begun by a login just before."""
        trading = self.subject.refreshing
        if trading is None:
            raise BenchError(f"{self.name} has no refresh tokens")
        emails = itertools.islice(itertools.cycle(EMAILS), connections + _MORE_THAN_CONNECTIONS)
        tokens = [self.log_in_as(email).refresh_token for email in emails]
        path = self.site.folder / "tokens"
        path.write_text("".join(f"{token}\n" for token in tokens))
        self.process.settle()
        arguments = [str(path), trading.path, trading.field]
        port, core = self.site.port, self._cores.load
        return Wrk(port, "refresh.lua", arguments, connections, core).run(seconds).check()


@contextmanager
def serving(server: Server, cores: Iterable[int] | None = None) -> Iterator[Server]:
    """Have it run while the block does."""
    server.start(cores)
    try:
        yield server
    finally:
        server.stop()


def make_folder(parent: Path, name: str) -> Path:
    """Return a new folder for a server's files."""
    folder = parent / "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    folder.mkdir(parents=True)
    return folder
