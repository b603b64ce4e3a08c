"""Writes down who did what, in the same transaction as what they did, and tells the host."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from gatepost.db.paging import Page, PageRequest
from gatepost.db.statements import Row
from gatepost.events import Event, HookEvent
from gatepost.features.audit import chain, repository
from gatepost.features.audit.filters import EventFilter
from gatepost.features.audit.metrics import EVENTS
from gatepost.features.audit.models import AuditEvent, NewAuditEvent
from gatepost.features.audit.state import AuditState
from gatepost.runtime import Runtime
from gatepost.work import Work, begin_work

log = logging.getLogger("gatepost.audit")


@dataclass(frozen=True, slots=True)
class EventContext:
    """Whom and what an event concerns; `actor_id` where somebody else did it to the user.

    `method` is how they proved who they are. `details` are JSON, and hold nothing that was typed.
    """

    user_id: int | None = None
    actor_id: int | None = None
    session_id: int | None = None
    method: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


async def record(work: Work, event: Event, about: EventContext) -> None:
    """Add the row to this transaction; log it and call the host's hooks once it is committed."""
    entry = prepare(work, event, about)
    repository.add(work.db, entry)
    publish_after_commit(work, entry)


def prepare(work: Work, event: Event, about: EventContext) -> NewAuditEvent:
    """The event that `record` writes, for a caller that inserts its `row_of` with other rows."""
    key = work.runtime.state(AuditState).key
    entry = NewAuditEvent(
        at=work.now,
        event=event.name,
        outcome=event.outcome.value,
        user_id=about.user_id,
        actor_id=about.actor_id,
        session_id=about.session_id,
        method=about.method,
        address=work.origin.address,
        user_agent=work.origin.user_agent,
        request_id=work.origin.request_id,
        details=dict(about.details),
        key_id=chain.key_id(key),
    )
    return chain.bind(key, entry, has_head=work.runtime.state(AuditState).head_seen.is_set())


def row_of(entry: NewAuditEvent) -> Row:
    """The row of a prepared event."""
    return repository.row_of(entry)


def publish_after_commit(work: Work, entry: NewAuditEvent) -> None:
    """Log an event, count it and call the host's hooks, once the work is committed."""

    async def log_it() -> None:
        work.runtime.metrics.count(EVENTS, entry.event, entry.outcome)
        work.runtime.metrics.count_event(entry.event)
        if log.isEnabledFor(logging.INFO):
            log.info(entry.event, extra=_line(entry))

    work.after_commit(log_it)
    callbacks = work.runtime.hooks.listening_to(entry.event)
    if not callbacks:
        return
    happening = HookEvent(
        event=entry.event,
        at=entry.at,
        user_id=entry.user_id,
        request_id=entry.request_id,
        details=entry.details,
    )
    for callback in callbacks:
        work.after_commit(partial(callback, happening))  # one that fails takes no other with it


async def record_in_own_transaction(work: Work, event: Event, about: EventContext) -> None:
    """Record what must be remembered although the request is about to be refused.

    Lets the request's transaction go first: SQLite has room for one writer only.
    """
    await work.commit_and_release()
    async with begin_work(work.runtime, work.origin) as apart:
        await record(apart, event, about)


async def list_events(work: Work, wanted: EventFilter, page: PageRequest) -> Page[AuditEvent]:
    """One page of events, the newest first."""
    return await repository.list_page(work.db, wanted, page)


def known_keys(runtime: Runtime) -> chain.Keys:
    """The keys that the log may be under: of `SECRET_KEY`, and of those before it."""
    state = runtime.state(AuditState)
    return chain.keys_of(state.key, state.former_keys)


def fingerprint(work: Work, text: str) -> str:
    """What the log may keep of a text that it must not keep: equal for equal texts."""
    return chain.fingerprint(work.runtime.state(AuditState).key, text)


def _line(entry: NewAuditEvent) -> dict[str, object]:
    """What the log tells of an event. The row has the rest: who reads logs may not read that."""
    return {
        "outcome": entry.outcome,
        "user_id": entry.user_id,
        "actor_id": entry.actor_id,
        "session_id": entry.session_id,
        "request_id": entry.request_id,
    }
