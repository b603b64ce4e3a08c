"""Prints tables and coloured text, with Rich."""

import os
import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

# A pipe has no width, and programs that read it need unbroken lines.
_WIDTH_OF_A_PIPE = 10_000


def console() -> Console:
    """Standard output, as wide as the terminal."""
    return _console(sys.stdout.isatty(), stderr=False)


def error_console() -> Console:
    """Standard error, as wide as the terminal."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    wide = not is_terminal and "COLUMNS" not in os.environ
    width = _WIDTH_OF_A_PIPE if wide else None
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def print_error(lines: Sequence[str]) -> None:
    """Print an error: the first line after `Error:`, the others below it."""
    first, *more = lines
    out = error_console()
    out.print(Text.assemble(("Error: ", "bold red"), first), soft_wrap=True)
    for line in more:
        out.print(line, soft_wrap=True)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; texts that are too long for their column are wrapped."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def print_counts(counts: Sequence[tuple[str, int, str]]) -> None:
    """Print a line for each name, count and remark."""
    wide = max(len(name) for name, _, _ in counts)
    digits = max(len(f"{count:,}") for _, count, _ in counts)
    for name, count, remark in counts:
        line = Text.assemble(f"  {name:{wide}}  ", (f"{count:{digits},}", "bold"))
        console().print(line.append(f"  {remark}", "dim") if remark else line, soft_wrap=True)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line."""
    table = Table.grid(padding=(0, 3))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(value))
    console().print(table)
