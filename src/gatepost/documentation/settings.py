"""Writes docs/settings.md and .env.example from the descriptions of the settings."""

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from gatepost.configuration import Settings
from gatepost.settings.base import SettingsGroup, names_of, setting_info, takes

_INTRODUCTION = """\
# Settings

<!-- Written by `make docs` from src/gatepost/settings. -->

Gatepost reads its settings from the environment and from the file `.env` in the current folder; the
environment wins. Only `SECRET_KEY` is required. Names may be in upper or lower case, an empty value
counts as unset, and variables that are not listed here are ignored. In `.env`, `${...}` is not
expanded.

All settings are validated at start. If any are wrong, Gatepost lists every mistake, with a remedy
for each, and exits with status 2; `gatepost check` does the same without starting. If a setting is
given under both of its names, both must have the same value.

In a host application the same names in lower case are arguments, and nothing is read from the
environment: `Settings(secret_key=..., database_url=...)`.
"""

_EXAMPLE_INTRODUCTION = """\
# Copy this file to .env and set SECRET_KEY. Every other setting has the default shown here; a line
# that ends in = has no default, or one that docs/settings.md explains.
"""


def render() -> str:
    """All settings as a page of Markdown, one table a group."""
    return "\n".join([_INTRODUCTION, *map(_section, Settings.groups())])


def render_example() -> str:
    """An `.env` file with every setting; the required ones are left to fill in."""
    return "\n".join([_EXAMPLE_INTRODUCTION, *map(_example_section, Settings.groups())])


def write(root: Path) -> None:
    """Write both files below `root`, the project's folder."""
    page = root / "docs" / "settings.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(render(), encoding="utf-8")
    (root / ".env.example").write_text(render_example(), encoding="utf-8")


def _fields(group: type[SettingsGroup]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields that the group declares itself."""
    own = inspect.get_annotations(group)
    return ((name, field) for name, field in group.model_fields.items() if name in own)


def _title(group: type[SettingsGroup]) -> str:
    return inspect.cleandoc(group.__doc__ or "").removesuffix(".")


def _section(group: type[SettingsGroup]) -> str:
    rows = [
        f"## {_title(group)}\n",
        "| name | default | takes | what it does |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*rows, *(_row(name, field) for name, field in _fields(group)), ""])


def _row(name: str, field: FieldInfo) -> str:
    own, *also = (f"`{each}`" for each in names_of(name, field))
    cells = [
        f"{own} (also {', '.join(also)})" if also else own,
        _default(field),
        takes(field),
        field.description or "",
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    written = _written(field)
    return setting_info(field).default or (f"`{written}`" if written else "none")


def _written(field: FieldInfo) -> str:
    """The default as it is written in the environment; empty if it has no fixed text."""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, frozenset):
        return ",".join(sorted(field.default))
    if isinstance(field.default, tuple) and all(isinstance(each, str) for each in field.default):
        return ",".join(field.default)
    if isinstance(field.default, str | int):
        return str(field.default)
    return setting_info(field).effective_default


def _example_section(group: type[SettingsGroup]) -> str:
    lines = [f"# --- {_title(group)} ---", ""]
    for name, field in _fields(group):
        explained = (field.description or "").replace("`", "")
        lines += textwrap.wrap(explained, 98, initial_indent="# ", subsequent_indent="# ")
        mark = "" if field.is_required() else "# "
        lines.append(f"{mark}{name.upper()}={'' if field.is_required() else _written(field)}")
    return "\n".join([*lines, ""])
