"""The commands that bring accounts in and out by the file."""

from pathlib import Path
from typing import Annotated

import typer

from gatepost.cli.options import Json
from gatepost.cli.output import MISUSED, fail
from gatepost.features.callers.roles import Role
from gatepost.files.formats import Format
from gatepost.importers.names import SystemName

FROM = "From another system (docs/migrating.md)"

FileFormat = Annotated[
    Format | None, typer.Option("--format", help="If the name does not tell: jsonl or csv.")
]


def import_users(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file; - is standard input. With --from also a folder, or a database's URL.",
        ),
    ],
    file_format: FileFormat = None,
    system: Annotated[
        SystemName | None, typer.Option("--from", help="The system that it comes from.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where refused rows go; by default FILE.rejects.jsonl.")
    ] = None,
    allow_admins: Annotated[
        bool, typer.Option("--allow-admins", help="Let rows make admins.")
    ] = False,
    check_passwords: Annotated[
        bool, typer.Option("--check-passwords", help="Refuse plain passwords that are too weak.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin again at the first row.")
    ] = False,
    json: Json = False,
    table: Annotated[
        str | None,
        typer.Option(help="The table with the users, or Django's model.", rich_help_panel=FROM),
    ] = None,
    admin_role: Annotated[
        list[str],
        typer.Option(help="A role there that is admin here.", rich_help_panel=FROM),
    ] = ["admin"],  # noqa: B006 - typer copies it
    moderator_role: Annotated[
        list[str],
        typer.Option(help="A role there that is moderator here.", rich_help_panel=FROM),
    ] = ["moderator"],  # noqa: B006 - typer copies it
    staff_role: Annotated[
        Role, typer.Option(help="What Django's staff are here.", rich_help_panel=FROM)
    ] = Role.USER,
    hash_config: Annotated[
        Path | None,
        typer.Option(help="The file of Firebase's hash parameters.", rich_help_panel=FROM),
    ] = None,
    drop_unknown_hashes: Annotated[
        bool,
        typer.Option(
            "--drop-unknown-hashes",
            help="Take users without a password whose hash cannot be verified.",
            rich_help_panel=FROM,
        ),
    ] = False,
) -> None:
    """Make accounts of a file's rows: JSON Lines or CSV, also gzipped.

    Accounts that are there already stay as they are.
    Stopped or killed, it goes on where it was: run it again with the same file.

    Exit status: 0 all rows are accounts, 1 some are refused, 2 called wrongly.

    Examples:
    $ gatepost import-users users.jsonl --dry-run
    $ gatepost import-users users.csv.gz
    $ zcat users.jsonl.gz | gatepost import-users - --json
    $ gatepost import-users dump.json --from django --dry-run
    $ gatepost import-users export/ --from keycloak --allow-admins
    $ gatepost import-users postgresql://reader@db/app --from fastapi-users
    """
    from gatepost.cli.stories import importing
    from gatepost.importers.options import SourceOptions

    _check_from(context, system, file_format)
    options = (
        None
        if system is None
        else SourceOptions(
            system,
            table,
            frozenset(admin_role),
            frozenset(moderator_role),
            staff_role,
            drop_unknown_hashes,
            hash_config,
        )
    )
    source = importing.ImportInput(file, file_format, options)
    flags = importing.ImportFlags(allow_admins, check_passwords, restart)
    importing.import_users(source, rejects, flags, dry_run, json)


def _check_from(
    context: typer.Context, system: SystemName | None, file_format: Format | None
) -> None:
    """Exit 2 if an option was given that would be ignored."""
    if system is not None and file_format is not None:
        fail("--format goes without --from: the file itself tells.", status=MISUSED)
    for option in context.command.params:
        said_by = context.get_parameter_source(option.name or "")
        is_said = said_by is not None and said_by.name == "COMMANDLINE"
        if system is None and is_said and getattr(option, "rich_help_panel", None) == FROM:
            fail(f"{option.opts[0]} goes with --from only.", status=MISUSED)


def export_users(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A new file; - is standard output.")
    ] = "-",
    file_format: FileFormat = None,
    with_password_hashes: Annotated[
        bool, typer.Option("--with-password-hashes", help="Write the hashes of passwords too.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="In CSV, mark no cell that a spreadsheet would run.")
    ] = False,
    role: Annotated[Role | None, typer.Option(help="Only users with this role.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--disabled", help="Only active or disabled users.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Tell in JSON what was written, if to a file.")
    ] = False,
) -> None:
    """Write accounts to a file that only you can read: JSON Lines or CSV, also gzipped.

    Examples:
    $ gatepost export-users users.csv
    $ gatepost export-users users.jsonl.gz --with-password-hashes
    $ gatepost export-users --disabled | jq -r .email
    """
    from gatepost.cli.stories import exporting

    query = exporting.ExportQuery(role, active, with_password_hashes)
    exporting.export_users(exporting.ExportOutput(file, file_format, exact), query, json)
