"""The page about the audit log names every event, as the code has it."""

from pathlib import Path

import pytest

from gatepost.documentation.events import render, write
from gatepost.documentation.tables import with_table
from gatepost.features import FEATURES
from gatepost.manifest import events_of

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, render())
    assert render() in page


def test_writing_brings_a_page_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    stale = PAGE.read_text(encoding="utf-8").replace(render(), "")
    (tmp_path / "docs" / "audit.md").write_text(stale, encoding="utf-8")
    write(tmp_path)
    assert (tmp_path / "docs" / "audit.md").read_text(encoding="utf-8") == PAGE.read_text(
        encoding="utf-8"
    )


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers for the table"):
        with_table("# Audit log\n", render())


def test_every_event_has_a_row() -> None:
    names = events_of(FEATURES)
    assert len(names) > 20
    rows = render()
    assert [name for name in names if f"| `{name}` |" not in rows] == []


def test_a_renewed_session_is_no_event() -> None:
    assert "session.renewed" not in events_of(FEATURES)
