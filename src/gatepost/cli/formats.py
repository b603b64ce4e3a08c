"""Chooses the format of a file of accounts, by its name or by --format."""

from typing import Annotated

import typer

from gatepost.cli.output import MISUSED, fail
from gatepost.files.formats import Format, format_of_name

FileFormat = Annotated[
    Format | None,
    typer.Option("--format", help="The format, if the name has no known extension."),
]

STANDARD = "-"
"""The name of standard input and output."""


def choose_format(name: str, given: Format | None) -> Format:
    """The given format, else that of the name; JSON Lines for `-`. Exits 2 if there is none."""
    found = given or (Format.JSONL if name == STANDARD else format_of_name(name))
    if found is None:
        fail(f"{name} has no known extension: add --format jsonl or csv.", status=MISUSED)
    return found
