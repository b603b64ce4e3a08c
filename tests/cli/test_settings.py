"""Mistakes in the settings: all at once, each with what to do, exit 2, never a traceback."""

import pytest

from tests.support.command import Gatepost

NEEDS_ALL_SETTINGS = [
    ("serve",),
    ("dev",),
    ("check",),
    ("purge",),
    ("create-admin", "ada@example.com", "--generate"),
    ("users", "list"),
    ("users", "show", "1"),
    ("users", "disable", "1"),
    ("users", "enable", "1"),
    ("users", "set-role", "1", "admin"),
    ("users", "set-password", "1", "--generate"),
    ("keys", "list"),
    ("keys", "rotate"),
    ("openapi",),
]


@pytest.mark.parametrize("words", NEEDS_ALL_SETTINGS, ids=" ".join)
def test_every_mistake_is_told_at_once_and_nothing_is_done(
    bare: Gatepost, words: tuple[str, ...]
) -> None:
    wrong = bare.having(
        SECRET_KEY="hunter2", ACCESS_TOKEN_EXPIRE_MINUTES="soon", DATABASE_URL="oracle://a:b@c/d"
    )
    said = wrong.refused(*words, status=2)
    assert said.startswith("Error: 3 settings are wrong.\n")
    assert "SECRET_KEY is shorter than 32 characters." in said
    assert "`gatepost generate-secret` prints a good one." in said
    assert "ACCESS_TOKEN_EXPIRE_MINUTES is not a whole number." in said
    assert "DATABASE_URL names a database that is not supported." in said
    assert not [value for value in ("hunter2", "soon", "oracle") if value in said]


def test_a_missing_secret_is_one_mistake(bare: Gatepost) -> None:
    said = bare.refused("check", status=2)
    assert said.startswith("Error: 1 setting is wrong.\n")
    assert "SECRET_KEY is required and not set." in said


def test_migrating_needs_no_secret(bare: Gatepost) -> None:
    assert "Created the schema" in bare.done("migrate")


def test_migrating_tells_mistakes_about_the_database(bare: Gatepost) -> None:
    said = bare.having(DATABASE_URL="oracle://a:b@c/d").refused("migrate", status=2)
    assert "DATABASE_URL names a database that is not supported." in said


def test_settings_come_from_a_file_too(bare: Gatepost) -> None:
    (bare.folder / ".env").write_text("DATABASE_URL=sqlite:///./elsewhere.db\n")
    bare.done("migrate")
    assert (bare.folder / "elsewhere.db").is_file()
