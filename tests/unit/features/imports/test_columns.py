"""Many rows at once are read and judged as each would be for itself, whatever stands beside it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatepost.features.accounts.identity import are_plain_usernames, read_username
from gatepost.features.imports.columns import BadRows, Columns
from gatepost.features.imports.native_format import read_native_rows
from gatepost.features.imports.validation import NewUserRow, RowValidator
from gatepost.security.hash_pool import HashPool
from gatepost.security.passwords import Passwords
from tests.support.cheap_hashes import cheap_settings
from tests.support.transfers import HASH, a_row

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PASSWORDS = Passwords(cheap_settings(), HashPool(threads=1, queue_limit=0))  # which hashes none
VALIDATOR = RowValidator(PASSWORDS, NOW, allows_admins=False)

TIMES: list[object] = [
    *(None, "", "2025-01-02T03:04:05Z", "2025-01-02 03:04:05.678+02:00", "2025-01-02T03:04:05"),
    *("yesterday", 7, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025-01-02"),
]
WORDS: list[object] = [None, "", True, False, 0, 1, 1.0, "true", "no", "perhaps", [], {}]
VALUES: dict[str, list[object]] = {
    "email": [
        *("ada@example.com", "Ada@example.com", " ada@example.com", "ada@Example.com"),
        *("ada@example.com\neve@example.com", "ada@example.com\n", "\u00e9va@example.com"),
        *("a@b.local", "ada..l@example.com", "x" * 65 + "@example.com", f"{'x' * 60}@b.de"),
        *(None, "", 0, 7, False, [], "nobody", "\n", "ada@ex\u00e4mple.com"),
    ],
    "username": [
        None,
        "",
        "ada",
        "Ada",
        "ad",
        " ada",
        "ada\neve",
        "eve\n",
        "x" * 33,
        "\u00e4da",
        1,
        [],
    ],
    "full_name": [
        *(
            None,
            "",
            "Ada",
            " Ada",
            "A<b>da",
            "1 < 2",
            "Zo\u00eb",
            "E\u0301va",
            "a\nb",
            "\ud800",
        ),
        *(7, "x" * 200, "x" * 201, "\u202eabc", "a\u0000b", "\\N"),
    ],
    "role": [None, "", "user", "moderator", "admin", "root", True, 1, ["admin"]],
    "is_active": WORDS,
    "email_verified": WORDS,
    "created_at": TIMES,
    "updated_at": TIMES,
    "password_hash": [
        *(None, "", HASH, "plain", f"argon2{HASH}", "pbkdf2_sha256$x", HASH + "A" * 500, 7, {}),
        *(
            f"{HASH}\n{HASH}",
            f"{HASH}\n",
            HASH.replace("m=8", "m=999999999"),
            "$2b$12$" + "a" * 53,
        ),
    ],
    "password": [None, "", "correct horse", "x" * 5000, 7, [], "\ud800"],
}
FIELDS = {name: st.sampled_from(values) for name, values in VALUES.items()}
ANY_ROW = st.fixed_dictionaries({}, optional=FIELDS)
GOOD_ROW = st.integers(0, 9).map(a_row)
CHANGED_ROW = st.builds(
    lambda row, name, values: {**row, name: values[name]},
    GOOD_ROW,
    st.sampled_from(list(FIELDS)),
    st.fixed_dictionaries(FIELDS),
)


def judged(rows: Sequence[Mapping[str, Any]]) -> list[NewUserRow | tuple[str, str | None, str]]:
    """What becomes of each row, when all are read and judged together."""
    bad: BadRows = {}
    users = read_native_rows(rows, bad)
    assert {len(column) for column in users} == {len(rows)}
    made = VALIDATOR.validate(users, bad)
    assert len(made) == len(rows)
    return [
        (why.reason.value, why.field, why.detail) if (why := bad.get(place)) else row
        for place, row in enumerate(made)
    ]


# With these beside them no column of others is plain, and each of their values is read for itself.
ODD_ROWS: list[dict[str, Any]] = [
    {name: {} for name in FIELDS},
    a_row(0, email=" ada@example.com", username=" ada", full_name="\u00e4", password="x"),
]


@pytest.mark.parametrize("name", VALUES)
def test_every_value_is_judged_by_one_rule_whatever_stands_beside_it(name: str) -> None:
    for value in VALUES[name]:
        assert_judged_alike([a_row(1, **{name: value})])
        assert_judged_alike([{"email": "ada@example.com", name: value}])


@given(st.lists(GOOD_ROW | CHANGED_ROW | ANY_ROW, min_size=1, max_size=6))
@example([a_row(1, password="x", password_hash=None)])
@example([{name: {} for name in FIELDS}])
def test_rows_are_judged_together_as_each_would_be_for_itself(rows: list[dict[str, Any]]) -> None:
    assert_judged_alike(rows)


def test_of_all_that_is_wrong_with_a_row_the_first_is_told() -> None:
    wrong = {"email": "nobody", "username": "no", "role": "admin", "full_name": "\n"}
    told = judged([wrong, {**wrong, "role": "root"}, {**wrong, "email": None}])
    assert [each[1] for each in told] == ["email", "role", "email"]


def assert_judged_alike(rows: list[dict[str, Any]]) -> None:
    together, alone = judged(rows), [judged([row])[0] for row in rows]
    read_each = judged([*ODD_ROWS, *rows])[2:]
    assert together == alone == read_each
    assert kinds_of(together) == kinds_of(read_each)


def kinds_of(rows: Sequence[Sequence[object]]) -> list[type]:
    """What equality does not tell: True is 1, and a role is its name."""
    return [type(value) for row in rows for value in row]


@given(st.text("aZ09_.-\n\u00e9", max_size=34))
def test_plain_usernames_are_those_that_stay_as_they_are(text: str) -> None:
    read = read_username(text)
    stays = read is not None and read.username == text
    assert are_plain_usernames([text]) is stays
    assert are_plain_usernames(["ada", text, "eve"]) is stays


def test_no_column_is_forgotten() -> None:
    users = read_native_rows([dict.fromkeys(Columns._fields)], {})
    assert [column[0] for column in users[1:3]] == [None, None]
