"""What every store promises; a module for each kind of store takes these tests for its own."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from gatepost.stores.attempts import AttemptRules, Outcome, begin_attempt, end_attempt
from gatepost.stores.base import Store
from gatepost.stores.entries import Entry, delete, put, read, take
from gatepost.stores.memory import MemoryStore
from tests.support.clock import SetClock

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
RULES = AttemptRules(
    per_client=5, per_account=20, lifetime=timedelta(minutes=15), patience=timedelta(seconds=30)
)


class StoreContract:
    """Inherited by a class whose fixture `store` gives the store in question."""

    async def test_a_value_is_there_until_it_expires(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        assert await store.update(key, read) is None
        await store.update(key, put(b"\x00 any bytes \xff", MINUTE))
        clock.advance(MINUTE - MILLISECOND)
        assert await store.update(key, read) == b"\x00 any bytes \xff"
        clock.advance(MILLISECOND)
        assert await store.update(key, read) is None

    async def test_a_later_value_takes_the_place_of_an_earlier_one(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        await store.update(key, put(b"one", SECOND))
        await store.update(key, put(b"two", MINUTE))
        clock.advance(2 * SECOND)
        assert await store.update(key, read) == b"two"

    async def test_of_many_who_take_a_value_one_gets_it(self, store: Store, key: str) -> None:
        await store.update(key, put(b"secret", MINUTE))
        taken = await asyncio.gather(*(store.update(key, take) for _ in range(20)))
        assert taken.count(b"secret") == 1
        assert taken.count(None) == 19
        assert await store.update(key, read) is None

    async def test_what_has_expired_cannot_be_taken(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        await store.update(key, put(b"secret", SECOND))
        clock.advance(SECOND)
        assert await store.update(key, take) is None

    async def test_what_is_deleted_is_gone(self, store: Store, key: str) -> None:
        await store.update(key, put(b"value", MINUTE))
        await store.update(key, delete)
        await store.update(key, delete)
        assert await store.update(key, read) is None

    async def test_no_transition_is_lost(self, store: Store, key: str) -> None:
        counts = await asyncio.gather(*(store.update(key, increment) for _ in range(100)))
        assert sorted(counts) == list(range(1, 101))
        assert await store.update(key, read) == b"100"

    async def test_an_answer_alone_keeps_what_was_there_and_its_end(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        await store.update(key, put(b"value", MINUTE))
        clock.advance(SECOND)
        assert await store.update(key, seconds_left) == 59
        assert await store.update(key, seconds_left) == 59

    async def test_transitions_of_many_keys_at_once_do_not_meet(
        self, store: Store, key: str
    ) -> None:
        keys = [f"{key}:{number}" for number in range(5)]
        await asyncio.gather(*(store.update(each, increment) for each in keys * 20))
        assert [await store.update(each, read) for each in keys] == [b"20"] * 5

    async def test_keys_do_not_meet(self, store: Store, key: str) -> None:
        await asyncio.gather(
            store.update(f"{key}a", put(b"a", MINUTE)), store.update(f"{key}A", put(b"A", MINUTE))
        )
        assert await store.update(f"{key}a", read) == b"a"
        assert await store.update(f"{key}A", read) == b"A"
        assert await store.update(f"{key}%", read) is None

    async def test_a_key_may_be_long(self, store: Store, key: str) -> None:
        long = (key + "x" * 160)[:160]
        await store.update(long, put(b"value", MINUTE))
        assert await store.update(long, read) == b"value"

    async def test_of_a_thousand_at_once_a_window_lets_in_its_limit(
        self, store: Store, key: str
    ) -> None:
        windows = await asyncio.gather(
            *(store.count_in_window(key, 100, MINUTE) for _ in range(1000))
        )
        assert sum(window.allowed for window in windows) == 100
        used = sorted(window.used for window in windows if window.allowed)
        assert used == list(range(1, 101))

    async def test_a_full_window_opens_when_it_said(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        for _ in range(10):
            last = await store.count_in_window(key, 10, MINUTE)
        assert last == (True, 10, 60_000)
        clock.advance(SECOND)
        refused = await store.count_in_window(key, 10, MINUTE)
        assert refused == (False, 10, 59_000)
        clock.advance((refused.resets_in_ms - 1) * MILLISECOND)
        assert not (await store.count_in_window(key, 10, MINUTE)).allowed
        clock.advance(MILLISECOND)
        assert (await store.count_in_window(key, 10, MINUTE)).allowed

    async def test_a_window_slides(self, store: Store, clock: SetClock, key: str) -> None:
        await store.count_in_window(key, 10, MINUTE, 10)
        clock.advance(MINUTE + MINUTE / 2)
        allowed = [(await store.count_in_window(key, 10, MINUTE)).allowed for _ in range(10)]
        assert allowed == [True] * 6 + [False] * 4  # half of the window before counts
        clock.advance(3 * MINUTE)
        assert (await store.count_in_window(key, 10, MINUTE, 10)).allowed

    async def test_an_amount_that_does_not_fit_counts_nothing(self, store: Store, key: str) -> None:
        await store.count_in_window(key, 10, MINUTE, 8)
        assert not (await store.count_in_window(key, 10, MINUTE, 3)).allowed
        assert (await store.count_in_window(key, 10, MINUTE, 2)).used == 10

    async def test_an_amount_that_can_never_fit_is_refused_for_a_window(
        self, store: Store, key: str
    ) -> None:
        assert await store.count_in_window(key, 10, MINUTE, 11) == (False, 0, 60_000)

    async def test_a_clock_that_is_set_back_keeps_nobody_out_for_long(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        await store.count_in_window(key, 10, MINUTE, 10)
        clock.advance(timedelta(days=-400))
        refused = await store.count_in_window(key, 10, MINUTE)
        assert not refused.allowed
        assert refused.resets_in_ms <= 60_000
        clock.advance(refused.resets_in_ms * MILLISECOND)
        assert (await store.count_in_window(key, 10, MINUTE)).allowed

    async def test_a_window_does_what_the_memory_does_whatever_comes(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        model, dice = MemoryStore(clock), random.Random(7)
        for _ in range(200):
            clock.advance(timedelta(milliseconds=dice.choice([0, 1, 70, 1000, 9000, 61_000])))
            amount, limit = dice.randint(1, 4), dice.choice([3, 10])
            expected = await model.count_in_window(key, limit, MINUTE, amount)
            assert await store.count_in_window(key, limit, MINUTE, amount) == expected

    async def test_no_more_attempts_begin_than_failures_are_left(
        self, store: Store, key: str
    ) -> None:
        states = [
            attempt.state
            for attempt in await asyncio.gather(
                *(store.update(key, begin_attempt("here", RULES)) for _ in range(50))
            )
        ]
        assert states.count("begun") == 5
        assert states.count("full") == 45

    async def test_five_failures_lock_their_client_out_for_as_long_as_is_said(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        assert [await fail(store, key) for _ in range(5)] == [False] * 4 + [True]
        clock.advance(MINUTE)
        assert await store.update(key, begin_attempt("here", RULES)) == ("locked", 14 * MINUTE)
        assert (await store.update(key, begin_attempt("there", RULES))).state == "begun"
        clock.advance(14 * MINUTE - MILLISECOND)
        assert (await store.update(key, begin_attempt("here", RULES))).state == "locked"
        clock.advance(MILLISECOND)
        assert (await store.update(key, begin_attempt("here", RULES))).state == "begun"

    async def test_a_lock_lasts_no_longer_for_a_clock_that_is_set_back(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        for _ in range(5):
            await fail(store, key)
        clock.advance(timedelta(hours=-1))
        assert await store.update(key, begin_attempt("here", RULES)) == ("locked", 15 * MINUTE)
        clock.advance(10 * MINUTE)
        assert await store.update(key, begin_attempt("here", RULES)) == ("locked", 5 * MINUTE)
        clock.advance(5 * MINUTE)
        assert (await store.update(key, begin_attempt("here", RULES))).state == "begun"

    async def test_twenty_failures_from_anywhere_lock_every_client_out(
        self, store: Store, key: str
    ) -> None:
        locked = [await fail(store, key, f"client {number}") for number in range(20)]
        assert locked == [False] * 19 + [True]
        assert (await store.update(key, begin_attempt("another", RULES))).state == "locked"

    async def test_a_success_forgets_the_failures_of_its_client_and_of_the_account(
        self, store: Store, key: str
    ) -> None:
        for _ in range(4):
            await fail(store, key)
        for _ in range(5):
            await fail(store, key, "there")
        await end(store, key, "here", "succeeded")
        assert [await fail(store, key) for _ in range(4)] == [False] * 4
        assert (await store.update(key, begin_attempt("there", RULES))).state == "locked"

    async def test_an_attempt_that_is_given_up_counts_nothing(self, store: Store, key: str) -> None:
        for _ in range(10):
            await end(store, key, "here", "given_up")
        assert [await fail(store, key) for _ in range(5)] == [False] * 4 + [True]

    async def test_a_process_whose_clock_is_a_little_behind_sees_who_is_under_way(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        for _ in range(5):
            assert (await store.update(key, begin_attempt("here", RULES))).state == "begun"
            clock.advance(-20 * MILLISECOND)
        assert (await store.update(key, begin_attempt("here", RULES))).state == "full"

    async def test_an_attempt_that_never_ends_gives_its_place_back(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        for _ in range(5):
            await store.update(key, begin_attempt("here", RULES))
        clock.advance(RULES.patience - MILLISECOND)
        assert (await store.update(key, begin_attempt("here", RULES))).state == "full"
        clock.advance(MILLISECOND)
        assert (await store.update(key, begin_attempt("here", RULES))).state == "begun"

    async def test_attempts_do_what_the_memory_does_whatever_comes(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        model, dice = MemoryStore(clock), random.Random(11)
        outcomes: list[Outcome] = ["failed", "failed", "failed", "succeeded", "given_up"]
        for _ in range(300):
            clock.advance(SECOND * dice.choice([0, 0, 1, 31, 200, 901]))
            client = dice.choice(["a", "b", "c", "d", "e", "f"])
            if dice.random() < 0.5:
                expected = await model.update(key, begin_attempt(client, RULES))
                assert await store.update(key, begin_attempt(client, RULES)) == expected
                continue
            outcome, begun = dice.choice(outcomes), dice.random() < 0.7
            locked = await model.update(key, end_attempt(client, RULES, outcome, begun=begun))
            assert locked == await store.update(
                key, end_attempt(client, RULES, outcome, begun=begun)
            )

    async def test_it_says_that_it_is_there(self, store: Store) -> None:
        await store.ping()
        assert store.is_available

    async def test_what_lives_survives_a_purge(
        self, store: Store, clock: SetClock, key: str
    ) -> None:
        await store.update(f"{key}:dead", put(b"dead", SECOND))
        await store.update(key, put(b"alive", MINUTE))
        clock.advance(2 * SECOND)
        while await store.purge():
            pass
        assert await store.update(key, read) == b"alive"


async def end(store: Store, key: str, client: str, outcome: Outcome) -> bool:
    assert (await store.update(key, begin_attempt(client, RULES))).state == "begun"
    return await store.update(key, end_attempt(client, RULES, outcome))


async def fail(store: Store, key: str, client: str = "here") -> bool:
    return await end(store, key, client, "failed")


def increment(entry: Entry | None, now: int) -> tuple[Entry, int]:
    count = (int(entry.value) if entry else 0) + 1
    return Entry(b"%d" % count, now + 60_000), count


def seconds_left(entry: Entry | None, now: int) -> tuple[Entry | None, int]:
    return entry, (entry.expires_at - now) // 1000 if entry else 0


async def failures_of_twenty_at_once(stores: Sequence[Store], key: str) -> Mapping[str, int]:
    """Twenty attempts from each of two places at each of the stores, until all are locked out."""
    failures: Counter[str] = Counter()

    async def attempt(store: Store, client: str) -> bool:
        begun = await store.update(key, begin_attempt(client, RULES))
        if begun.state == "begun":
            failures[client] += 1
            await asyncio.sleep(0)
            await store.update(key, end_attempt(client, RULES, "failed"))
        return begun.state == "locked"

    while True:
        locked = await asyncio.gather(
            *(
                attempt(store, client)
                for _ in range(20)
                for client in ("here", "there")
                for store in stores
            )
        )
        if all(locked):
            return failures
