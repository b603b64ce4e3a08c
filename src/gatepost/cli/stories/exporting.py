"""Exports at the command line: writes accounts to a new file or to standard output."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatepost.cli.output import MISUSED, REFUSED, fail, leave, note, print_json, say
from gatepost.cli.stories.formats import STANDARD, choose_format
from gatepost.cli.stories.running import new_origin, run_runtime, telling_a_busy_database
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.callers.roles import Role
from gatepost.features.imports import export
from gatepost.files.formats import Format
from gatepost.files.private_files import new_private_file
from gatepost.files.row_encoding import EncodeRows, header, row_encoder
from gatepost.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ExportOutput:
    """The file, and its format; an exact CSV has no cells escaped."""

    name: str
    given_format: Format | None
    is_exact: bool


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which accounts to write, and whether with their password hashes."""

    role: Role | None
    is_active: bool | None
    with_hashes: bool


def export_users(output: ExportOutput, query: ExportQuery, json: bool) -> None:
    """Write accounts, and print how many; standard output gets nothing but the accounts."""
    names = export.columns(with_hashes=query.with_hashes)
    file_format = choose_format(output.name, output.given_format)
    encode = row_encoder(names, file_format, escapes=not output.is_exact)
    with telling_a_busy_database(), _opened(output.name) as file:
        file.write(header(names, file_format))
        written = run_runtime(_write_accounts(file, encode, query), without_statement_timeout=True)
    if output.name != STANDARD:
        _report(output.name, written, query, json)


def _write_accounts(
    file: BinaryIO, encode: EncodeRows, query: ExportQuery
) -> Callable[[Runtime], Awaitable[int]]:
    chosen = UserFilter(role=query.role, is_active=query.is_active)

    async def write(runtime: Runtime) -> int:
        written = 0
        pages = export.export_users(runtime, new_origin(), chosen, with_hashes=query.with_hashes)
        async for page in pages:
            file.write(encode(page))
            written += len(page)
        return written

    return write


def _report(name: str, written: int, query: ExportQuery, json: bool) -> None:
    if json:
        print_json({"file": name, "written": written, "password_hashes": query.with_hashes})
        return
    accounts = "1 account" if written == 1 else f"{written:,} accounts"
    say(f"Wrote {accounts} to {name}, which only you can read.")
    if query.with_hashes:
        note("It holds the hashes of passwords: whoever has it can try out passwords unseen.")


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Standard output, or a new file; an existing file is never overwritten."""
    if name == STANDARD:
        with _standard_output() as file:
            yield file
        return
    if Path(name).exists():
        fail(f"{name} is there already: nothing is written over.", status=MISUSED)
    try:
        with new_private_file(Path(name)) as file:
            yield file
    except OSError as error:
        fail(f"{name} cannot be written: {error.strerror}.")


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has closed the pipe; the interpreter would report it once more at its end.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(REFUSED)
