"""Writes the table of audit events into docs/audit.md, from the declarations of the features."""

from pathlib import Path

from gatepost.documentation.tables import write_table
from gatepost.events import Event
from gatepost.features import FEATURES
from gatepost.manifest import events_of

_HEADING = "| event | outcome | when | OWASP vocabulary |\n| --- | --- | --- | --- |\n"


def render() -> str:
    """All events as a table of Markdown, feature by feature."""
    return _HEADING + "".join(map(_row, events_of(FEATURES).values()))


def write(root: Path) -> None:
    """Write the table into the page below `root`, the project's folder."""
    write_table(root / "docs" / "audit.md", render())


def _row(event: Event) -> str:
    return f"| `{event.name}` | {event.outcome.value} | {event.when} | `{event.owasp}` |\n"
