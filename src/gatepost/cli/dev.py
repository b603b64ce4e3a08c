"""The command that sets up a development service, and serves it with reload."""

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.box import ROUNDED
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gatepost.cli.options import Host, Port
from gatepost.cli.output import fail
from gatepost.cli.passwords import make_password
from gatepost.cli.running import new_origin, read_settings, reporting_problems
from gatepost.cli.terminal import console
from gatepost.configuration import Settings
from gatepost.db.diagnosis import describe_database
from gatepost.db.paging import PageRequest
from gatepost.features.accounts import passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.callers.roles import Role
from gatepost.observability.logs import configure_logging
from gatepost.runtime import Runtime, start_runtime
from gatepost.serving.listening import address_of, listen
from gatepost.serving.processes import run_reloading
from gatepost.starting import migrate_without_timeout, prepare, reach_database
from gatepost.work import begin_work

ENV_FILE = Path(".env")
FIRST_ADMIN = "admin@example.com"

_ENV = """\
# Written by `gatepost dev`. It contains a secret: do not commit it to version control.

# The secret from which all keys are derived. If it changes, all users are logged out.
SECRET_KEY={secret}

# The database.
DATABASE_URL=sqlite:///./gatepost.db

# Send cookies over plain HTTP too, for this machine only. Remove this line in production.
COOKIE_SECURE=false
"""

_WIDEST = 78


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin; the password is known only if the admin has just been created."""

    email: str
    password: str | None


def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Set up what is missing and serve, reloading on change. For this machine only.

    Writes .env with a new secret, creates the database file, its tables and
    an admin, each only if it is missing. Nothing that exists is changed.

    Examples:
    $ gatepost dev
    $ gatepost dev --port 8080
    """
    os.umask(0o077)  # only the owner may read .env and the database file
    is_new = write_env_file(ENV_FILE)
    settings = read_settings(Settings)
    configure_logging(settings.observability, settings.secret_texts)
    with reporting_problems():
        listener = listen(host, port)
    with listener:
        address = address_of(listener)
        with reporting_problems():
            admin = asyncio.run(_set_up(settings))
        _show(settings, address, admin, "just written" if is_new else "not changed")
        if "public_url" not in settings.given:
            # For the process that serves, whose address depends on --host and --port.
            os.environ["PUBLIC_URL"] = address
        if "shutdown_delay_seconds" not in settings.given:
            os.environ["SHUTDOWN_DELAY_SECONDS"] = "0"  # reload at once
        if "workers" not in settings.given:
            os.environ["WORKERS"] = "1"  # the reloader is a supervisor, but of one process
        run_reloading(listener, settings)


def write_env_file(path: Path) -> bool:
    """Write settings with a new secret, readable by the owner alone; False if the file exists.

    The file is written atomically, and an existing file is never overwritten.
    """
    if path.exists():
        return False
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_ENV.format(secret=secrets.token_urlsafe(48)))
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        fail(f"Cannot write {path} in {Path.cwd()}: {error.strerror}.")
    else:
        return True
    finally:
        with suppress(OSError):  # there is no draft if it could not be written
            draft.unlink()


async def _set_up(settings: Settings) -> Admin | None:
    async with start_runtime(settings) as runtime:
        await reach_database(runtime.engine)
        await migrate_without_timeout(runtime)
        await prepare(runtime)
        return await _first_admin(runtime)


async def _first_admin(runtime: Runtime) -> Admin | None:
    """Return an existing admin, or create one."""
    password = make_password(runtime.settings.passwords.password_min_length)
    async with begin_work(runtime, new_origin()) as work:
        if await passwords.create_first_admin(work, FIRST_ADMIN, password):
            return Admin(FIRST_ADMIN, password)
    async with begin_work(runtime, new_origin(), writes=False) as work:
        wanted = UserFilter(role=Role.ADMIN, is_active=True)
        page = await accounts.list_users(work, wanted, PageRequest(limit=1))
        return next((Admin(user.email, None) for user in page.rows), None)


def _show(settings: Settings, address: str, admin: Admin | None, env_file: str) -> None:
    facts = Table.grid(padding=(0, 3))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("Service", Text(address, "cyan"))
    if settings.service.docs_enabled:
        facts.add_row("Try it", Text(f"{address}/docs", "cyan"))
    facts.add_row("Database", Text(describe_database(settings.database.sqlalchemy_url)))
    facts.add_row("Settings", Text(f"{ENV_FILE}, {env_file}"))
    if admin is not None:
        facts.add_row()
        facts.add_row("Admin", Text(admin.email))
        facts.add_row("Password", _password_or_advice(admin))
    out = console()
    panel = Panel(
        facts,
        title=f"[bold]{settings.service.project_name} {settings.service.version}[/]",
        title_align="left",
        box=ROUNDED,
        border_style="cyan",
        padding=(1, 2),
        width=min(_WIDEST, out.width),
    )
    out.print(panel)
    out.print(_example(settings, address, admin), soft_wrap=True)


def _password_or_advice(admin: Admin) -> Text:
    if admin.password is None:
        return Text(f"unchanged; gatepost users set-password {admin.email}", "dim")
    return Text.assemble((admin.password, "bold green"), "   shown only once: write it down")


def _example(settings: Settings, address: str, admin: Admin | None) -> str:
    """A command to paste: a login if the password is known, else a health check."""
    if admin is None or admin.password is None:
        return f"  curl {address}/health\n"
    return (
        f"  curl {address}{settings.service.api_v1_str}/auth/login \\\n"
        f"    -d username={admin.email} -d password={admin.password}\n"
    )
