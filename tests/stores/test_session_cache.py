"""What a process remembers of sessions: for how long, how many, and what it must not keep."""

from datetime import timedelta

import pytest

from gatepost.stores.session_cache import CacheEntry, SessionCache
from tests.support.clock import SetClock

SECONDS = 5
SECOND = timedelta(seconds=1)


@pytest.fixture
def cache(clock: SetClock) -> SessionCache[CacheEntry]:
    return make_cache(clock)


def make_cache(
    clock: SetClock, size: int = 1000, seconds: int = SECONDS
) -> SessionCache[CacheEntry]:
    """One that hears of everything, for ever."""
    cache: SessionCache[CacheEntry] = SessionCache(clock, seconds=seconds, size=size)
    cache.lease_expires_at = float("inf")
    return cache


def read(
    cache: SessionCache[CacheEntry], clock: SetClock, session_id: int, user_id: int = 1
) -> CacheEntry:
    """A session as it would be read now; it lasts an hour."""
    return CacheEntry(
        session_id, user_id, clock.now() + timedelta(hours=1), cache.begin_read(session_id)
    )


def finds(cache: SessionCache[CacheEntry], clock: SetClock, session_id: int) -> bool:
    return cache.find(session_id, clock.now()) is not None


def test_what_was_read_is_found_until_it_ages(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    cache.keep(read(cache, clock, 7))
    clock.advance(4 * SECOND - SECOND / 1000)
    assert finds(cache, clock, 7)
    clock.advance(SECOND + SECOND / 1000)
    assert not finds(cache, clock, 7)
    assert (cache.hits, cache.readings) == (1, 1)


def test_one_reads_again_before_it_ages_while_it_still_serves_the_others(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    cache.keep(read(cache, clock, 7))
    clock.advance(4 * SECOND)
    assert not finds(cache, clock, 7)
    again = read(cache, clock, 7)
    assert finds(cache, clock, 7)
    cache.keep(again)
    clock.advance(4 * SECOND - SECOND / 1000)
    assert finds(cache, clock, 7)


def test_where_that_reading_fails_it_ages_all_the_same(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    cache.keep(read(cache, clock, 7))
    clock.advance(4 * SECOND)
    read(cache, clock, 7)
    clock.advance(SECOND - SECOND / 1000)
    assert finds(cache, clock, 7)
    clock.advance(SECOND / 1000)
    assert not finds(cache, clock, 7)


def test_age_counts_from_the_beginning_of_the_reading(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    entry = read(cache, clock, 7)
    clock.advance(3 * SECOND)
    cache.keep(entry)
    assert finds(cache, clock, 7)
    clock.advance(2 * SECOND)
    assert not finds(cache, clock, 7)


@pytest.mark.parametrize("step", [-timedelta(days=1), timedelta(minutes=30)])
def test_a_clock_that_steps_keeps_nothing_any_longer(
    cache: SessionCache[CacheEntry], clock: SetClock, step: timedelta
) -> None:
    cache.keep(read(cache, clock, 7))
    clock.step(step)
    assert finds(cache, clock, 7)
    clock.seconds_passed += SECONDS
    assert not finds(cache, clock, 7)


def test_a_session_that_has_expired_is_not_found(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    cache.keep(CacheEntry(7, 1, clock.now() + 2 * SECOND, cache.begin_read(7)))
    clock.advance(SECOND)
    assert finds(cache, clock, 7)
    clock.advance(SECOND)
    assert not finds(cache, clock, 7)


def test_one_word_of_a_user_outdates_all_of_theirs_and_nobody_elses(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    for session_id, user_id in ((1, 1), (2, 1), (3, 2)):
        cache.keep(read(cache, clock, session_id, user_id))
    cache.invalidate([1])
    assert [finds(cache, clock, each) for each in (1, 2, 3)] == [False, False, True]
    cache.keep(read(cache, clock, 1, 1))
    assert finds(cache, clock, 1)


def test_a_reader_who_was_overtaken_keeps_nothing(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    entry = read(cache, clock, 7, user_id=1)
    cache.invalidate([1])
    cache.keep(entry)
    assert not finds(cache, clock, 7)


def test_a_reader_who_began_before_all_was_cleared_keeps_nothing(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    entry = read(cache, clock, 7)
    cache.clear()
    cache.keep(entry)
    assert not finds(cache, clock, 7)
    assert len(cache) == 0


def test_a_reader_who_took_longer_than_a_reading_is_remembered_keeps_nothing(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    entry = read(cache, clock, 7, user_id=1)
    cache.invalidate([1])
    clock.advance(SECONDS * SECOND)
    cache.invalidate([2])  # what nobody needs to know any more is let go
    cache.keep(entry)
    assert not finds(cache, clock, 7)


def test_the_oldest_make_room(clock: SetClock) -> None:
    cache = make_cache(clock, size=3)
    for session_id in (1, 2, 3, 4, 5):
        cache.keep(read(cache, clock, session_id))
    assert [finds(cache, clock, each) for each in (1, 2, 3, 4, 5)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert len(cache) == 3


def test_what_has_aged_goes_as_new_ones_come(
    cache: SessionCache[CacheEntry], clock: SetClock
) -> None:
    for session_id in range(100):
        cache.keep(read(cache, clock, session_id))
    clock.advance(SECONDS * SECOND)
    for session_id in range(100, 200):
        cache.keep(read(cache, clock, session_id))
    assert len(cache) == 100


def test_more_words_than_it_may_remember_outdate_everything(clock: SetClock) -> None:
    cache = make_cache(clock, size=10)
    cache.keep(read(cache, clock, 7, user_id=1))
    cache.invalidate(range(2, 50))
    assert not finds(cache, clock, 7)


@pytest.mark.parametrize("seconds", [0, SECONDS])
def test_what_is_not_trusted_is_neither_found_nor_kept(clock: SetClock, seconds: int) -> None:
    cache: SessionCache[CacheEntry] = SessionCache(clock, seconds=seconds, size=10)
    cache.keep(read(cache, clock, 7))
    assert not cache.is_trusted
    assert len(cache) == 0
    cache.lease_expires_at = clock.monotonic() + 1
    cache.keep(read(cache, clock, 7))
    assert cache.is_trusted == finds(cache, clock, 7) == (seconds > 0)
    cache.lease_expires_at = clock.monotonic()
    assert not finds(cache, clock, 7)
