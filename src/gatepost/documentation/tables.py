"""Replaces a generated table in a page that is otherwise written by hand."""

from pathlib import Path

BEGINNING = "<!-- Written by `make docs`. -->\n"
END = "<!-- Up to here. -->\n"


def with_table(page: str, table: str) -> str:
    """The page with the table between its markers; raises `ValueError` if it has none."""
    before, beginning, rest = page.partition(BEGINNING)
    _, end, after = rest.partition(END)
    if not (beginning and end):
        raise ValueError("the page has no markers for the table")
    return f"{before}{BEGINNING}\n{table}\n{END}{after}"


def write_table(page: Path, table: str) -> None:
    """Replace the table in the page."""
    page.write_text(with_table(page.read_text(encoding="utf-8"), table), encoding="utf-8")
