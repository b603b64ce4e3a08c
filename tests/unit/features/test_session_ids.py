"""Ids of sessions: made without the database, in order, and short enough for JavaScript."""

from datetime import UTC, datetime, timedelta

from gatepost.features.sessions.ids import SessionIds

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_ids_grow_also_where_the_clock_stands_still_or_goes_back() -> None:
    ids = SessionIds()
    times = [NOW, NOW, NOW + timedelta(seconds=1), NOW, NOW + timedelta(seconds=2)]
    made = [ids.next(at) for at in times]
    assert made == sorted(set(made))


def test_ids_are_exact_in_javascript_for_a_lifetime() -> None:
    assert 0 < SessionIds().next(NOW + timedelta(days=365 * 75)) < 2**53


def test_two_processes_hardly_ever_begin_a_second_with_the_same_id() -> None:
    assert len({SessionIds().next(NOW) for _ in range(20)}) > 15
