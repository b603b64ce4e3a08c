"""Opens sessions, keeps them alive, and ends them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gatepost.db.autocommit import Condition, Insertion
from gatepost.db.paging import Page, PageRequest
from gatepost.features.audit import service as audit
from gatepost.features.audit.models import Entry
from gatepost.features.callers.cache import CachedCaller, cache_of
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.callers.principal import Principal
from gatepost.features.sessions import events, repository, tokens
from gatepost.features.sessions.errors import RefreshTokenReplayed, SessionNotFound
from gatepost.features.sessions.models import Generation, Session
from gatepost.features.sessions.repository import Spending
from gatepost.features.sessions.tokens import RefreshClaims, TokenPair
from gatepost.features.signing_keys import service as signing_keys
from gatepost.runtime import Runtime
from gatepost.work import Work

RETENTION = timedelta(days=1)
"""How long a session that is over is kept before `purge` deletes it."""

_LOGINS_AT_ONCE = 32
"""Of one user, so many may write their sessions at one moment without counting each other's."""


async def get_ready(work: Work) -> None:
    """Read what `start` and `issue` sign with, if that is old. The caller holds no transaction."""
    await signing_keys.get_ready_to_sign(work)


async def start(work: Work, user_id: int, role: str, method: str) -> TokenPair:
    """Open a session for a user who has just proved who they are, by `method`.

    Where they have `SESSIONS_PER_USER`, the oldest ends. The caller holds the user's row locked, so
    that no change of role or password slips between; before that comes `get_ready`.
    """
    await _make_room(work, user_id)
    values = _values_of_new(work, user_id, role, method)
    session_id = await repository.insert(work.db, values)
    about = audit.About(user_id=user_id, session_id=session_id, method=method)
    await audit.record(work, events.SESSION_STARTED, about)
    return tokens.issue(work.runtime, _first_generation(session_id, values))


@dataclass(frozen=True, slots=True)
class Opening:
    """A session that is to be inserted by its id, and what the audit log will say of it."""

    session: Insertion
    event: Entry
    generation: Generation
    room: Condition


async def prepare(work: Work, user_id: int, role: str, method: str) -> Opening | None:
    """The same session as `start` opens, for who writes it in one statement with all else there is.

    Only where such statements go straight to the driver, and while there is `room`: the statement
    does not see what others of the same moment write. None where there can be none.
    """
    most = work.runtime.settings.sessions_per_user - _LOGINS_AT_ONCE - 1
    if most < 0:
        return None
    reserved = work.runtime.reserved_session_ids
    if not reserved:
        reserved.extend(await repository.reserve_ids(work.open_db, work.runtime.autocommit))
        await (
            work.commit_and_release()
        )  # where that took a transaction: what follows needs its connection
    session_id = reserved.popleft()
    values = _values_of_new(work, user_id, role, method)
    about = audit.About(user_id=user_id, session_id=session_id, method=method)
    return Opening(
        session=repository.insertion(session_id, values),
        event=audit.prepare(work, events.SESSION_STARTED, about),
        generation=_first_generation(session_id, values),
        room=repository.few_are_live(most, work.now),
    )


def issue(work: Work, opening: Opening) -> TokenPair:
    """The tokens of a session that was prepared and is inserted."""
    audit.tell(work, opening.event)
    return tokens.issue(work.runtime, opening.generation)


async def renew(work: Work, refresh_token: str) -> TokenPair:
    """Trade a refresh token for the session's next pair (RFC 9700 section 4.14).

    Within the grace the generation just spent gets the same successor again, so that tabs and
    retries log nobody out. Anything older is theft: the session ends. Raises `InvalidToken`.
    """
    claims = tokens.read_refresh_token(work, refresh_token)
    await signing_keys.get_ready_to_sign(work)
    now = work.now
    spending = Spending(
        of_session=claims.session_id,
        of_user=claims.user_id,
        spent=claims.generation,
        at=now,
        until=_idle_end(work, now),
    )
    renewed = await repository.spend_generation(work.open_db, work.runtime.autocommit, spending)
    if renewed is None:
        return tokens.issue(work.runtime, await _find_just_spent(work, claims))
    work.after_commit(work.runtime.metrics.count_renewal)
    return tokens.issue(work.runtime, renewed)


def find_cached(runtime: Runtime, access_token: str) -> CachedCaller | None:
    """The caller that an access token speaks for, from this process's cache; None if not there.

    Raises `InvalidToken` for a bad token.
    """
    now = runtime.clock.now()
    claims = tokens.recall_access_token(runtime, access_token, now)
    if claims is None:
        return None
    session = cache_of(runtime).find(claims.session_id, now)
    if session is not None and str(session.user_id) != claims.subject:
        raise InvalidToken
    return session


async def load(work: Work, access_token: str) -> CachedCaller:
    """The caller that an access token speaks for, read from the database.

    Nothing is read in this work before. Raises `InvalidToken` for a bad token and for a session
    that is over.
    """
    claims = await tokens.read_access_token(work, access_token)
    session_id, lone = claims.session_id, work.runtime.autocommit
    mark = cache_of(work.runtime).begin_reading(session_id)
    login = await repository.find_login(work.open_db, lone, session_id, work.now)
    if login is None or str(login.user_id) != claims.subject:
        raise InvalidToken
    principal = Principal(
        user_id=login.user_id,
        session_id=session_id,
        role=login.role,
        method=login.method,
        auth_time=login.authenticated_at,
    )
    return CachedCaller(session_id, login.user_id, login.expires_at, mark, principal)


async def list_of_user(work: Work, user_id: int, page: PageRequest) -> Page[Session]:
    """One page of the user's live sessions, the oldest first."""
    return await repository.list_live(work.db, user_id, work.now, page)


async def end(work: Work, principal: Principal) -> None:
    """End the caller's own session, if there is one: its tokens are refused from now on."""
    if principal.session_id is not None:
        await _end(work, principal.user_id, principal.session_id)


async def end_by_refresh_token(work: Work, refresh_token: str) -> None:
    """End the session a refresh token belongs to, where the access token has already expired.

    Raises `InvalidToken` for a token that is not the session's latest, or its predecessor.
    """
    claims = tokens.read_refresh_token(work, refresh_token)
    session = await repository.find_live(work.db, claims.session_id, work.now)
    if session is None or session.user_id != claims.user_id:
        raise InvalidToken
    if session.generation != claims.generation:
        await _refuse_unless_just_spent(work, session, claims)
    await _end(work, session.user_id, session.id)


async def end_one(work: Work, user_id: int, session_id: int) -> None:
    """End one of a user's sessions; raises `SessionNotFound` for a stranger's too."""
    if not await repository.end_of_user(work.db, user_id, session_id, work.now):
        raise SessionNotFound
    work.invalidate(user_id)
    await audit.record(
        work, events.SESSION_ENDED, audit.About(user_id=user_id, session_id=session_id)
    )


async def end_all(
    work: Work, user_id: int, *, but: int | None = None, actor_id: int | None = None
) -> int:
    """End every session of a user, but perhaps one; returns how many."""
    ended = await repository.end_all(work.db, user_id, work.now, but=but)
    if ended:
        work.invalidate(user_id)
        about = audit.About(user_id=user_id, actor_id=actor_id, details={"sessions": ended})
        await audit.record(work, events.SESSIONS_ENDED, about)
    return ended


async def change_role(work: Work, user_id: int, role: str) -> None:
    """Let a user's live sessions speak with the new role from their next request on."""
    await repository.change_role(work.db, user_id, role)
    work.invalidate(user_id)


async def purge(work: Work) -> int:
    """Delete a batch of sessions that are long over; returns how many, 0 once none is left."""
    return await repository.delete_over(work.db, work.now - RETENTION)


async def _make_room(work: Work, user_id: int) -> None:
    """End the oldest sessions of a user who has as many as may be, or more since the bound fell."""
    most = work.runtime.settings.sessions_per_user
    ended, last = await repository.end_oldest(work.db, user_id, work.now, but=most - 1)
    if ended:
        work.invalidate(user_id)
        session_id = last if ended == 1 else None
        about = audit.About(user_id=user_id, session_id=session_id, details={"sessions": ended})
        await audit.record(work, events.SESSION_DISPLACED, about)


async def _end(work: Work, user_id: int, session_id: int) -> None:
    if await repository.end(work.db, session_id, work.now):
        work.invalidate(user_id)
        about = audit.About(user_id=user_id, session_id=session_id)
        await audit.record(work, events.SESSION_ENDED, about)


async def _find_just_spent(work: Work, claims: RefreshClaims) -> Generation:
    """The successor of the generation just spent; else as `_refuse_unless_just_spent` raises."""
    session = await repository.find(work.db, claims.session_id)
    if session is None or session.user_id != claims.user_id:
        raise InvalidToken
    await _refuse_unless_just_spent(work, session, claims)
    return session.present


async def _refuse_unless_just_spent(work: Work, session: Session, claims: RefreshClaims) -> None:
    """Return for the generation just spent, within the grace; else raise and end what is stolen."""
    now, grace = work.now, work.runtime.settings.refresh_reuse_grace
    if session.ended_at is not None or session.expires_at <= now:
        raise InvalidToken
    # A clock that lags behind the one that renewed makes no time less than none.
    since = max(now - session.renewed_at, timedelta(0))
    if claims.generation == session.generation - 1 and since < grace:
        return
    if claims.generation >= session.generation:
        raise InvalidToken
    if not await repository.end(work.db, session.id, now):
        raise InvalidToken  # a replay at the same moment has ended it, and told
    work.invalidate(session.user_id)
    about = audit.About(
        user_id=session.user_id,
        session_id=session.id,
        details={"generation": claims.generation, "expected": session.generation},
    )
    await audit.record(work, events.SESSION_REPLAYED, about)
    raise RefreshTokenReplayed


def _values_of_new(work: Work, user_id: int, role: str, method: str) -> dict[str, Any]:
    now, settings = work.now, work.runtime.settings
    absolute_end = now + settings.session_absolute_lifetime
    return {
        "user_id": user_id,
        "role": role,
        "method": method,
        "generation": 0,
        "created_at": now,
        "authenticated_at": now,
        "renewed_at": now,
        "expires_at": min(_idle_end(work, now), absolute_end),
        "absolute_expires_at": absolute_end,
        "ended_at": None,
        "address": work.origin.address,
        "user_agent": work.origin.user_agent,
    }


def _first_generation(session_id: int, values: Mapping[str, Any]) -> Generation:
    return Generation(session_id, *(values[name] for name in Generation._fields[1:]))


def _idle_end(work: Work, now: datetime) -> datetime:
    """A session ends when its refresh token does, or when it was idle for too long."""
    settings = work.runtime.settings
    return now + min(settings.refresh_token_lifetime, settings.session_idle_lifetime)
