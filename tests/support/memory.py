"""Whether what a process remembers of its callers is what the database has."""

import json

from sqlalchemy import select

from gatepost.features.accounts.models import User
from gatepost.features.accounts.schemas import UserRead
from gatepost.features.callers.cache import CachedCaller, cache_of
from gatepost.features.sessions.models import Session
from gatepost.runtime import Runtime
from gatepost.work import Origin, begin_work


async def outdated_sessions(runtime: Runtime) -> list[str]:
    """What it would still go by although the database says something else."""
    cache = cache_of(runtime)
    ids = list(cache._entries)
    known = [seen for each in ids if (seen := cache.find(each, runtime.clock.now()))]
    async with begin_work(runtime, Origin("test"), writes=False) as work:
        query = select(Session, User).join(User, User.id == Session.user_id)
        rows = {session.id: (session, user) for session, user in await work.db.execute(query)}
    if not rows:  # wiped, as tests do at their end
        return []
    return [
        f"session {session_id}: {what}"
        for seen in known
        if (session_id := seen.principal.session_id) is not None
        and (what := _difference(seen, rows.get(session_id)))
    ]


def _difference(seen: CachedCaller, row: tuple[Session, User] | None) -> str | None:
    if row is None:
        return "is deleted"
    session, user = row
    if session.ended_at is not None:
        return "has ended"
    if session.role != seen.principal.role:
        return f"has the role {session.role}, not {seen.principal.role}"
    now = UserRead.model_validate(user)
    if seen.user is not None and dict(seen.user) != dict(now):
        return f"its user is {now}, not {seen.user}"
    if seen.rendered is not None and json.loads(seen.rendered) != now.model_dump(mode="json"):
        return f"its user is {now}, not {seen.rendered!r}"
    return None
