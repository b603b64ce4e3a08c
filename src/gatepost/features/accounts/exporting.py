"""Goes through all accounts for whoever writes them to a file, a page of them in memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from gatepost.features.accounts import repository
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.audit import service as audit
from gatepost.features.audit.events import Event
from gatepost.runtime import Runtime
from gatepost.work import Origin, begin_work

COLUMNS = (
    *("email", "username", "full_name", "role", "is_active", "email_verified"),
    *("created_at", "updated_at"),
)
PASSWORD_HASH = "password_hash"  # noqa: S105 - the name of a column

_PAGE = 2_000


def columns(*, with_hashes: bool) -> Sequence[str]:
    """The names of what is exported of each account, in their order."""
    return ("id", *COLUMNS, PASSWORD_HASH) if with_hashes else ("id", *COLUMNS)


async def export_users(
    runtime: Runtime, origin: Origin, wanted: UserFilter, *, with_hashes: bool
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Pages of accounts in the order of their ids, values in the order of `columns`.

    Each account comes once, as it is when its page is read: who comes or goes meanwhile may be
    among them or not. The audit log tells of it before the first page is out.
    """
    await _record(runtime, origin, wanted, {"password_hashes": with_hashes})
    names = columns(with_hashes=with_hashes)[1:]
    last = 0
    while True:
        async with begin_work(runtime, origin, writes=False) as work:
            rows = await repository.list_after(work.db, wanted, last, _PAGE, names)
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


async def _record(
    runtime: Runtime, origin: Origin, wanted: UserFilter, details: Mapping[str, object]
) -> None:
    role = None if wanted.role is None else wanted.role.value
    about = audit.About(details={**details, "role": role, "is_active": wanted.is_active})
    async with begin_work(runtime, origin) as work:
        await audit.record(work, Event.USERS_EXPORTED, about)
