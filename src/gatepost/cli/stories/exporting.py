"""Exports at the command line: a file for its owner's eyes only, whole or not there at all."""

import csv
import gzip
import io
import json as json_text
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from gatepost.cli.output import MISUSED, REFUSED, fail, leave, note, print_json, say
from gatepost.cli.stories.formats import STANDARD, format_of
from gatepost.cli.stories.running import new_origin, run_runtime, telling_a_busy_database
from gatepost.cli.transfers import Format
from gatepost.features.accounts import exporting
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.callers.roles import Role
from gatepost.files.csv_files import guarded
from gatepost.runtime import Runtime

_OWNER_ONLY = 0o600

Encode = Callable[[Sequence[Sequence[Any]]], bytes]


@dataclass(frozen=True, slots=True)
class Output:
    """Where accounts go, and how they are written there."""

    name: str
    given_format: Format | None
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts are to be written, and what of them."""

    role: Role | None
    is_active: bool | None
    with_hashes: bool


def export_users(output: Output, wanted: Wanted, json: bool) -> None:
    """Write accounts, and tell how many; to standard output nothing but them."""
    names = exporting.columns(with_hashes=wanted.with_hashes)
    if format_of(output.name, output.given_format) is Format.CSV:
        encode, beginning = _csv_encoder(output.is_exact), _csv_text([names])
    else:
        encode, beginning = _json_encoder(names), b""
    with telling_a_busy_database(), _opened(output.name) as file:
        file.write(beginning)
        written = run_runtime(_story(file, encode, wanted), without_statement_timeout=True)
    if output.name != STANDARD:
        _tell(output.name, written, wanted, json)


def _story(file: BinaryIO, encode: Encode, wanted: Wanted) -> Callable[[Runtime], Any]:
    chosen = UserFilter(role=wanted.role, is_active=wanted.is_active)

    async def story(runtime: Runtime) -> int:
        written = 0
        pages: AsyncIterator[Sequence[Sequence[Any]]] = exporting.export_users(
            runtime, new_origin(), chosen, with_hashes=wanted.with_hashes
        )
        async for page in pages:
            file.write(encode(page))
            written += len(page)
        return written

    return story


def _tell(name: str, written: int, wanted: Wanted, json: bool) -> None:
    if json:
        print_json({"file": name, "written": written, "password_hashes": wanted.with_hashes})
        return
    accounts = "1 account" if written == 1 else f"{written:,} accounts"
    say(f"Wrote {accounts} to {name}, which only you can read.")
    if wanted.with_hashes:
        note("It holds the hashes of passwords: whoever has it can try out passwords unseen.")


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """A file that gets its name when all is in it; nothing is written over."""
    if name == STANDARD:
        with _standard_output() as file:
            yield file
        return
    path, part = Path(name), Path(f"{name}.part")
    if path.exists():
        fail(f"{name} is there already: nothing is written over.", status=MISUSED)
    try:
        with _created(part) as file:
            yield file
        # Fails where somebody was quicker, which a renaming would not.
        os.link(part, path, follow_symlinks=False)
    except OSError as error:
        fail(f"{name} cannot be written: {error.strerror}.")
    finally:
        with suppress(OSError):  # where nothing can be written, nothing is there
            part.unlink()


@contextmanager
def _created(part: Path) -> Iterator[BinaryIO]:
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, _OWNER_ONLY), "wb") as file:
        if part.name.endswith(".gz.part"):
            with gzip.open(file, "wb") as packed:
                yield cast("BinaryIO", packed)
        else:
            yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has enough; the interpreter would complain once more when it ends.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(REFUSED)


def _json_encoder(names: Sequence[str]) -> Encode:
    def encode(page: Sequence[Sequence[Any]]) -> bytes:
        lines = (
            json_text.dumps(dict(zip(names, map(_plain, row), strict=True)), ensure_ascii=False)
            for row in page
        )
        return "".join(f"{line}\n" for line in lines).encode()

    return encode


def _csv_encoder(is_exact: bool) -> Encode:
    def cell(value: object) -> str:
        match value:
            case None:
                return ""
            case bool():
                return "true" if value else "false"
            case str():
                return value if is_exact else guarded(value)
            case _:
                return str(_plain(value))

    return lambda page: _csv_text([map(cell, row) for row in page])


def _csv_text(rows: Sequence[Any]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
