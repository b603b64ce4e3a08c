"""Which of the collected tests run, and in which order."""

import zlib
from collections import defaultdict
from collections.abc import Collection, Sequence

import pytest

CASES = 2
"""So many of a test's own parameters are in the sample, on each database that it runs on."""

SLOW_UNTIL = 0.6
"""Into this part of the other tests the slow ones are spread."""


def database_of(item: pytest.Item) -> str | None:
    """The kind of database that the test runs on; None for a test without one."""
    return _parameters(item).get("database_kind")


def databases_of(item: pytest.Item) -> set[str]:
    """The kinds of database that the test needs: where it moves data, two."""
    named = _parameters(item)
    return {named[name] for name in ("database_kind", "target_kind") if name in named}


def is_slow(item: pytest.Item) -> bool:
    """Whether the test mostly waits, or starts processes: it takes a second or more."""
    return any(item.get_closest_marker(name) for name in ("slow", "faults"))


def sample(items: Sequence[pytest.Item], kinds: Sequence[str]) -> list[pytest.Item]:
    """Those that `--sample` runs; only names decide, so that they are always the same.

    Slow tests are left out. A test that needs a database runs on one of `kinds`, or on each if it
    is marked `every_database`; with parameters of its own, it runs with `CASES` of them.
    """
    cases: dict[tuple[str, str | None], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not is_slow(item) and _is_on_its_database(item, kinds):
            cases[item.nodeid.partition("[")[0], database_of(item)].append(item)
    chosen = {
        id(item)
        for (_, kind), some in cases.items()
        for item in (sorted(some, key=_lot)[:CASES] if kind else some)
    }
    return [item for item in items if id(item) in chosen]


def _is_on_its_database(item: pytest.Item, kinds: Sequence[str]) -> bool:
    own = [kind for kind in _own_kinds(item) if kind in kinds]
    if item.get_closest_marker("every_database") or database_of(item) is None or not own:
        return True
    return database_of(item) == own[_lot(item) % len(own)]


def _lot(item: pytest.Item) -> int:
    """A number that the test draws by its name, the same on each database."""
    return zlib.crc32(f"{item.location[0]}::{_name_without_database(item)}".encode())


def spread_slow_tests(items: list[pytest.Item]) -> None:
    """Spread the slow tests over the first part of the others.

    Workers take tests in this order: while one waits the others compute, and none of those that
    take long is the last.
    """
    slow = [item for item in items if is_slow(item)]
    others = [item for item in items if not is_slow(item)]
    step = max(SLOW_UNTIL * len(others) / len(slow), 1) if slow else 1
    places: list[tuple[float, int, pytest.Item]] = [
        (index, 1, item) for index, item in enumerate(others)
    ]
    places += [(index * step, 0, item) for index, item in enumerate(slow)]
    places.sort(key=lambda place: place[:2])
    items[:] = [item for *_, item in places]


def keep(items: list[pytest.Item], kept: Collection[pytest.Item], config: pytest.Config) -> None:
    """Deselect all but these."""
    identities = set(map(id, kept))
    if others := [item for item in items if id(item) not in identities]:
        config.hook.pytest_deselected(items=others)
        items[:] = list(kept)


def _parameters(item: pytest.Item) -> dict[str, str]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def _own_kinds(item: pytest.Item) -> Sequence[str]:
    """The kinds that the test is about: all, unless its `databases` marker names some."""
    marker = item.get_closest_marker("databases")
    return marker.args if marker else ("sqlite", "postgresql", "mariadb")


def _name_without_database(item: pytest.Item) -> str:
    """The same for a test on each database."""
    kind = database_of(item)
    return item.name.replace(f"[{kind}", "[", 1).replace(f"-{kind}", "", 1) if kind else item.name
