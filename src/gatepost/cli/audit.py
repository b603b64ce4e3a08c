"""The commands about the audit log."""

from typing import Annotated

import typer

from gatepost.cli.options import Json
from gatepost.events import Outcome
from gatepost.features import FEATURES
from gatepost.manifest import events_of

app = typer.Typer(no_args_is_help=True, help="Who did what, and whether the log is as written.")


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
            metavar="POSITION:HASH", help="An earlier head, which has to be in the log still."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check that no event was altered, deleted, inserted or moved. Changes nothing.

    Prints the head of the log. Keep it where the database's writers cannot reach: given back as
    --anchor, it proves that nothing up to there was cut off. Exit status: 0 intact, 1 tampered
    with, 2 sealed under another SECRET_KEY.

    \b
    Examples:
      gatepost audit verify
      gatepost audit verify --json | jq -r .head >> /mnt/elsewhere/heads
      gatepost audit verify --anchor "$(tail -1 /mnt/elsewhere/heads)"
    """
    from gatepost.cli.stories import audit

    audit.verify(anchor, json)


@app.command("list")
def list_events(  # noqa: PLR0913, PLR0917 - an option is a parameter
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Whom it concerns: id, address or username.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(help="Only this event.", metavar="EVENT", callback=_known_event),
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only this outcome.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on; UTC, if no zone is given.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before then.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """List events, the newest first.

    \b
    Examples:
      gatepost audit list --user ada@example.com
      gatepost audit list --event login.failed --since 2026-01-31
      gatepost audit list --outcome failure --limit 1000 --json | jq -r '.[].address'
    """
    from gatepost.cli.stories import audit

    audit.list_events(audit.Wanted(user, event, outcome, since, until, limit), json)
