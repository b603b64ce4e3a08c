"""The location of accounts to import: a file, standard input, a folder, or a database's URL."""

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

STANDARD_INPUT = "-"


def is_url(location: str) -> bool:
    """Whether a location is a database's URL."""
    return "://" in location


def is_file(location: str) -> bool:
    """Whether a location is to be opened as a file: neither a URL nor a folder."""
    return not (is_url(location) or Path(location).is_dir())


def without_password(url: str) -> str:
    """The URL with its password replaced by asterisks."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "the URL"
