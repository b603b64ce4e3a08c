"""All commands in one list, in the order in which help shows them."""

from typing import Annotated

import typer

from gatepost.cli.lazy import LazyCommand, lazy_group

SERVE = "Run the service"
OPERATE = "Look after it"
USERS = "Users and keys"

COMMANDS = (
    LazyCommand(
        "dev",
        SERVE,
        "Set up what is missing and serve, reloading on change. For this machine only.",
        "gatepost.cli.dev:dev",
    ),
    LazyCommand(
        "serve",
        SERVE,
        "Serve until stopped. All settings come from the environment.",
        "gatepost.cli.serve:serve",
    ),
    LazyCommand(
        "generate-secret",
        SERVE,
        "Print a new secret: 64 random characters, enough for every ALGORITHM.",
        "gatepost.cli.secret_key:generate_secret",
    ),
    LazyCommand(
        "check",
        OPERATE,
        "Check settings, database, schema, password hashing and tokens. Changes nothing.",
        "gatepost.cli.check:check",
    ),
    LazyCommand(
        "migrate",
        OPERATE,
        "Bring the database's schema up to date. Needs DATABASE_URL and nothing else.",
        "gatepost.cli.database:migrate",
    ),
    LazyCommand(
        "purge",
        OPERATE,
        "Delete expired rows, such as ended sessions and retired signing keys.",
        "gatepost.cli.database:purge",
    ),
    LazyCommand(
        "move",
        OPERATE,
        "Move everything to another database, of the same or of another kind.",
        "gatepost.cli.move:move",
    ),
    LazyCommand(
        "openapi",
        OPERATE,
        "Print the OpenAPI document. Needs neither a database nor a SECRET_KEY.",
        "gatepost.cli.openapi:openapi",
    ),
    LazyCommand(
        "audit",
        OPERATE,
        "Read and verify the audit log.",
        "gatepost.cli.audit:app",
    ),
    LazyCommand(
        "create-admin",
        USERS,
        "Create an admin. Asks for the password without showing it.",
        "gatepost.cli.users:create_admin",
    ),
    LazyCommand(
        "import-users",
        USERS,
        "Import accounts from a file: JSON Lines or CSV, also gzipped.",
        "gatepost.cli.import_users:import_users",
    ),
    LazyCommand(
        "export-users",
        USERS,
        "Write accounts to a file that only you can read: JSON Lines or CSV, also gzipped.",
        "gatepost.cli.export_users:export_users",
    ),
    LazyCommand(
        "users",
        USERS,
        "List, create, disable and change users.",
        "gatepost.cli.users:app",
    ),
    LazyCommand(
        "keys",
        USERS,
        "The keys that sign access tokens.",
        "gatepost.cli.keys:app",
    ),
)

app = typer.Typer(
    name="gatepost",
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _listed() -> None:
    """A placeholder for a command until its module is loaded."""


for _each in COMMANDS:
    app.command(_each.name, help=_each.summary, rich_help_panel=_each.panel)(_listed)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gatepost {version('gatepost')}")
        raise typer.Exit


@app.callback(
    epilog="Settings come from the environment and from [bold].env[/]. Every command takes --help."
)
def gatepost(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Authentication for Python teams: accounts, logins, sessions and tokens as one service.

    To try it on this machine:
    $ gatepost dev

    To run it in production:
    $ export SECRET_KEY=$(gatepost generate-secret)
    $ export DATABASE_URL=postgresql://gatepost:password@db/gatepost
    $ gatepost check
    $ gatepost serve --host 0.0.0.0 --workers 4

    Exit status: 0 done, 1 refused or failed, 2 called or configured wrongly.
    """
