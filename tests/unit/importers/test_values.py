"""Values that are odd and mean something: times without an end, salts, encodings."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gatepost.features.imports.imported_user import BadRow
from gatepost.files.rows import UnreadableRow
from gatepost.files.times import INFINITE_FUTURE, INFINITE_PAST
from gatepost.security.hash_pool import HashPool
from gatepost.security.legacy_hashes import phc
from gatepost.security.passwords import Passwords
from tests.support.cheap_hashes import cheap_settings
from tests.support.foreign_hashes import PASSWORD, STORED
from tests.support.taking_over import begin

# As asyncpg gives infinity.
FOREVER, LONG_AGO = (moment.replace(tzinfo=None) for moment in (INFINITE_FUTURE, INFINITE_PAST))

ADA = {"email": "ada@example.com"}

ENDLESS = [
    "infinity",
    "-infinity",
    "Infinity",
    "20000-01-01 00:00:00+00",
    "0044-03-15 00:00:00+00 BC",
    "0001-01-01T00:00:00Z",
    "0000-00-00 00:00:00",
    FOREVER,
    LONG_AGO,
]


@pytest.fixture
def pool() -> Iterator[HashPool]:
    pool = HashPool(threads=1, queue_limit=10)
    yield pool
    pool.close()


@pytest.mark.parametrize("moment", ENDLESS)
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("auth0", "created_at"),
        ("auth0", "updated_at"),
        ("django", "date_joined"),
        ("fastapi-users", "created_at"),
        ("full-stack-template", "created_at"),
        ("supabase", "created_at"),
        ("supabase", "updated_at"),
    ],
)
def test_a_time_that_no_calendar_has_is_none(name: str, column: str, moment: object) -> None:
    user = begin(name).read({**ADA, column: moment})
    assert (user.created_at, user.updated_at) == (None, None)


@pytest.mark.parametrize("moment", ["9223372036854775807", 2**63 - 1, -62135596800000, "-1" * 9])
def test_milliseconds_beyond_the_calendar_are_none(moment: object) -> None:
    if moment == "-1" * 9:
        with pytest.raises(BadRow, match="field_invalid"):
            begin("keycloak").read({**ADA, "createdTimestamp": moment})
        return
    assert begin("keycloak").read({**ADA, "createdTimestamp": moment}).created_at is None


@pytest.mark.parametrize(
    ("until", "is_active"),
    [
        ("infinity", False),
        ("INFINITY", False),
        ("20000-01-01 00:00:00+00", False),
        ("2124-05-01 12:00:00+00", False),
        (FOREVER, False),
        ("-infinity", True),
        ("0044-03-15 00:00:00+00 BC", True),
        ("2024-05-01 12:00:00+00", True),
        (LONG_AGO, True),
        (None, True),
        ("", True),
    ],
)
def test_who_is_banned_from_supabase_for_ever_is_disabled(until: object, is_active: bool) -> None:
    assert begin("supabase").read({**ADA, "banned_until": until}).is_active is is_active


@pytest.mark.parametrize(
    ("column", "at", "stays"),
    [
        ("deleted_at", "2024-05-01 12:00:00+00", False),
        ("deleted_at", "-infinity", False),
        ("deleted_at", "infinity", True),
        ("is_anonymous", "t", False),
    ],
)
def test_who_left_supabase_is_no_account(column: str, at: object, stays: bool) -> None:
    source = begin("supabase")
    assert list(source.only_accounts(iter([{**ADA, column: at}]))) == [{**ADA, column: at}] * stays


@pytest.mark.parametrize("column", ["deleted_at", "is_anonymous", "email_confirmed_at"])
def test_a_row_that_does_not_tell_whether_it_is_an_account_is_refused(column: str) -> None:
    source = begin("supabase")
    [row] = source.only_accounts(iter([{**ADA, column: "perhaps"}]))
    assert not isinstance(row, UnreadableRow)
    with pytest.raises(BadRow) as refused:
        source.read(row)
    assert (refused.value.reason.value, refused.value.field) == ("field_invalid", column)


def test_a_date_is_its_midnight() -> None:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    for written in ("2024-05-01", day.date(), day.replace(tzinfo=None)):
        assert begin("django").read({**ADA, "date_joined": written}).created_at == day


@pytest.mark.anyio
@pytest.mark.parametrize("padding", ["", "="])
async def test_keycloaks_salts_may_lack_their_padding(pool: HashPool, padding: str) -> None:
    pieces = phc.parse(STORED["Werkzeug PBKDF2"], ("pbkdf2-sha256",), ("i",))
    assert pieces is not None
    secret = {
        "value": phc.encode(pieces.digest) + padding,
        "salt": phc.encode(pieces.salt) + 2 * padding,
    }
    credential: dict[str, Any] = {
        "type": "password",
        "secretData": secret,
        "credentialData": {"algorithm": "pbkdf2-sha256", "hashIterations": 1000},
    }
    user = begin("keycloak").read({**ADA, "credentials": [credential]})
    assert user.password_hash == STORED["Werkzeug PBKDF2"]
    passwords = Passwords(cheap_settings(), pool)
    assert (await passwords.verify(PASSWORD, user.password_hash)).matches


def test_auth0s_texts_may_be_in_ascii() -> None:
    pieces = phc.parse(STORED["Werkzeug scrypt"], ("scrypt",), ("ln", "r", "p"))
    assert pieces is not None
    custom = {
        "algorithm": "scrypt",
        "cost": 1024,
        "password": {"encoding": "ascii"},
        "hash": {"value": phc.encode(pieces.digest), "encoding": "base64"},
        "salt": {"value": pieces.salt.decode(), "encoding": "ascii"},
    }
    user = begin("auth0").read({**ADA, "custom_password_hash": custom})
    assert user.password_hash == STORED["Werkzeug scrypt"]
    custom["password"] = {"encoding": "utf16le"}
    with pytest.raises(BadRow):
        begin("auth0").read({**ADA, "custom_password_hash": custom})


def test_a_cost_without_an_end_is_a_refused_row() -> None:
    for cost in (float("inf"), float("nan"), 10**400, "9" * 5000):
        custom = {
            "algorithm": "scrypt",
            "cost": cost,
            "hash": {"value": "x"},
            "salt": {"value": "x"},
        }
        with pytest.raises(BadRow):
            begin("auth0").read({**ADA, "custom_password_hash": custom})
