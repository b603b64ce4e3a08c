"""Puts a generated table into a page that is written by hand otherwise."""

from pathlib import Path

BEGINNING = "<!-- Written by `make docs`. -->\n"
END = "<!-- Up to here. -->\n"


def with_table(page: str, table: str) -> str:
    """The page with the table between its marks; raises `ValueError` where there are none."""
    before, beginning, rest = page.partition(BEGINNING)
    _, end, after = rest.partition(END)
    if not (beginning and end):
        raise ValueError("the page does not say where the table is to stand")
    return f"{before}{BEGINNING}\n{table}\n{END}{after}"


def write_table(page: Path, table: str) -> None:
    """Replace the table in the page."""
    page.write_text(with_table(page.read_text(encoding="utf-8"), table), encoding="utf-8")
