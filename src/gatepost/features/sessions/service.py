"""Starts, refreshes and ends sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gatepost.db.paging import Page, PageRequest
from gatepost.db.statements import Condition, Row
from gatepost.features.audit import service as audit
from gatepost.features.audit.models import NewAuditEvent
from gatepost.features.callers.authentication import Authentication
from gatepost.features.callers.cache import CachedCaller, cache_of
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.callers.principal import Principal
from gatepost.features.sessions import events, repository, tokens
from gatepost.features.sessions.errors import RefreshTokenReplayed, SessionNotFound
from gatepost.features.sessions.metrics import CHANGES
from gatepost.features.sessions.models import Session, TokenBasis
from gatepost.features.sessions.repository import Rotation
from gatepost.features.sessions.state import SessionsState
from gatepost.features.sessions.tokens import RefreshClaims, TokenPair
from gatepost.features.signing_keys import service as signing_keys
from gatepost.runtime import Runtime
from gatepost.work import Work

RETENTION = timedelta(days=1)
"""How long an ended session is kept before `purge` deletes it."""

_LOGINS_AT_ONCE = 32
"""The most concurrent logins of one user that need not lock the user to count sessions."""


async def prepare_to_start(work: Work) -> None:
    """Read the signing key that `start` needs, if it is out of date. No transaction may be open."""
    await signing_keys.prepare_signing(work)


class SessionUser(Protocol):
    """The user of a new session."""

    @property
    def id(self) -> int: ...
    @property
    def role(self) -> str: ...


async def start(
    work: Work,
    user: SessionUser,
    authentication: Authentication,
    *,
    also: Sequence[Row],
    if_unchanged: Condition,
) -> TokenPair | None:
    """Start a session for a user who has just authenticated.

    Inserts its row, its audit event and the rows `also` in one statement; returns None if the
    condition `if_unchanged` does not hold. If the user has `SESSIONS_PER_USER` sessions, the oldest
    ends. Call `prepare_to_start` before.
    """
    new = _prepare(work, user, authentication)
    most = work.runtime.settings.sessions.sessions_per_user - _LOGINS_AT_ONCE - 1
    has_room = repository.has_room(user.id, most, work.now)
    if await work.insert_all([*new.rows, *also], if_unchanged=if_unchanged.also(has_room)):
        return _issue(work, new)
    if not await work.hold(if_unchanged):
        return None
    await _make_room(work, user.id)
    new = _prepare(work, user, authentication)  # the id may have been taken
    return _issue(work, new) if await work.insert_all([*new.rows, *also]) else None


@dataclass(frozen=True, slots=True)
class _New:
    """A session to insert, and its audit event."""

    rows: tuple[Row, Row]
    event: NewAuditEvent
    basis: TokenBasis


def _prepare(work: Work, user: SessionUser, authentication: Authentication) -> _New:
    values = _values_of_new(work, user, authentication)
    basis = TokenBasis(*(values[name] for name in TokenBasis._fields))
    about = audit.EventContext(user_id=user.id, session_id=basis.id, method=authentication.method)
    event = audit.new_event(work, events.SESSION_STARTED, about)
    return _New((repository.row_of(values), audit.row_of(event)), event, basis)


def _issue(work: Work, new: _New) -> TokenPair:
    audit.publish_after_commit(work, new.event)
    return tokens.issue(work.runtime, new.basis)


async def refresh(work: Work, refresh_token: str) -> TokenPair:
    """Trade a refresh token for the session's next pair (RFC 9700 section 4.14).

    Within the grace the previous token gets the same pair again, so that tabs and retries end no
    session. Any older token counts as stolen: the session ends. Raises `InvalidToken`.
    """
    claims = tokens.verify_refresh_token(work, refresh_token)
    await signing_keys.prepare_signing(work)
    now = work.now
    rotation = Rotation(
        of_session=claims.session_id,
        of_user=claims.user_id,
        used=claims.generation,
        at=now,
        until=_idle_end(work, now),
    )
    renewed = await repository.rotate(work, rotation)
    if renewed is None:
        return tokens.issue(work.runtime, await _find_previous(work, claims))

    async def count_it() -> None:
        work.runtime.metrics.count(CHANGES, "renewed")

    work.after_commit(count_it)
    return tokens.issue(work.runtime, renewed)


def find_cached(runtime: Runtime, access_token: str) -> CachedCaller | None:
    """The caller of an access token, from this process's cache; None if it is not cached.

    Raises `InvalidToken` for a bad token.
    """
    now = runtime.clock.now()
    claims = tokens.verify_cached(runtime, access_token, now)
    if claims is None:
        return None
    session = cache_of(runtime).find(claims.session_id, now)
    if session is not None and str(session.user_id) != claims.subject:
        raise InvalidToken
    return session


async def load(work: Work, access_token: str) -> CachedCaller:
    """The caller of an access token, read from the database.

    Call this before any other query of the work. Raises `InvalidToken` for a bad token and for an
    ended session.
    """
    claims = await tokens.verify_access_token(work, access_token)
    session_id = claims.session_id
    version = cache_of(work.runtime).begin_read(session_id)
    live = await repository.find_live(work, session_id)
    if live is None or str(live.user_id) != claims.subject:
        raise InvalidToken
    principal = Principal(
        user_id=live.user_id,
        session_id=session_id,
        role=live.role,
        method=live.method,
        auth_time=live.authenticated_at,
        amr=tuple((live.amr or "").split()),
        acr=live.acr,
        client_id=live.client_id,
    )
    return CachedCaller(session_id, live.user_id, live.expires_at, version, principal)


async def list_of_user(work: Work, user_id: int, page: PageRequest) -> Page[Session]:
    """One page of the user's live sessions, the oldest first."""
    return await repository.list_live(work.db, user_id, work.now, page)


async def end(work: Work, principal: Principal) -> None:
    """End the caller's own session, if there is one; its tokens are refused from now on."""
    if principal.session_id is not None:
        await _end(work, principal.user_id, principal.session_id)


async def end_by_refresh_token(work: Work, refresh_token: str) -> None:
    """End the session of a refresh token, for a caller whose access token has expired.

    Raises `InvalidToken` unless the token is the session's latest, or the one before within the
    grace.
    """
    claims = tokens.verify_refresh_token(work, refresh_token)
    session = await repository.find(work.db, claims.session_id)
    if session is None or session.user_id != claims.user_id or not _is_live(session, work.now):
        raise InvalidToken
    if session.generation != claims.generation:
        await _check_reuse(work, session, claims)
    await _end(work, session.user_id, session.id)


async def end_one(work: Work, user_id: int, session_id: int) -> None:
    """End one of a user's sessions; raises `SessionNotFound`, also for another user's session."""
    if not await repository.end_of_user(work.db, user_id, session_id, work.now):
        raise SessionNotFound
    work.invalidate(user_id)
    await audit.record(
        work, events.SESSION_ENDED, audit.EventContext(user_id=user_id, session_id=session_id)
    )


async def end_all(
    work: Work, user_id: int, *, but: int | None = None, actor_id: int | None = None
) -> int:
    """End all sessions of a user, except the session `but`; returns how many."""
    ended = await repository.end_all(work.db, user_id, work.now, but=but)
    if ended:
        work.invalidate(user_id)
        about = audit.EventContext(user_id=user_id, actor_id=actor_id, details={"sessions": ended})
        await audit.record(work, events.SESSIONS_ENDED, about)
    return ended


async def change_role(work: Work, user_id: int, role: str) -> None:
    """Set the role of a user's live sessions, effective from the next request on."""
    await repository.change_role(work.db, user_id, role)
    work.invalidate(user_id)


async def purge(work: Work) -> int:
    """Delete a batch of old ended sessions; returns how many, 0 once none are left."""
    return await repository.delete_over(work.db, work.now - RETENTION)


async def _make_room(work: Work, user_id: int) -> None:
    """End a user's oldest sessions, so that one more fits into `SESSIONS_PER_USER`."""
    most = work.runtime.settings.sessions.sessions_per_user
    ended, last = await repository.end_oldest(work.db, user_id, work.now, but=most - 1)
    if ended:
        work.invalidate(user_id)
        session_id = last if ended == 1 else None
        about = audit.EventContext(
            user_id=user_id, session_id=session_id, details={"sessions": ended}
        )
        await audit.record(work, events.SESSION_DISPLACED, about)


async def _end(work: Work, user_id: int, session_id: int) -> None:
    if await repository.end(work.db, session_id, work.now):
        work.invalidate(user_id)
        about = audit.EventContext(user_id=user_id, session_id=session_id)
        await audit.record(work, events.SESSION_ENDED, about)


async def _find_previous(work: Work, claims: RefreshClaims) -> TokenBasis:
    """The current pair for the previous refresh token; raises as `_check_reuse` does."""
    session = await repository.find(work.db, claims.session_id)
    if session is None or session.user_id != claims.user_id:
        raise InvalidToken
    await _check_reuse(work, session, claims)
    return session.token_basis


async def _check_reuse(work: Work, session: Session, claims: RefreshClaims) -> None:
    """Accept the previous refresh token within the grace; else raise, and end a stolen session."""
    now, grace = work.now, work.runtime.settings.tokens.refresh_reuse_grace
    if not _is_live(session, now):
        raise InvalidToken
    # Not negative, even if this process's clock lags behind that of the process that refreshed.
    since = max(now - session.renewed_at, timedelta(0))
    if claims.generation == session.generation - 1 and since < grace:
        return
    if claims.generation >= session.generation:
        raise InvalidToken
    if not await repository.end(work.db, session.id, now):
        raise InvalidToken  # a concurrent replay has ended it, and recorded that
    work.invalidate(session.user_id)
    about = audit.EventContext(
        user_id=session.user_id,
        session_id=session.id,
        details={"generation": claims.generation, "expected": session.generation},
    )
    await audit.record(work, events.SESSION_REPLAYED, about)
    raise RefreshTokenReplayed


def _values_of_new(work: Work, user: SessionUser, authentication: Authentication) -> dict[str, Any]:
    now, settings = work.now, work.runtime.settings
    absolute_end = now + settings.sessions.session_absolute_lifetime
    return {
        "id": work.runtime.state(SessionsState).ids.next(now),
        "user_id": user.id,
        "role": user.role,
        "method": authentication.method,
        "generation": 0,
        "created_at": now,
        "authenticated_at": authentication.at,
        "amr": " ".join(authentication.amr),
        "acr": authentication.acr,
        "client_id": None,
        "renewed_at": now,
        "expires_at": min(_idle_end(work, now), absolute_end),
        "absolute_expires_at": absolute_end,
        "ended_at": None,
        "address": work.origin.address,
        "user_agent": work.origin.user_agent,
    }


def _is_live(session: Session, now: datetime) -> bool:
    return session.ended_at is None and session.expires_at > now


def _idle_end(work: Work, now: datetime) -> datetime:
    """When the session ends without a refresh: by the refresh token or the idle lifetime."""
    settings = work.runtime.settings
    return now + min(
        settings.tokens.refresh_token_lifetime, settings.sessions.session_idle_lifetime
    )
