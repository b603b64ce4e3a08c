"""Which tests the sample has, and in which order tests run."""

from itertools import pairwise

import pytest

from tests.support.selection import (
    CASES,
    SLOW_UNTIL,
    database_of,
    databases_of,
    is_slow,
    sample,
    spread_slow_tests,
)

pytest_plugins = ["pytester"]

KINDS = ("sqlite", "postgresql", "mariadb")

MARKERS = """[pytest]
markers =
    every_database
    databases
    slow
    faults
"""

SOME_TESTS = """
import pytest

on_every_kind = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql", "mariadb"])


@pytest.mark.parametrize("number", range(5))
def test_plain(number):
    pass


@pytest.mark.parametrize("number", range(5))
@on_every_kind
def test_on_one(database_kind, number):
    pass


@pytest.mark.every_database
@pytest.mark.parametrize("number", range(5))
@on_every_kind
def test_on_each(database_kind, number):
    pass


@pytest.mark.databases("mariadb")
@pytest.mark.parametrize("database_kind", ["mariadb"])
def test_of_its_own(database_kind):
    pass


@on_every_kind
@pytest.mark.slow
def test_slow(database_kind):
    pass


@pytest.mark.faults
def test_faults():
    pass
"""


@pytest.fixture
def items(pytester: pytest.Pytester) -> list[pytest.Item]:
    pytester.makeini(
        "[pytest]\nmarkers =\n    every_database\n    databases\n    slow\n    faults\n"
    )
    found, _ = pytester.inline_genitems(pytester.makepyfile(SOME_TESTS))
    return found


def names(items: list[pytest.Item], test: str) -> set[str]:
    return {item.name for item in items if item.location[2].startswith(f"{test}[")}


def kinds(chosen: set[str]) -> set[str]:
    return {kind for kind in KINDS for name in chosen if kind in name}


def test_of_a_database_test_the_sample_has_some_parameters_on_one_database(
    items: list[pytest.Item],
) -> None:
    chosen = names(sample(items, KINDS), "test_on_one")
    # Each parameter is drawn for itself, so that all databases have their part.
    assert all(sum(kind in name for name in chosen) <= CASES for kind in KINDS)
    numbers = [name.removesuffix("]").rpartition("-")[2] for name in chosen]
    assert len(numbers) == len(set(numbers)) > 0


def test_what_a_database_decides_is_in_the_sample_on_each(items: list[pytest.Item]) -> None:
    chosen = names(sample(items, KINDS), "test_on_each")
    assert kinds(chosen) == set(KINDS)
    assert len(chosen) == CASES * len(KINDS)
    # The same ones: a test that passes on one is compared with itself.
    numbers = {name.removesuffix("]").rpartition("-")[2] for name in chosen}
    assert len(numbers) == CASES


def test_a_test_without_a_database_is_in_the_sample_with_all_its_parameters(
    items: list[pytest.Item],
) -> None:
    assert names(sample(items, KINDS), "test_plain") == names(items, "test_plain")


def test_a_test_of_one_database_is_in_the_sample_there(items: list[pytest.Item]) -> None:
    assert kinds(names(sample(items, KINDS), "test_of_its_own")) == {"mariadb"}


def test_slow_tests_are_not_in_the_sample(items: list[pytest.Item]) -> None:
    assert any(is_slow(item) for item in items)
    assert not any(is_slow(item) for item in sample(items, KINDS))


def test_the_sample_is_the_same_each_time_and_in_the_order_of_the_tests(
    items: list[pytest.Item],
) -> None:
    chosen = sample(items, KINDS)
    assert chosen == sample(items, KINDS) == [item for item in items if item in chosen]
    assert set(sample(items[::-1], KINDS)) == set(chosen)


def test_on_one_database_alone_no_test_is_left_out_for_another(items: list[pytest.Item]) -> None:
    of_sqlite = [item for item in items if "mariadb" not in item.name]
    of_sqlite = [item for item in of_sqlite if "postgresql" not in item.name]
    assert len(names(sample(of_sqlite, ["sqlite"]), "test_on_one")) == CASES


def test_slow_tests_are_spread_over_the_first_of_the_others(items: list[pytest.Item]) -> None:
    ordered = list(items)
    spread_slow_tests(ordered)
    assert set(ordered) == set(items)
    assert is_slow(ordered[0])
    others = [item for item in ordered if not is_slow(item)]
    assert others == [item for item in items if not is_slow(item)]
    places = [place for place, item in enumerate(ordered) if is_slow(item)]
    assert places[-1] <= SLOW_UNTIL * len(others) + len(places)
    assert all(after - before > 1 for before, after in pairwise(places))


def test_the_kinds_that_a_test_needs_are_read_off_its_parameters(
    items: list[pytest.Item],
) -> None:
    found = {(item.location[2].partition("[")[0], database_of(item)) for item in items}
    assert ("test_plain", None) in found
    assert {("test_slow", kind) for kind in KINDS} <= found
    assert all(databases_of(item) == {database_of(item)} - {None} for item in items)
