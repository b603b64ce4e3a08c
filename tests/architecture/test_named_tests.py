"""The pages on security name tests that there are, and leave no requirement out."""

import ast
import re
from collections import Counter
from functools import cache

import pytest

from tests.support.source import ROOT

PAGES = ("security-model.md", "asvs.md")
NAMED = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<test>\w+)`")
ROW = re.compile(r"^\| (?P<id>\d+\.\d+\.\d+) \| (?P<rest>.+) \|$", re.MULTILINE)
STATUSES = ("met", "not yet", "not ours")

# The requirements of ASVS 5.0 that concern an authentication service, by chapter and section.
REQUIREMENTS = {
    "1.1": range(1, 2),
    "1.2": (1, 2, 3, 4, 5, 10),
    "1.3": (6, 7, 11, 12),
    "1.5": (2, 3),
    "2.1": range(1, 2),
    "2.2": range(1, 3),
    "2.3": range(1, 5),
    "2.4": range(1, 2),
    "3.2": range(1, 3),
    "3.3": range(1, 6),
    "3.4": range(1, 9),
    "3.5": (1, 2, 3, 5, 6, 8),
    "3.6": range(1, 2),
    "3.7": (2,),
    "4.1": range(1, 5),
    "4.2": (1, 5),
    "6.1": range(1, 4),
    "6.2": range(1, 13),
    "6.3": range(1, 9),
    "6.4": range(1, 7),
    "6.5": range(1, 9),
    "6.6": range(1, 5),
    "6.7": range(1, 3),
    "6.8": range(1, 5),
    "7.1": range(1, 4),
    "7.2": range(1, 5),
    "7.3": range(1, 3),
    "7.4": range(1, 6),
    "7.5": range(1, 4),
    "7.6": range(1, 3),
    "8.1": range(1, 5),
    "8.2": range(1, 5),
    "8.3": range(1, 4),
    "8.4": range(1, 3),
    "9.1": range(1, 4),
    "9.2": range(1, 5),
    "10.1": range(1, 3),
    "10.2": range(1, 4),
    "10.3": range(1, 6),
    "10.4": range(1, 17),
    "10.5": range(1, 6),
    "10.6": range(1, 3),
    "10.7": range(1, 4),
    "11.1": range(1, 3),
    "11.2": range(1, 6),
    "11.3": range(1, 5),
    "11.4": range(1, 3),
    "11.5": range(1, 2),
    "11.6": range(1, 2),
    "12.1": range(1, 2),
    "12.3": range(1, 3),
    "13.1": range(1, 4),
    "13.2": (2, 3, 4),
    "13.3": (1, 4),
    "13.4": range(1, 7),
    "14.1": range(1, 2),
    "14.2": (1, 4, 6, 7),
    "14.3": range(1, 4),
    "15.1": (2,),
    "15.2": (1, 3),
    "15.3": (1, 2, 3, 4, 5, 7),
    "15.4": range(1, 3),
    "16.1": range(1, 2),
    "16.2": (1, 2, 4, 5),
    "16.3": range(1, 5),
    "16.4": range(1, 4),
    "16.5": range(1, 5),
}
IDS = [f"{section}.{number}" for section, numbers in REQUIREMENTS.items() for number in numbers]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows() -> dict[str, list[str]]:
    """The cells of each requirement's row: level, demand, status, what shows it, remark."""
    return {
        found["id"]: [cell.strip() for cell in found["rest"].split("|")]
        for found in ROW.finditer(page("asvs.md"))
    }


@cache
def functions_in(file: str) -> frozenset[str]:
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("name", PAGES)
def test_every_test_that_a_page_names_is_there(name: str) -> None:
    text = page(name)
    named = [(found["file"], found["test"]) for found in NAMED.finditer(text)]
    assert len(named) == text.count("`tests/") > 20
    assert not [f"{file}::{test}" for file, test in named if test not in functions_in(file)]


def test_every_requirement_has_one_row_with_a_status() -> None:
    found = [each["id"] for each in ROW.finditer(page("asvs.md"))]
    assert Counter(found) == Counter(IDS)
    for requirement, (level, demand, status, _, _) in rows().items():
        assert level in {"1", "2", "3"}, requirement
        assert demand, requirement
        assert status in STATUSES, requirement


def test_what_is_met_is_shown_and_what_is_not_is_explained() -> None:
    for requirement, (_, _, status, shown, remark) in rows().items():
        if status == "met":
            assert NAMED.search(shown) or "](" in shown, requirement
        else:
            assert (shown, bool(remark)) == ("", True), requirement


def test_the_counts_are_those_of_the_rows() -> None:
    counts = Counter((level, status) for level, _, status, _, _ in rows().values())
    for level in ("1", "2", "3"):
        row = " | ".join(str(counts[level, status]) for status in STATUSES)
        assert f"\n| {level} | {row} |\n" in page("asvs.md")
