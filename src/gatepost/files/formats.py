"""The formats of files of rows, and the format of a file by its name."""

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
    """The format by the suffix of a file's name, also before `.gz`; None if it is unknown."""
    plain = name.lower().removesuffix(".gz")
    return next((_BY_SUFFIX[suffix] for suffix in _BY_SUFFIX if plain.endswith(suffix)), None)
