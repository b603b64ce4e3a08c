"""Which of the collected tests run, and in which order."""

import zlib
from collections.abc import Collection, Sequence

import pytest

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


def is_in_sample(item: pytest.Item, kinds: Sequence[str]) -> bool:
    """Whether `--sample` runs the test: on one of `kinds`, which only its name decides.

    A test that is marked `every_database` runs on each; one that is slow is left out.
    """
    if is_slow(item):
        return False
    own = [kind for kind in _own_kinds(item) if kind in kinds]
    if item.get_closest_marker("every_database") or database_of(item) is None or not own:
        return True
    name = f"{item.location[0]}::{_name_without_database(item)}"
    return database_of(item) == own[zlib.crc32(name.encode()) % len(own)]


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
