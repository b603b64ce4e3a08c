"""Records events in the transaction of the change itself, and calls the host's hooks."""

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
    """The user and the session that an event concerns; `actor_id` if another user did it.

    `method` is the method of authentication. `details` are JSON, without anything a client typed.
    """

    user_id: int | None = None
    actor_id: int | None = None
    session_id: int | None = None
    method: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


async def record(work: Work, event: Event, about: EventContext) -> None:
    """Insert the event in this transaction; log it and call hooks once that is committed."""
    entry = new_event(work, event, about)
    repository.add(work.db, entry)
    publish_after_commit(work, entry)


def new_event(work: Work, event: Event, about: EventContext) -> NewAuditEvent:
    """A new event as `record` writes it, for a caller that inserts its `row_of` itself."""
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
    """The row of a new event."""
    return repository.row_of(entry)


def publish_after_commit(work: Work, entry: NewAuditEvent) -> None:
    """Log the event, count it and call the host's hooks once this work is committed."""

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
        work.after_commit(partial(callback, happening))  # a failing hook must not stop the others


async def record_in_own_transaction(work: Work, event: Event, about: EventContext) -> None:
    """Record an event that must be kept although the request is about to be refused.

    Commits the request's transaction first, because SQLite has one writer at a time.
    """
    await work.commit_and_release()
    async with begin_work(work.runtime, work.origin) as apart:
        await record(apart, event, about)


async def list_events(work: Work, wanted: EventFilter, page: PageRequest) -> Page[AuditEvent]:
    """One page of events, the newest first."""
    return await repository.list_page(work.db, wanted, page)


def known_keys(runtime: Runtime) -> chain.Keys:
    """The log's keys, derived from `SECRET_KEY` and from `FORMER_SECRET_KEYS`."""
    state = runtime.state(AuditState)
    return chain.keys_of(state.key, state.former_keys)


def fingerprint(work: Work, text: str) -> str:
    """A keyed hash of a text that the log must not hold itself; equal for equal texts."""
    return chain.fingerprint(work.runtime.state(AuditState).key, text)


def _line(entry: NewAuditEvent) -> dict[str, object]:
    """The event's fields in the log; personal data is in the row only."""
    return {
        "outcome": entry.outcome,
        "user_id": entry.user_id,
        "actor_id": entry.actor_id,
        "session_id": entry.session_id,
        "request_id": entry.request_id,
    }
