"""Reads settings from the process environment and an `.env` file."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values

from gatepost.settings.errors import SettingProblem

T = TypeVar("T")

# Options of uvicorn, gunicorn, granian, hypercorn, `fastapi run` and `gatepost serve`.
_WORKERS_ARGUMENT = re.compile(r"(?:^|\s)(?:--workers|-w)[\s=]*(\d+)(?:\s|$)")

_DATABASE_PARTS = {"db_host", "db_port", "db_name", "db_user", "db_password"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One source's values by field, the names they were given under, and problems."""

    values: Mapping[str, str]
    names: Mapping[str, str]
    problems: Mapping[str, SettingProblem]


def of_the_process() -> Mapping[str, str]:
    """Return the process's environment, with the number of workers from its server's command line.

    A `WEB_CONCURRENCY` of 1 is ignored: platforms set it, and a server's own configuration wins.
    """
    told = _WORKERS_ARGUMENT.search(" ".join(sys.argv[1:]))
    if told is None and os.environ.get("WEB_CONCURRENCY") != "1":
        return os.environ
    others = {name: text for name, text in os.environ.items() if name != "WEB_CONCURRENCY"}
    return others if told is None else {**others, "WORKERS": told[1]}


def read(
    source: Mapping[str, str | None], names: Mapping[str, tuple[str, ...]], *, where: str
) -> Reading:
    """Pick the fields' values out of `source` and leave the rest alone.

    Names are read in any case; an empty value is none. Two names of one field with different
    values are a problem, whose text says `where` they stand.
    """
    # Backwards, so that the name in capitals has the last word.
    present = {name.upper(): text for name, text in sorted(source.items(), reverse=True) if text}
    values: dict[str, str] = {}
    used: dict[str, str] = {}
    problems: dict[str, SettingProblem] = {}
    for field, choices in names.items():
        given = [name for name in choices if name in present]
        if not given:
            continue
        values[field], used[field] = present[given[0]], given[0]
        if len({present[name] for name in given}) > 1:
            problems[field] = _disagreement(given, where)
    return Reading(values, used, problems)


def _disagreement(given: list[str], where: str) -> SettingProblem:
    return SettingProblem(
        " and ".join(given),
        f"are names of one setting and differ in {where}",
        f"Keep {given[0]} and remove the other.",
    )


def read_file(path: Path) -> dict[str, str | None]:
    """The values of an `.env` file, taken as they are written (`${...}` is not replaced).

    A file that is not there is empty. Raises `OSError` or `UnicodeDecodeError` if it cannot be
    read.
    """
    if not path.is_file():
        return {}
    return dotenv_values(path, interpolate=False, encoding="utf-8")


def merge(process: Reading, file: Reading) -> Reading:
    """Merge the values of process and file; the process wins, under any name of a setting.

    The database counts as one setting: `DATABASE_URL` in the process wins over `DB_...` in the
    file, and the other way round.
    """
    overruled = set(process.values)
    if "database_url" in overruled:
        overruled |= _DATABASE_PARTS
    if "db_host" in overruled:
        overruled.add("database_url")
    kept = file.values.keys() - overruled
    return Reading(
        {**_only(file.values, kept), **process.values},
        {**file.names, **process.names},
        {**_only(file.problems, kept), **process.problems},
    )


def _only(mapping: Mapping[str, T], keys: set[str]) -> dict[str, T]:
    return {key: value for key, value in mapping.items() if key in keys}
