"""A new feature is a folder, its place in the tuple and a migration; nothing else knows of it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.notes import FILES, TUPLE, USE
from tests.support.patience import SECONDS
from tests.support.source import PACKAGE


def head_of_migrations() -> str:
    """The revision that no other one follows."""
    texts = [path.read_text() for path in (PACKAGE / "migrations" / "versions").glob("*.py")]
    made: set[str] = {
        each for text in texts for each in re.findall(r'^revision.*= "(\w+)"', text, re.M)
    }
    followed: set[str] = {
        each for t in texts for each in re.findall(r'^down_revision.*= "(\w+)"', t, re.M)
    }
    [head] = made - followed
    return head


def add_notes(package: Path) -> None:
    """Write the feature's files, and give it a place in the tuple: at the top."""
    head = head_of_migrations()
    for name, text in FILES.items():
        path = package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.strip().replace("{head}", head) + "\n", encoding="utf-8")
    features = package / TUPLE
    text = features.read_text(encoding="utf-8")
    opening = "RANKING: Final = (\n"
    assert opening in text
    features.write_text(text.replace(opening, f'{opening}    "notes",\n'), encoding="utf-8")


def test_a_feature_with_a_table_routes_an_event_a_limit_and_a_purge_works(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "gatepost", ignore=shutil.ignore_patterns("__pycache__"))
    add_notes(tmp_path / "gatepost")
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_it_consists_of_stands_in_its_folder() -> None:
    besides = [name for name in FILES if not name.startswith("features/notes/")]
    assert besides == ["migrations/versions/20990101_add_notes.py"]
