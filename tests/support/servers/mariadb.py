"""MariaDB, where it is installed."""

import functools
import getpass
from collections.abc import Iterator
from pathlib import Path

from tests.support.servers.lair import Daemon, Lair
from tests.support.servers.recipe import Recipe, installed


def recipes() -> Iterator[Recipe]:
    server = installed("mariadbd")
    install = installed("mariadb-install-db")
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
