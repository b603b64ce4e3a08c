"""Reads all accounts for an export, one page at a time."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.audit import service as audit
from gatepost.features.imports import events
from gatepost.runtime import Runtime
from gatepost.work import Origin, begin_work

COLUMNS = (
    *("email", "username", "full_name", "role", "is_active", "email_verified"),
    *("created_at", "updated_at"),
)
PASSWORD_HASH = "password_hash"  # noqa: S105 - the name of a column

_PAGE = 2_000


def columns(*, with_hashes: bool) -> Sequence[str]:
    """The names of the exported columns, in order."""
    return ("id", *COLUMNS, PASSWORD_HASH) if with_hashes else ("id", *COLUMNS)


async def export_users(
    runtime: Runtime, origin: Origin, wanted: UserFilter, *, with_hashes: bool
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Pages of accounts ordered by id, each account a sequence of the values of `columns`.

    Each account appears once, as it was when its page was read; one created or deleted meanwhile
    may or may not appear. The export is recorded in the audit log before the first page.
    """
    await _record(runtime, origin, wanted, with_hashes=with_hashes)
    names = columns(with_hashes=with_hashes)[1:]
    last_id = 0
    while True:
        async with begin_work(runtime, origin, writes=False) as work:
            rows = await accounts.list_columns(work, wanted, names, after=last_id, limit=_PAGE)
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        last_id = rows[-1][0]


async def _record(
    runtime: Runtime, origin: Origin, wanted: UserFilter, *, with_hashes: bool
) -> None:
    role = None if wanted.role is None else wanted.role.value
    details = {"password_hashes": with_hashes, "role": role, "is_active": wanted.is_active}
    async with begin_work(runtime, origin) as work:
        await audit.record(work, events.USERS_EXPORTED, audit.EventContext(details=details))
