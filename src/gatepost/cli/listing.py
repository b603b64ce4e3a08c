"""Finds users named on the command line, and reads the first rows of a paged list."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gatepost.client.ids import LARGEST_ID
from gatepost.db.paging import Page, PageRequest
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import UserNotFound
from gatepost.features.accounts.models import User
from gatepost.work import Work

Row = TypeVar("Row")
T = TypeVar("T")

_ROWS_OF_A_PAGE = 200


class AmbiguousUser(UserNotFound):
    """The digits are one user's id and another one's username."""

    code = "ambiguous_user"
    title = "That is one user's id and another one's username: use an email address"
    is_answered = False


async def find_user(work: Work, name: str) -> User:
    """The user of an id, an address or a username; raises `UserNotFound` or `AmbiguousUser`."""
    by_login = await accounts.find_by_login(work, name)
    user_id = _read_id(name)
    by_id = None if user_id is None else await accounts.find(work, user_id)
    if by_login is not None and by_id is not None and by_login.id != by_id.id:
        raise AmbiguousUser
    user = by_login or by_id
    if user is None:
        raise UserNotFound(f"There is no user {name}")
    return user


async def find_user_id(work: Work, name: str) -> int:
    """The id, even of a user who was deleted; raises `UserNotFound` for any other unknown name."""
    user_id = _read_id(name)
    if user_id is not None:
        return user_id
    user = await accounts.find_by_login(work, name)
    if user is None:
        raise UserNotFound(f"There is no user {name}")
    return user.id


async def first_rows(
    read_page: Callable[[PageRequest], Awaitable[Page[Row]]],
    convert: Callable[[Row], T],
    limit: int,
) -> tuple[list[T], bool]:
    """The first rows, read page by page and converted, and whether there are more."""
    rows: list[T] = []
    cursor: str | None = None
    while True:
        page = await read_page(
            PageRequest(limit=min(_ROWS_OF_A_PAGE, limit - len(rows)), cursor=cursor)
        )
        rows += map(convert, page.rows)
        cursor = page.next_cursor
        if cursor is None or len(rows) >= limit:
            return rows, cursor is not None


def _read_id(text: str) -> int | None:
    is_id = text.isascii() and text.isdecimal() and 1 <= int(text[:20]) <= LARGEST_ID
    return int(text) if is_id else None
