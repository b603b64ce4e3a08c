"""What the commands print: data on standard output, everything else on standard error."""

import json
import sys
from typing import Any, NoReturn, TextIO

import typer

REFUSED = 1
MISUSED = 2

_REMOVED = dict.fromkeys((7, 8, 11, 12, 13))
"""Control characters that ring the bell or move the cursor."""


def say(*sentences: str) -> None:
    """Print a result on standard output."""
    _write(sys.stdout, " ".join(sentences))


def note(*sentences: str) -> None:
    """Print a remark on standard error."""
    _write(sys.stderr, " ".join(sentences))


def _write(stream: TextIO, text: str) -> None:
    stream.write(f"{text.translate(_REMOVED).expandtabs()}\n")
    stream.flush()


def fail(*lines: str, status: int = REFUSED) -> NoReturn:
    """Print an error, and exit."""
    # Imported here, since Rich loads slowly: commands such as `serve` do not need it.
    from gatepost.cli.terminal import print_error

    print_error(lines)
    raise typer.Exit(status)


def leave(status: int) -> NoReturn:
    """Exit without a message."""
    raise typer.Exit(status)


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Print JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
