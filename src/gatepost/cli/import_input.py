"""The file, folder or database from which accounts are imported."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatepost.cli.formats import choose_format
from gatepost.cli.output import MISUSED, fail
from gatepost.files.formats import Format
from gatepost.importers.locations import STANDARD_INPUT, is_file, is_url, without_password
from gatepost.importers.options import SourceOptions
from gatepost.importers.reading import ReadAs


@dataclass(frozen=True, slots=True)
class ImportInput:
    """The location of the accounts, and the format or system given on the command line."""

    location: str
    given_format: Format | None
    system: SourceOptions | None = None

    @property
    def for_people(self) -> str:
        if self.location == STANDARD_INPUT:
            return "standard input"
        return without_password(self.location) if is_url(self.location) else self.location

    @property
    def for_programs(self) -> str:
        return self.for_people if is_url(self.location) else self.location

    @property
    def is_file(self) -> bool:
        """Whether it is a file; another system may have a folder or a database."""
        return self.system is None or is_file(self.location)

    def read_as(self) -> ReadAs:
        """The system, or else the format; exit 2 if the format is unknown."""
        return self.system or choose_format(self.location, self.given_format)


@contextmanager
def open_input(source: ImportInput) -> Iterator[BinaryIO | None]:
    if not source.is_file:
        yield None
        return
    if source.location == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source.location).open("rb"))
        except OSError as error:
            fail(f"{source.location} cannot be read: {error.strerror}.", status=MISUSED)
        yield file


def default_rejects(source: ImportInput) -> Path:
    if source.location == STANDARD_INPUT or is_url(source.location):
        return Path("users.rejects.jsonl")
    return Path(f"{source.location.rstrip('/')}.rejects.jsonl")
