"""The commands about the audit log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.progress import Progress

from gatepost.cli.listing import find_user_id, first_rows
from gatepost.cli.options import Json
from gatepost.cli.output import MISUSED, REFUSED, fail, note, print_json, say
from gatepost.cli.running import read_input, run_in_transaction
from gatepost.cli.terminal import error_console, print_table
from gatepost.client.ids import LARGEST_ID
from gatepost.events import Outcome
from gatepost.features import FEATURES
from gatepost.features.activity.schemas import AuditEventRead
from gatepost.features.audit import service as audit
from gatepost.features.audit import verification
from gatepost.features.audit.filters import EventFilter
from gatepost.features.audit.verification import Anchor, Report, Status
from gatepost.manifest import events_of
from gatepost.work import Work

app = typer.Typer(
    name="audit",
    no_args_is_help=True,
    add_completion=False,
    help="Read and verify the audit log.",
)

_ANCHOR = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")
_EXIT = {Status.INTACT: 0, Status.TAMPERED: REFUSED, Status.OTHER_KEY: MISUSED}


def _known_event(name: str | None) -> str | None:
    names = [*events_of(FEATURES)]
    if name is None or name in names:
        return name
    raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, names))}.")


@app.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(
            metavar="POSITION:HASH", help="An earlier head, which must still be in the log."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check that no event was altered, deleted, inserted or moved. Changes nothing.

    Prints the head of the log. Keep it where nobody who can write to the database can change it:
    given as --anchor later, it proves that no events up to there were deleted. Exit status:
    0 intact, 1 tampered with, 2 sealed with another SECRET_KEY.

    \b
    Examples:
      gatepost audit verify
      gatepost audit verify --json | jq -r .head >> /mnt/elsewhere/heads
      gatepost audit verify --anchor "$(tail -1 /mnt/elsewhere/heads)"
    """
    earlier = None if anchor is None else _read_anchor(anchor)
    with _progress_bar() as progress:

        async def action(work: Work) -> Report:
            return await verification.verify(work, anchor=earlier, progress=progress)

        report = run_in_transaction(action, writes=False, without_statement_timeout=True)
    if json:
        print_json(_document(report))
    else:
        _print_report(report)
    if report.status is not Status.INTACT:
        raise typer.Exit(_EXIT[report.status])


@app.command("list")
def list_events(
    user: Annotated[
        str | None,
        typer.Option(
            metavar="USER", help="Only events about this user: id, email address or username."
        ),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(help="Only this event.", metavar="EVENT", callback=_known_event),
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only this outcome.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only events from this time on; UTC without a zone."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only events before this time.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most events to list.")] = 50,
    json: Json = False,
) -> None:
    """List events, the newest first.

    \b
    Examples:
      gatepost audit list --user ada@example.com
      gatepost audit list --event login.failed --since 2026-01-31
      gatepost audit list --outcome failure --limit 1000 --json | jq -r '.[].address'
    """
    begin, end = _read_time(since, "--since"), _read_time(until, "--until")

    async def action(work: Work) -> tuple[list[AuditEventRead], bool]:
        user_id = None if user is None else await find_user_id(work, user)
        wanted = EventFilter(user_id, event, outcome, begin, end)
        read_page = partial(audit.list_events, work, wanted)
        return await first_rows(read_page, AuditEventRead.model_validate, limit)

    events, is_more = run_in_transaction(action, writes=False)
    if json:
        print_json([each.model_dump(mode="json") for each in events])
        return
    print_table(
        ("time (UTC)", "event", "outcome", "user", "by", "address"),
        [
            (
                "" if each.at is None else each.at.strftime("%Y-%m-%d %H:%M:%S"),
                each.event,
                str(each.outcome),
                _word(each.user_id),
                _word(each.actor_id),
                _word(each.address),
            )
            for each in events
        ],
    )
    if is_more:
        note(f"There are more: these are the newest {limit}. --limit N shows the newest N.")


@contextmanager
def _progress_bar() -> Iterator[verification.Progress]:
    """Show a progress bar on standard error, if that is a terminal."""
    console = error_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Verifying", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def _print_report(report: Report) -> None:
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
    if found is None or int(found[1]) > LARGEST_ID:
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


def _word(value: object) -> str:
    return "" if value is None else str(value)
