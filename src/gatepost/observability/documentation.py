"""Writes the table of metrics into docs/observability.md, from their own descriptions."""

import sys
from pathlib import Path

from gatepost.observability.metrics import DESCRIPTIONS, Description

_BEGINNING = "<!-- Written by `python -m gatepost.observability.documentation`. -->\n"
_END = "<!-- The end of what is written. -->\n"


def render_table() -> str:
    """All metrics as a table, between the marks that say who writes it."""
    head = "| metric | kind | divided by | what it tells |\n| --- | --- | --- | --- |\n"
    return _BEGINNING + "\n" + head + "".join(map(_row, DESCRIPTIONS)) + "\n" + _END


def write(root: Path) -> None:
    """Put today's table in the place of the one that stands in the page below `root`."""
    page = root / "docs" / "observability.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGINNING)
    _, _, after = rest.partition(_END)
    page.write_text(before + render_table() + after, encoding="utf-8")


def _row(each: Description) -> str:
    labels = ", ".join(f"`{label}`" for label in each.labels)
    return f"| `{each.name}` | {each.kind} | {labels} | {each.help} |\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
