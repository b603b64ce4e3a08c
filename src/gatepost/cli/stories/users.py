"""Users at the command line: the same services as behind the API, without a caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.cli.asking import make_password, read_password
from gatepost.cli.output import MISUSED, fail, note, print_json, say
from gatepost.cli.stories.running import read_address, read_input, read_settings, run_work
from gatepost.cli.terminal import print_facts, print_table
from gatepost.configuration import Settings
from gatepost.db.paging import PageRequest
from gatepost.features.accounts import lockout, passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import UserNotFound
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.identity import (
    FullNameInput,
    SearchInput,
    UsernameInput,
    beginning_of_key,
)
from gatepost.features.accounts.models import User
from gatepost.features.accounts.schemas import UserRead
from gatepost.features.callers.roles import Role
from gatepost.work import Work

_PAGE = 200
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Source:
    """Where a password is to come from; from the terminal if none of these is wanted."""

    stdin: bool
    generate: bool
    nowhere: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """The account that is to be made, as it was typed."""

    email: str
    username: str | None
    full_name: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which users are to be listed, and how many at most."""

    search: str | None
    role: Role | None
    is_active: bool | None
    limit: int


class AmbiguousUser(UserNotFound):
    """The digits are one user's id and another one's username."""

    code = "ambiguous_user"
    title = "That is one user's id and another one's username: use an email address"
    is_answered = False


def create_admin(email: str, full_name: str | None, source: Source, json: bool) -> None:
    """Make an admin, and tell who it is."""
    email = read_address(email, "EMAIL")
    name = None if full_name is None else read_input(FullNameInput, full_name, "--full-name")
    password = _password(source, f"Password of {email}")

    async def story(work: Work) -> UserRead:
        return _read(await passwords.create_admin(work, email, password, name))

    user = run_work(story)
    _tell(user, f"Made the admin {user.email}.", password if source.generate else None, json)


def create(wish: Wish, source: Source, json: bool) -> None:
    """Make an account, and tell who it is."""
    email = read_address(wish.email, "EMAIL")
    name = _read_or_none(FullNameInput, wish.full_name, "--full-name")
    username = _read_or_none(UsernameInput, wish.username, "--username")
    password = _password_or_none(source, f"Password of {email}")
    new = passwords.NewAccount(email, password, username, name, wish.role)

    async def story(work: Work) -> UserRead:
        return _read(await passwords.create(work, new))

    user = run_work(story)
    shown = password if source.generate else None
    _tell(user, f"Made the account {user.email}, with the role {user.role.value}.", shown, json)


def list_users(wanted: Wanted, json: bool) -> None:
    """Print users, the oldest first."""
    search = wanted.search
    q = None if search is None else beginning_of_key(read_input(SearchInput, search, "--search"))
    choice = UserFilter(q=q, role=wanted.role, is_active=wanted.is_active)

    async def story(work: Work) -> tuple[list[UserRead], bool]:
        return await _first(work, choice, wanted.limit)

    users, is_more = run_work(story, writes=False)
    if json:
        print_json([_document(user) for user in users])
        return
    if not users:
        note("There are no users yet." if choice == UserFilter() else "There is no such user.")
        return
    _print_users(users)
    if is_more:
        note(f"There are more: these are the first {wanted.limit}. --limit N shows the first N.")


def show(who: str, json: bool) -> None:
    """Print one user."""

    async def story(work: Work) -> UserRead:
        return _read(await _find(work, who))

    user = run_work(story, writes=False)
    if json:
        print_json(_document(user))
    else:
        print_facts(
            (name.replace("_", " "), _word(value)) for name, value in _document(user).items()
        )


def disable(who: str, json: bool) -> None:
    """Lock a user out, and tell who it was."""

    async def story(work: Work) -> UserRead:
        user = await _find(work, who)
        await accounts.disable(work, user.id)
        return _read(await accounts.get_for_update(work, user.id))

    user = run_work(story)
    _tell(user, f"Disabled {user.email}. Their sessions have ended.", None, json)
    _tell_delay()


def enable(who: str, json: bool) -> None:
    """Let a user in again, and tell who it is."""

    async def story(work: Work) -> UserRead:
        user = await _find(work, who)
        await accounts.enable(work, user.id)
        return _read(await accounts.get_for_update(work, user.id))

    user = run_work(story)
    _tell(user, f"Enabled {user.email}.", None, json)


def unlock(who: str, json: bool) -> None:
    """Forget somebody's wrong passwords, and tell whose."""

    async def story(work: Work) -> UserRead:
        user = await _find(work, who)
        return _read(await lockout.unlock_elsewhere(work, user.id))

    user = run_work(story)
    _tell(user, f"Unlocked {user.email}.", None, json)


def set_role(who: str, role: Role, json: bool) -> None:
    """Give a role, and tell to whom."""

    async def story(work: Work) -> UserRead:
        user = await _find(work, who)
        await accounts.set_role(work, user.id, role)
        return _read(await accounts.get_for_update(work, user.id))

    user = run_work(story)
    _tell(user, f"The role of {user.email} is now {user.role.value}.", None, json)
    _tell_delay()


def set_password(who: str, source: Source, json: bool) -> None:
    """Give a new password, and tell to whom."""

    async def find(work: Work) -> UserRead:
        return _read(await _find(work, who))

    # Found first: nobody types a password twice to learn that there is no such user.
    user = run_work(find, writes=False)
    password = _password(source, f"New password of {user.email}")

    async def story(work: Work) -> None:
        await passwords.reset(work, user.id, password)

    run_work(story)
    done = f"{user.email} has a new password. Their sessions have ended."
    _tell(user, done, password if source.generate else None, json)
    _tell_delay()


async def _find(work: Work, who: str) -> User:
    """The user of an id, an address or a username; raises `UserNotFound` or `AmbiguousUser`."""
    by_login = await accounts.find_by_login(work, who)
    by_id = None
    if who.isascii() and who.isdecimal() and 1 <= int(who[:20]) <= _LARGEST_ID:
        by_id = await accounts.find(work, int(who))
    if by_login is not None and by_id is not None and by_login.id != by_id.id:
        raise AmbiguousUser
    user = by_login or by_id
    if user is None:
        raise UserNotFound(f"There is no user {who}")
    return user


async def _first(work: Work, wanted: UserFilter, limit: int) -> tuple[list[UserRead], bool]:
    """The first users, and whether there are more."""
    users: list[UserRead] = []
    cursor: str | None = None
    while True:
        request = PageRequest(limit=min(_PAGE, limit - len(users)), cursor=cursor)
        page = await accounts.list_users(work, wanted, request)
        users += map(_read, page.rows)
        cursor = page.next_cursor
        if cursor is None or len(users) >= limit:
            return users, cursor is not None


def _read_or_none(annotation: type[str], text: str | None, name: str) -> str | None:
    return None if text is None else read_input(annotation, text, name)


def _password_or_none(source: Source, prompt: str) -> str | None:
    if not source.nowhere:
        return _password(source, prompt)
    if source.stdin or source.generate:
        fail("Choose one of --no-password, --password-stdin and --generate.", status=MISUSED)
    return None


def _password(source: Source, prompt: str) -> str:
    if source.stdin and source.generate:
        fail("Choose one of --password-stdin and --generate.", status=MISUSED)
    if source.generate:
        return make_password(read_settings(Settings).password_min_length)
    return read_password(prompt, from_stdin=source.stdin)


def _tell(user: UserRead, sentence: str, generated: str | None, json: bool) -> None:
    """Tell what was done; a generated password too, for it is shown nowhere else."""
    shown = {} if generated is None else {"password": generated}
    if json:
        print_json(_document(user) | shown)
        return
    if generated is None:
        say(sentence)
        return
    note(sentence, "The password, shown this once:")
    say(generated)


def _tell_delay() -> None:
    """Tell when a service that serves alone notices: there is no way to announce it to."""
    settings = read_settings(Settings)
    seconds = settings.session_cache_seconds
    if seconds and settings.redis_url is None and settings.workers == 1:
        note(f"A service that is running notices within {seconds} s: SESSION_CACHE_SECONDS.")


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
