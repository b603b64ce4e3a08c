"""The commands about users. They use the same services as the API, without a caller."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from gatepost.cli.listing import find_user, first_rows
from gatepost.cli.options import Generate, Json, PasswordStdin, UserName
from gatepost.cli.output import note, print_json, say
from gatepost.cli.passwords import PasswordSource
from gatepost.cli.running import read_address, read_input, read_settings, run_in_transaction
from gatepost.cli.terminal import print_facts, print_table
from gatepost.configuration import Settings
from gatepost.features.accounts import lockout, passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.identity import (
    FullNameInput,
    SearchInput,
    UsernameInput,
    key_prefix,
)
from gatepost.features.accounts.models import User
from gatepost.features.accounts.schemas import UserRead
from gatepost.features.callers.roles import Role
from gatepost.work import Work

app = typer.Typer(
    name="users",
    no_args_is_help=True,
    add_completion=False,
    help="List, create, disable and change users.",
)


def create_admin(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The admin's email address.")],
    full_name: Annotated[str | None, typer.Option(help="The admin's name.")] = None,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    json: Json = False,
) -> None:
    """Create an admin. Asks for the password without showing it.

    Examples:
    $ gatepost create-admin ada@example.com --full-name "Ada Lovelace"
    $ gatepost create-admin ada@example.com --generate
    $ pass show gatepost | gatepost create-admin ada@example.com --password-stdin
    """
    email = read_address(email, "EMAIL")
    name = _read_or_none(FullNameInput, full_name, "--full-name")
    source = PasswordSource(password_stdin, generate)
    password = source.read(f"Password of {email}", _least_length())

    async def make(work: Work) -> UserRead:
        return _read(await passwords.create_admin(work, email, password, name))

    user = run_in_transaction(make)
    _print_done(user, f"Created the admin {user.email}.", password if generate else None, json)


@app.command()
def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The user's email address.")],
    full_name: Annotated[str | None, typer.Option(help="The user's name.")] = None,
    username: Annotated[str | None, typer.Option(help="Another name to log in with.")] = None,
    role: Annotated[Role, typer.Option(help="The user's role.")] = Role.USER,
    no_password: Annotated[
        bool,
        typer.Option("--no-password", help="Without a password: no login until one is set."),
    ] = False,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    json: Json = False,
) -> None:
    """Create an account, even if registration is closed. Asks for the password without showing it.

    Examples:
    $ gatepost users create ada@example.com --full-name "Ada Lovelace" --generate
    $ gatepost users create ada@example.com --role moderator --no-password
    """
    email = read_address(email, "EMAIL")
    name = _read_or_none(FullNameInput, full_name, "--full-name")
    username = _read_or_none(UsernameInput, username, "--username")
    source = PasswordSource(password_stdin, generate, no_password)
    password = source.read_unless_none(f"Password of {email}", _least_length())
    new = passwords.NewAccount(email, password, username, name, role)

    async def make(work: Work) -> UserRead:
        return _read(await passwords.create(work, new))

    user = run_in_transaction(make)
    done = f"Created the account {user.email} with the role {user.role.value}."
    _print_done(user, done, password if generate else None, json)


@app.command("list")
def list_users(
    search: Annotated[
        str | None,
        typer.Option("--search", "-q", help="The beginning of the email address or username."),
    ] = None,
    role: Annotated[Role | None, typer.Option(help="Only users with this role.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--disabled", help="Only active or disabled users.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most users to list.")] = 50,
    json: Json = False,
) -> None:
    """List users, the oldest first.

    Examples:
    $ gatepost users list --role admin
    $ gatepost users list --search ada --disabled
    $ gatepost users list --limit 100000 --json | jq -r '.[].email'
    """
    text = _read_or_none(SearchInput, search, "--search")
    q = None if text is None else key_prefix(text)
    wanted = UserFilter(q=q, role=role, is_active=active)

    async def find(work: Work) -> tuple[list[UserRead], bool]:
        return await first_rows(partial(accounts.list_users, work, wanted), _read, limit)

    users, is_more = run_in_transaction(find, writes=False)
    if json:
        print_json([_document(user) for user in users])
        return
    if not users:
        note("There are no users yet." if wanted == UserFilter() else "No user matches.")
        return
    _print_users(users)
    if is_more:
        note(f"There are more: these are the first {limit}. --limit N shows the first N.")


@app.command()
def show(user: UserName, json: Json = False) -> None:
    """Show one user.

    Examples:
    $ gatepost users show 42
    $ gatepost users show ada@example.com --json
    """
    document = _document(_find(user))
    if json:
        print_json(document)
    else:
        print_facts((name.replace("_", " "), _word(value)) for name, value in document.items())


@app.command()
def disable(user: UserName, json: Json = False) -> None:
    """Disable a user: their sessions end at once, and they cannot log in.

    Examples:
    $ gatepost users disable ada@example.com
    """

    changed = _change(user, accounts.disable)
    _print_done(changed, f"Disabled {changed.email}. Their sessions have ended.", None, json)
    _print_delay()


@app.command()
def enable(user: UserName, json: Json = False) -> None:
    """Enable a disabled user, who can then log in again.

    Examples:
    $ gatepost users enable ada@example.com
    """

    changed = _change(user, accounts.enable)
    _print_done(changed, f"Enabled {changed.email}.", None, json)


@app.command()
def unlock(user: UserName, json: Json = False) -> None:
    """Unlock a user who is locked out after too many wrong passwords.

    Examples:
    $ gatepost users unlock ada@example.com
    """

    async def change(work: Work) -> UserRead:
        found = await find_user(work, user)
        return _read(await lockout.unlock_elsewhere(work, found.id))

    changed = run_in_transaction(change)
    _print_done(changed, f"Unlocked {changed.email}.", None, json)


@app.command("set-role")
def set_role(
    user: UserName,
    role: Annotated[Role, typer.Argument(help="The user's new role.")],
    json: Json = False,
) -> None:
    """Set a user's role: user, moderator or admin. It applies from their next request on.

    Examples:
    $ gatepost users set-role ada@example.com admin
    """

    changed = _change(user, lambda work, user_id: accounts.set_role(work, user_id, role))
    done = f"The role of {changed.email} is now {changed.role.value}."
    _print_done(changed, done, None, json)
    _print_delay()


@app.command("set-password")
def set_password(
    user: UserName,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    json: Json = False,
) -> None:
    """Set a user's password, and end their sessions. Asks for it without showing it.

    Examples:
    $ gatepost users set-password ada@example.com
    $ gatepost users set-password ada@example.com --generate
    $ pass show ada | gatepost users set-password ada@example.com --password-stdin
    """
    # Found first, so that an unknown user is reported before the prompt.
    found = _find(user)
    source = PasswordSource(password_stdin, generate)
    password = source.read(f"New password of {found.email}", _least_length())

    async def change(work: Work) -> None:
        await passwords.reset(work, found.id, password)

    run_in_transaction(change)
    done = f"{found.email} has a new password. Their sessions have ended."
    _print_done(found, done, password if generate else None, json)
    _print_delay()


def _change(name: str, action: Callable[[Work, int], Awaitable[object]]) -> UserRead:
    """Run an action for the user of this name, and return the user as it left them."""

    async def change(work: Work) -> UserRead:
        found = await find_user(work, name)
        await action(work, found.id)
        return _read(await accounts.get_for_update(work, found.id))

    return run_in_transaction(change)


def _find(name: str) -> UserRead:
    async def find(work: Work) -> UserRead:
        return _read(await find_user(work, name))

    return run_in_transaction(find, writes=False)


def _read_or_none(annotation: type[str], text: str | None, name: str) -> str | None:
    return None if text is None else read_input(annotation, text, name)


def _least_length() -> int:
    return read_settings(Settings).passwords.password_min_length


def _print_done(user: UserRead, sentence: str, generated: str | None, json: bool) -> None:
    """Print the result, and a generated password, which is shown nowhere else."""
    shown = {} if generated is None else {"password": generated}
    if json:
        print_json(_document(user) | shown)
        return
    if generated is None:
        say(sentence)
        return
    note(sentence, "The password, shown only once:")
    say(generated)


def _print_delay() -> None:
    """Print when a single running process sees the change, since it gets no announcement."""
    settings = read_settings(Settings)
    seconds = settings.sessions.session_cache_seconds
    if seconds and settings.stores.redis_url is None and settings.stores.workers == 1:
        note(f"A running service applies this within {seconds} s (SESSION_CACHE_SECONDS).")


def _print_users(users: Sequence[UserRead]) -> None:
    print_table(
        ("id", "email", "username", "role", "state", "since"),
        [
            (
                str(user.id),
                user.email,
                user.username or "",
                user.role.value,
                "active" if user.is_active else "disabled",
                f"{user.created_at:%Y-%m-%d}",
            )
            for user in users
        ],
    )


def _read(user: User) -> UserRead:
    return UserRead.model_validate(user)


def _document(user: UserRead) -> dict[str, Any]:
    return user.model_dump(mode="json")


def _word(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
