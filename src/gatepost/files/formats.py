"""The formats of files of rows, and which one a file's name stands for."""

from enum import StrEnum


class Format(StrEnum):
    """How rows are separated in a file."""

    JSONL = "jsonl"
    CSV = "csv"


_BY_SUFFIX = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
}


def format_of_name(name: str) -> Format | None:
    """The format that a file's name stands for, compressed or not; None if it stands for none."""
    plain = name.lower().removesuffix(".gz")
    return next((_BY_SUFFIX[suffix] for suffix in _BY_SUFFIX if plain.endswith(suffix)), None)
