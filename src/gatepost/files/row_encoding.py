"""Encodes rows as JSON Lines or CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from gatepost.files.csv_files import escape_formula
from gatepost.files.formats import Format

EncodeRows: TypeAlias = Callable[[Sequence[Sequence[Any]]], bytes]


def row_encoder(names: Sequence[str], file_format: Format, *, escapes: bool) -> EncodeRows:
    """Encode rows of values for these columns.

    With `escapes`, CSV cells that a spreadsheet would run as formulas are escaped.
    """
    return _csv_encoder(escapes=escapes) if file_format is Format.CSV else _json_encoder(names)


def header(names: Sequence[str], file_format: Format) -> bytes:
    """The beginning of the file: the header line of CSV, nothing in JSON Lines."""
    return _csv_text([names]) if file_format is Format.CSV else b""


def _json_encoder(names: Sequence[str]) -> EncodeRows:
    def encode(rows: Sequence[Sequence[Any]]) -> bytes:
        lines = (
            json.dumps(dict(zip(names, map(_plain, row), strict=True)), ensure_ascii=False)
            for row in rows
        )
        return "".join(f"{line}\n" for line in lines).encode()

    return encode


def _csv_encoder(*, escapes: bool) -> EncodeRows:
    def cell(value: object) -> str:
        match value:
            case None:
                return ""
            case bool():
                return "true" if value else "false"
            case str():
                return escape_formula(value) if escapes else value
            case _:
                return str(_plain(value))

    return lambda rows: _csv_text(map(cell, row) for row in rows)


def _csv_text(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
