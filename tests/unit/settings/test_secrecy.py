"""No text that settings give of themselves holds a secret."""

import traceback
from typing import Any

import pytest

from gatepost.configuration import Settings
from gatepost.settings import SettingsError

CANARY = "kQ7cAnArY9z"
SECRET = f"{CANARY}-4f8b1c2d3e5a6978-{CANARY}"


def test_settings_do_not_show_their_secrets() -> None:
    settings = Settings(
        secret_key=SECRET,
        jwt_refresh_secret_key=SECRET[::-1] + CANARY,
        database_url=f"postgresql://user:{CANARY}@host/db",
        redis_url=f"redis://:{CANARY}@host",
        first_superuser_password=f"{CANARY}-password",
    )
    assert CANARY not in repr(settings) + str(settings) + str(settings.database.sqlalchemy_url)


def test_settings_do_not_show_the_parts_of_a_database_password() -> None:
    settings = Settings(
        secret_key=SECRET, db_host="db", db_name="auth", db_user="user", db_password=CANARY
    )
    assert CANARY not in repr(settings) + str(settings) + str(settings.database.sqlalchemy_url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pa%2Fss@host",
        "redis://host/0?password=pa%2Fss",
        "redis+sentinel://:pa%2Fss@a:1,b:2/ours",
        "redis+sentinel://a:1,b:2/ours?sentinel_password=pa%2Fss",
    ],
)
def test_the_passwords_of_a_url_are_secrets_however_they_are_written(url: str) -> None:
    secrets = Settings(secret_key=SECRET, redis_url=url).secret_texts
    assert {"pa/ss", "pa%2Fss"} <= secrets


WRONG: list[dict[str, Any]] = [
    {"secret_key": CANARY},
    {"secret_key": f"change_me_{SECRET}"},
    {"secret_key": SECRET, "jwt_refresh_secret_key": SECRET},
    {"secret_key": SECRET.encode() + b"\xff"},
    {"secret_key": f"{SECRET}\ud800"},
    {"secret_key": [SECRET]},
    {"database_url": f"postgresql://user:{CANARY}@host:{CANARY}/db"},
    {"database_url": f"postgresql://user:pass@{CANARY}/{CANARY}@host/db"},
    {"database_url": f"postgresql://user:pass@host/db?{CANARY}={CANARY}"},
    {"database_url": f"{CANARY}://user:{CANARY}@host/db"},
    {"database_url": f"mysql://u:{CANARY}@host/db?connect_timeout={CANARY}"},
    {"database_url": CANARY},
    {"redis_url": f"http://:{CANARY}@host"},
    {"redis_url": f"redis://:x@host:{CANARY}"},
    {"redis_url": f"redis+sentinel://:{CANARY}@host/{CANARY}/x?sentinel_password={CANARY}"},
    {"first_superuser_password": CANARY[:7], "first_superuser_email": CANARY},
    # A secret may stand in the wrong place.
    {name: CANARY for name in Settings.fields() if name != "version"},
]


@pytest.mark.parametrize("values", WRONG)
def test_a_mistake_does_not_show_the_value(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    error = caught.value
    told = str(error) + repr(error) + "".join(traceback.format_exception(error))
    assert CANARY not in told.replace(__file__, "")
    assert CANARY[:7] not in str(error)
    assert error.__context__ is None
