"""The audit log at the command line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer
from rich.progress import Progress

from gatepost.cli.output import MISUSED, REFUSED, fail, note, print_json, say
from gatepost.cli.stories.running import read_input, run_work
from gatepost.cli.terminal import error_console, print_table
from gatepost.db.paging import PageRequest
from gatepost.events import Outcome
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import UserNotFound
from gatepost.features.activity.schemas import AuditEventRead
from gatepost.features.audit import service as audit
from gatepost.features.audit import verification
from gatepost.features.audit.filters import EventFilter
from gatepost.features.audit.verification import Anchor, Report, Status
from gatepost.work import Work

_PAGE = 200
_LARGEST_ID = 2**63 - 1
_ANCHOR = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")
_EXIT = {Status.INTACT: 0, Status.TAMPERED: REFUSED, Status.OTHER_KEY: MISUSED}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are to be listed, as they were named, and how many at most."""

    user: str | None
    event: str | None
    outcome: Outcome | None
    since: str | None
    until: str | None
    limit: int


def verify(anchor_text: str | None, json: bool) -> None:
    """Walk along the chain, and tell what is wrong with it; exit 1 or 2 if anything is."""
    anchor = None if anchor_text is None else _read_anchor(anchor_text)
    with _progress_bar() as progress:

        async def story(work: Work) -> Report:
            return await verification.verify(work, anchor=anchor, progress=progress)

        report = run_work(story, writes=False, without_statement_timeout=True)
    if json:
        print_json(_document(report))
    else:
        _tell(report)
    if report.status is not Status.INTACT:
        raise typer.Exit(_EXIT[report.status])


def list_events(wanted: Wanted, json: bool) -> None:
    """Print events, the newest first."""
    since, until = _read_time(wanted.since, "--since"), _read_time(wanted.until, "--until")

    async def story(work: Work) -> tuple[list[AuditEventRead], bool]:
        user_id = None if wanted.user is None else await _user_id(work, wanted.user)
        choice = EventFilter(user_id, wanted.event, wanted.outcome, since, until)
        return await _first(work, choice, wanted.limit)

    events, is_more = run_work(story, writes=False)
    if json:
        print_json([event.model_dump(mode="json") for event in events])
        return
    print_table(
        ("time (UTC)", "event", "outcome", "user", "by", "address"),
        [
            (
                "" if event.at is None else event.at.strftime("%Y-%m-%d %H:%M:%S"),
                event.event,
                str(event.outcome),
                _word(event.user_id),
                _word(event.actor_id),
                _word(event.address),
            )
            for event in events
        ],
    )
    if is_more:
        note(f"There are more: these are the last {wanted.limit}. --limit N shows the last N.")


@contextmanager
def _progress_bar() -> Iterator[verification.Progress]:
    """A bar on standard error, gone at the end; nothing where that is no terminal."""
    console = error_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Verifying", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def _tell(report: Report) -> None:
    for finding in report.findings:
        say(finding.sentence)
    if report.faults > len(report.findings):
        say(f"And {report.faults - len(report.findings)} more.")
    if report.findings:
        fail(f"The audit log was tampered with. The first finding: {report.findings[0].sentence}")
    if not report.key_matches:
        fail(
            "The audit log is sealed under another SECRET_KEY than this one: of its rows only "
            f"{report.checked} could be checked. If SECRET_KEY was changed, give the one before "
            "in FORMER_SECRET_KEYS; if it never was, the log was tampered with.",
            status=MISUSED,
        )
    if report.of_other_key:
        fail(
            f"Of the audit log {report.of_other_key} events could not be checked, the first at "
            f"position {report.first_of_other_key}: they were sealed under a SECRET_KEY that is "
            "not known here. Give it in FORMER_SECRET_KEYS. If it was never changed, the log was "
            "tampered with.",
            status=MISUSED,
        )
    say(
        f"The audit log is intact: {report.checked} sealed events,",
        f"{report.unsealed} not sealed yet.",
    )
    if report.purged:
        say(f"Purged before them: {report.purged}.")
    if report.head is not None:
        say(f"Head: {report.head.position}:{report.head.hash}")


def _document(report: Report) -> dict[str, Any]:
    return {
        "status": report.status.value,
        "checked": report.checked,
        "unsealed": report.unsealed,
        "of_other_key": report.of_other_key,
        "first_of_other_key": report.first_of_other_key,
        "purged": report.purged,
        "head": None if report.head is None else f"{report.head.position}:{report.head.hash}",
        "anchor_holds": report.anchor_holds,
        "faults": report.faults,
        "findings": [
            {
                "fault": finding.fault.value,
                "position": finding.position,
                "event_id": finding.event_id,
                "sentence": finding.sentence,
            }
            for finding in report.findings
        ],
    }


def _read_anchor(text: str) -> Anchor:
    found = _ANCHOR.fullmatch(text.strip())
    if found is None or int(found[1]) > _LARGEST_ID:
        fail("--anchor takes a head as `gatepost audit verify` prints it.", status=MISUSED)
    return Anchor(int(found[1]), found[2])


def _read_time(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    at = read_input(datetime, text, name)
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        fail(f"{name} cannot be used: give a time that exists in UTC.", status=MISUSED)


async def _user_id(work: Work, who: str) -> int:
    """The id, though nobody may have it any more, or whose address or username it is."""
    if who.isascii() and who.isdecimal() and 1 <= int(who[:20]) <= _LARGEST_ID:
        return int(who)
    user = await accounts.find_by_login(work, who)
    if user is None:
        raise UserNotFound(f"There is no user {who}")
    return user.id


async def _first(work: Work, wanted: EventFilter, limit: int) -> tuple[list[AuditEventRead], bool]:
    """The first events, and whether there are more."""
    events: list[AuditEventRead] = []
    cursor: str | None = None
    while True:
        request = PageRequest(limit=min(_PAGE, limit - len(events)), cursor=cursor)
        page = await audit.list_events(work, wanted, request)
        events += map(AuditEventRead.model_validate, page.rows)
        cursor = page.next_cursor
        if cursor is None or len(events) >= limit:
            return events, cursor is not None


def _word(value: object) -> str:
    return "" if value is None else str(value)
