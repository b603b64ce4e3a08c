"""Writes the list of events in docs/audit.md out of the events themselves."""

import re
import sys
from pathlib import Path

from gatepost.features.audit.events import MEANINGS, Event

_HEADING = "| event | outcome | when | OWASP vocabulary |\n| --- | --- | --- | --- |\n"
_BEGIN = "<!-- Written by `python -m gatepost.features.audit.documentation`. -->\n"
_END = "<!-- Up to here. -->\n"


def render() -> str:
    """All events as a table of Markdown, in the order of the list."""
    return _HEADING + "".join(map(_row, Event))


def with_events(page: str) -> str:
    """The page with the table between its marks; raises `ValueError` where there are none."""
    marked = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    if not marked.search(page):
        raise ValueError("the page does not say where the events are to stand")
    return marked.sub(lambda _: f"{_BEGIN}{render()}{_END}", page)


def write(root: Path) -> None:
    """Write the table into the page below `root`, the project's folder."""
    page = root / "docs" / "audit.md"
    page.write_text(with_events(page.read_text(encoding="utf-8")), encoding="utf-8")


def _row(event: Event) -> str:
    meaning = MEANINGS[event]
    return f"| `{event.value}` | {meaning.outcome.value} | {meaning.when} | `{meaning.owasp}` |\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
