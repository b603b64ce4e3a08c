"""All commands in one list, in the order in which help shows them."""

from typing import Annotated

import typer

from gatepost.cli import audit, database, documents, keys, serving, transfers, users

app = typer.Typer(
    name="gatepost",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SERVE = "Run the service"
OPERATE = "Look after it"
USERS = "Users and keys"

app.command("dev", rich_help_panel=SERVE)(serving.dev)
app.command("serve", rich_help_panel=SERVE)(serving.serve)
app.command("generate-secret", rich_help_panel=SERVE)(keys.generate_secret)
app.command("check", rich_help_panel=OPERATE)(database.check)
app.command("migrate", rich_help_panel=OPERATE)(database.migrate)
app.command("purge", rich_help_panel=OPERATE)(database.purge)
app.command("move", rich_help_panel=OPERATE)(database.move)
app.command("openapi", rich_help_panel=OPERATE)(documents.openapi)
app.add_typer(audit.app, name="audit", rich_help_panel=OPERATE)
app.command("create-admin", rich_help_panel=USERS)(users.create_admin)
app.command("import-users", rich_help_panel=USERS)(transfers.import_users)
app.command("export-users", rich_help_panel=USERS)(transfers.export_users)
app.add_typer(users.app, name="users", rich_help_panel=USERS)
app.add_typer(keys.app, name="keys", rich_help_panel=USERS)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gatepost {version('gatepost')}")
        raise typer.Exit


@app.callback(
    epilog="Settings come from the environment and from [bold].env[/]. Every command takes --help."
)
def gatepost(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Authentication for Python teams: accounts, logins, sessions and tokens as one service.

    To look at it here and now:
    $ gatepost dev

    To run it for others:
    $ export SECRET_KEY=$(gatepost generate-secret)
    $ export DATABASE_URL=postgresql://gatepost:password@db/gatepost
    $ gatepost check
    $ gatepost serve --host 0.0.0.0 --workers 4

    Exit status: 0 done, 1 refused or failed, 2 called or configured wrongly.
    """
