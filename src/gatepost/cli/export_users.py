"""The command that writes accounts to a new file or to standard output."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gatepost.cli.formats import STANDARD, FileFormat, choose_format
from gatepost.cli.output import MISUSED, REFUSED, fail, leave, note, print_json, say
from gatepost.cli.running import new_origin, reporting_database_errors, run_with_runtime
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.callers.roles import Role
from gatepost.features.imports import export
from gatepost.files.private_files import new_private_file
from gatepost.files.row_encoding import EncodeRows, header, row_encoder
from gatepost.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which accounts to write, and whether with their password hashes."""

    role: Role | None
    is_active: bool | None
    with_hashes: bool


def export_users(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A new file; - is standard output.")
    ] = "-",
    file_format: FileFormat = None,
    with_password_hashes: Annotated[
        bool, typer.Option("--with-password-hashes", help="Also write the password hashes.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="In CSV, do not escape cells that look like formulas.")
    ] = False,
    role: Annotated[Role | None, typer.Option(help="Only users with this role.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--disabled", help="Only active or disabled users.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON summary, if written to a file.")
    ] = False,
) -> None:
    """Write accounts to a file that only you can read: JSON Lines or CSV, also gzipped.

    Examples:
    $ gatepost export-users users.csv
    $ gatepost export-users users.jsonl.gz --with-password-hashes
    $ gatepost export-users --disabled | jq -r .email
    """
    query = ExportQuery(role, active, with_password_hashes)
    names = export.columns(with_hashes=with_password_hashes)
    chosen_format = choose_format(file, file_format)
    encode = row_encoder(names, chosen_format, escapes=not exact)
    with reporting_database_errors(), _opened(file) as output:
        output.write(header(names, chosen_format))
        write = _write_accounts(output, encode, query)
        written = run_with_runtime(write, without_statement_timeout=True)
    if file != STANDARD:
        _report(file, written, query, json)


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
        note("It contains password hashes, which can be attacked offline: keep it safe.")


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Standard output, or a new file; an existing file is never overwritten."""
    if name == STANDARD:
        with _standard_output() as file:
            yield file
        return
    if Path(name).exists():
        fail(f"{name} exists already, and is not overwritten.", status=MISUSED)
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
        # The reader has closed the pipe; the interpreter would report that again when it exits.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(REFUSED)
