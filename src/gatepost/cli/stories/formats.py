"""Which format a file is in, by its name."""

from gatepost.cli.output import MISUSED, fail
from gatepost.cli.transfers import Format

STANDARD = "-"
"""The name of standard input and output."""

_BY_SUFFIX = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
}


def format_of(name: str, given: Format | None) -> Format:
    """The format that was given, or that the name tells; what neither tells is misuse."""
    if given is not None:
        return given
    if name == STANDARD:
        return Format.JSONL
    plain = name.lower().removesuffix(".gz")
    found = next((_BY_SUFFIX[suffix] for suffix in _BY_SUFFIX if plain.endswith(suffix)), None)
    if found is None:
        fail(f"The name {name} tells no format: add --format jsonl or csv.", status=MISUSED)
    return found
