"""The page about the audit log names every event, as the code has it."""

from pathlib import Path

import pytest

from gatepost.features.audit.documentation import render, with_events, write
from gatepost.features.audit.events import MEANINGS, Event

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_events(page)
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
    with pytest.raises(ValueError, match="where the events"):
        with_events("# Audit log\n")


def test_every_event_has_a_meaning_and_a_row() -> None:
    assert set(MEANINGS) == set(Event)
    rows = render()
    assert [event for event in Event if f"| `{event.value}` |" not in rows] == []


def test_a_renewed_session_is_no_event() -> None:
    assert "session.renewed" not in set(Event)
