"""Gatepost as another checkout has it, which is measured in the same run."""

import subprocess
from pathlib import Path

from bench.subjects.gatepost import Gatepost, GatepostOnSqlite
from bench.support.errors import BenchError


class Former(Gatepost):
    """Another checkout of this repository, by its own `.venv`."""

    def __init__(self, checkout: Path) -> None:
        """Take the folder; raises `BenchError` where no Gatepost is installed in its `.venv`."""
        self.programs = programs_of(checkout)
        self.name = f"Gatepost at {commit_of(checkout)}"


class FormerOnSqlite(GatepostOnSqlite):
    """The same on SQLite."""

    def __init__(self, checkout: Path) -> None:
        """Take the folder, as `Former` does."""
        self.programs = programs_of(checkout)
        self.name = f"Gatepost at {commit_of(checkout)}, on SQLite"


def programs_of(checkout: Path) -> Path:
    """Return where a checkout's programs are; raises `BenchError` if it has no `.venv`."""
    programs = checkout.absolute() / ".venv" / "bin"
    if not (programs / "gatepost").exists():
        raise BenchError(f"There is no {programs / 'gatepost'}: run `make install` in {checkout}.")
    return programs


def commit_of(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{checkout} is no checkout of git: {error}") from error
