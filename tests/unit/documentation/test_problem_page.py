"""docs/problems.md tells of every problem there is, and each means one thing."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from gatepost.documentation.problems import own_problems, render, write
from gatepost.errors import Problem

ROOT = Path(__file__).parents[3]
OURS = [*own_problems()]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "problems.md").read_text(encoding="utf-8") == render()


def test_writing_makes_the_page(tmp_path: Path) -> None:
    write(tmp_path)
    assert (tmp_path / "docs" / "problems.md").read_text(encoding="utf-8") == render()


def test_every_problem_is_on_the_page_and_nothing_else() -> None:
    on_page = re.findall(r"^\| `(\w+)` \| \d", render(), flags=re.MULTILINE)
    assert on_page == sorted({kind.code for kind in OURS})


@pytest.mark.parametrize("kind", OURS)
def test_a_code_is_in_snake_case_and_its_status_is_a_refusals(kind: type[Problem]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert 400 <= kind.status <= 599


@pytest.mark.parametrize("kind", OURS)
def test_a_problem_says_when_it_is_met_and_what_to_do_about_it(kind: type[Problem]) -> None:
    for sentence in (kind.when, kind.remedy):
        assert re.fullmatch(r"\S[^|]{10,}\.", sentence), kind


def test_a_code_that_means_two_things_is_not_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not a class of its own: that would outlive the test among the problems there are.
    other = SimpleNamespace(code="email_taken", status=410, title="", when="", remedy="")
    monkeypatch.setattr("gatepost.documentation.problems.own_problems", lambda: [*OURS, other])
    with pytest.raises(ValueError, match="email_taken"):
        render()
