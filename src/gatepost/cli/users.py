"""The commands about users."""

from typing import Annotated

import typer

from gatepost.cli.options import Generate, Json, PasswordStdin, Who
from gatepost.features.callers.roles import Role

app = typer.Typer(no_args_is_help=True, help="See users, and change what they may do.")


def create_admin(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The admin's email address.")],
    full_name: Annotated[str | None, typer.Option(help="The admin's name.")] = None,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    json: Json = False,
) -> None:
    """Make an admin. The password is asked for, unseen.

    Examples:
    $ gatepost create-admin ada@example.com --full-name "Ada Lovelace"
    $ gatepost create-admin ada@example.com --generate
    $ pass show gatepost | gatepost create-admin ada@example.com --password-stdin
    """
    from gatepost.cli.stories import users

    users.create_admin(email, full_name, users.Source(password_stdin, generate), json)


@app.command()
def create(  # noqa: PLR0913, PLR0917 - an option is a parameter
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The user's email address.")],
    full_name: Annotated[str | None, typer.Option(help="The user's name.")] = None,
    username: Annotated[str | None, typer.Option(help="Another name to log in by.")] = None,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.USER,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Make it without one: nobody can log in by it.")
    ] = False,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    json: Json = False,
) -> None:
    """Make an account, whether or not registration is open. The password is asked for, unseen.

    Examples:
    $ gatepost users create ada@example.com --full-name "Ada Lovelace" --generate
    $ gatepost users create ada@example.com --role moderator --no-password
    """
    from gatepost.cli.stories import users

    source = users.Source(password_stdin, generate, no_password)
    users.create(users.Wish(email, username, full_name, role), source, json)


@app.command("list")
def list_users(
    search: Annotated[
        str | None, typer.Option("--search", "-q", help="How address or username begins.")
    ] = None,
    role: Annotated[Role | None, typer.Option(help="Only users with this role.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--disabled", help="Only active or disabled users.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """List users, the oldest first.

    Examples:
    $ gatepost users list --role admin
    $ gatepost users list --search ada --disabled
    $ gatepost users list --limit 100000 --json | jq -r '.[].email'
    """
    from gatepost.cli.stories import users

    users.list_users(users.Wanted(search, role, active, limit), json)


@app.command()
def show(user: Who, json: Json = False) -> None:
    """Show one user.

    Examples:
    $ gatepost users show 42
    $ gatepost users show ada@example.com --json
    """
    from gatepost.cli.stories import users

    users.show(user, json)


@app.command()
def disable(user: Who, json: Json = False) -> None:
    """Lock a user out, at once: their sessions end.

    Examples:
    $ gatepost users disable ada@example.com
    """
    from gatepost.cli.stories import users

    users.disable(user, json)


@app.command()
def enable(user: Who, json: Json = False) -> None:
    """Let a disabled user log in again.

    Examples:
    $ gatepost users enable ada@example.com
    """
    from gatepost.cli.stories import users

    users.enable(user, json)


@app.command()
def unlock(user: Who, json: Json = False) -> None:
    """Let a user log in again whom wrong passwords have locked out.

    Examples:
    $ gatepost users unlock ada@example.com
    """
    from gatepost.cli.stories import users

    users.unlock(user, json)


@app.command("set-role")
def set_role(
    user: Who,
    role: Annotated[Role, typer.Argument(help="What the user may do from now on.")],
    json: Json = False,
) -> None:
    """Make somebody a user, a moderator or an admin, effective with their next request.

    Examples:
    $ gatepost users set-role ada@example.com admin
    """
    from gatepost.cli.stories import users

    users.set_role(user, role, json)


@app.command("set-password")
def set_password(
    user: Who,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    json: Json = False,
) -> None:
    """Give a user a new password. It is asked for, unseen; the user's sessions end.

    Examples:
    $ gatepost users set-password ada@example.com
    $ gatepost users set-password ada@example.com --generate
    $ pass show ada | gatepost users set-password ada@example.com --password-stdin
    """
    from gatepost.cli.stories import users

    users.set_password(user, users.Source(password_stdin, generate), json)
