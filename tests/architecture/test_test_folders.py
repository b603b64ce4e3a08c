"""Folders of tests stand side by side: what several of them need is in `tests/support`."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import ROOT

TESTS = ROOT / "tests"


def imported_folders(path: Path) -> Iterator[str]:
    """The folders of tests that a file imports something of."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name.startswith("tests."))


def test_a_folder_of_tests_imports_only_itself_and_what_supports_all() -> None:
    offences = [
        f"{path.relative_to(ROOT)} imports tests.{folder}"
        for path in TESTS.rglob("*.py")
        for folder in imported_folders(path)
        if folder not in {"support", path.relative_to(TESTS).parts[0]}
    ]
    assert not offences
