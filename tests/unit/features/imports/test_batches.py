"""Rows become batches of any size, and the same comes of each as if it had come alone."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatepost.features.imports import batches
from gatepost.features.imports.batches import Batch, RowSource
from gatepost.features.imports.native_format import COLUMNS, read_native_rows
from gatepost.files.rows import Row, RowFault, UnreadableRow
from tests.support.transfers import HASH
from tests.unit.features.imports.test_columns import VALIDATOR

PASSWORD = {"password": "a password, plain"}
KINDS: Mapping[str, Mapping[str, Any] | UnreadableRow] = {
    "none": {},
    "plain": PASSWORD,
    "hashed": {"password_hash": HASH},
    "empty": {"password": ""},
    "both": {**PASSWORD, "password_hash": HASH},
    "no text": {"password": 7},
    "unreadable": UnreadableRow(RowFault.UNREADABLE, "This is not a JSON object", "["),
}
GOOD = ("none", "plain", "hashed", "empty")

SIZES = [1, 2, 3, 4, 5, 255, 256, 257, 2_500]


@pytest.fixture(params=[(10_000, 256), (7, 3), (2, 1), (3, 7), (1, 1)], scope="module")
def sizes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Batches as large as they are, and such that small files have many."""
    rows, passwords = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS", rows)
        patch.setattr(batches, "_PASSWORDS", passwords)
        yield


def rows_of(kinds: Sequence[str]) -> list[Row]:
    return [
        kind if isinstance(kind, UnreadableRow) else {"email": f"user{n}@example.com", **kind}
        for n, kind in enumerate(KINDS[name] for name in kinds)
    ]


def batches_of(rows: Sequence[Row], done: int = 0) -> list[Batch]:
    return list(
        RowSource(iter(rows), read_native_rows, COLUMNS.__contains__).batches(VALIDATOR, done)
    )


def outcomes(batches: Sequence[Batch]) -> dict[int, tuple[str | None, bool]]:
    """Of each row: why it is refused, or else whether it is hashed."""
    found: dict[int, tuple[str | None, bool]] = {}
    for batch in batches:
        assert len(batch.numbers) == len(batch.rows) == len(batch.passwords)
        for number, password in zip(batch.numbers, batch.passwords, strict=True):
            found[number] = (None, batch.has_passwords and password is not None)
        found |= {each.number: (each.reason, False) for each in batch.refused}
    return found


def expected(kinds: Sequence[str]) -> dict[int, tuple[str | None, bool]]:
    return dict(enumerate(map(alone, kinds), 1))


@cache
def alone(kind: str) -> tuple[str | None, bool]:
    """What comes of such a row where there is no other."""
    return outcomes(batches_of(rows_of([kind])))[1]


@pytest.mark.usefixtures("sizes")
@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(list(KINDS)), max_size=12))
@example(["plain"] * 9)
@example(["none"] * 9)
@example(["both"] * 9)
@example(["unreadable"] * 9)
def test_rows_fare_in_batches_as_they_would_alone(kinds: list[str]) -> None:
    batches = batches_of(rows_of(kinds))
    assert outcomes(batches) == expected(kinds)
    ends = [batch.last for batch in batches]
    assert ends == sorted(set(ends))
    assert ends[-1:] == ([len(kinds)] if kinds else [])
    for done in (0, *ends[:-1]):  # an import that was stopped behind any batch goes on there
        rest = outcomes(batches_of(rows_of(kinds), done))
        assert rest == {n: each for n, each in expected(kinds).items() if n > done}


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("odd", ["none", "hashed", "both", "unreadable"])
def test_one_odd_row_anywhere_takes_no_password_from_another(count: int, odd: str) -> None:
    usual = alone("plain")
    assert usual == (None, True)
    for place in {None, 0, count // 2, count - 1, min(255, count - 1), min(256, count - 1)}:
        kinds = ["plain"] * count
        if place is not None:
            kinds[place] = odd
        found = outcomes(batches_of(rows_of(kinds)))
        assert len(found) == count
        for number, each in found.items():
            if place is None or number != place + 1:
                assert each == usual
            else:
                assert each == alone(odd)


def test_the_kinds_of_rows_differ() -> None:
    found = {name: alone(name) for name in KINDS}
    assert {name for name, (reason, _) in found.items() if reason is None} == set(GOOD)
    assert {name for name, (_, is_hashed) in found.items() if is_hashed} == {"plain"}
