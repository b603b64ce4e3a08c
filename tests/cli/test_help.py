"""Help teaches, is quick, and covers every command."""

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from gatepost.cli.commands import COMMANDS as COMMANDS_LISTED
from tests.support.command import Gatepost

COMMANDS = [
    ("dev",),
    ("serve",),
    ("generate-secret",),
    ("check",),
    ("migrate",),
    ("purge",),
    ("openapi",),
    ("create-admin",),
    ("import-users",),
    ("export-users",),
    ("users", "list"),
    ("users", "show"),
    ("users", "disable"),
    ("users", "enable"),
    ("users", "set-role"),
    ("users", "set-password"),
    ("keys", "list"),
    ("keys", "rotate"),
    ("audit", "verify"),
    ("audit", "list"),
]

LOADED = """
import sys
from gatepost.cli import commands
print(sorted({"sqlalchemy", "fastapi", "pydantic", "uvicorn", "alembic"} & set(sys.modules)))
"""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_every_command_has_an_example_of_it(bare: Gatepost, words: tuple[str, ...]) -> None:
    said = bare.done(*words, "--help")
    assert f" gatepost {' '.join(words)}" in said.partition("Examples:")[2]


def test_help_names_every_command(bare: Gatepost) -> None:
    said = bare.done("--help")
    assert [words[0] for words in COMMANDS if words[0] not in said] == []
    assert "gatepost dev" in said


def test_help_fits_a_terminal_of_80_columns(bare: Gatepost) -> None:
    said = bare.having(COLUMNS="80").done("--help")
    assert max(map(len, said.splitlines())) <= 80


def test_the_command_without_words_shows_help_and_is_misused(bare: Gatepost) -> None:
    result = bare.run()
    assert result.exit_code == 2
    assert "Usage: gatepost" in result.output


def test_an_unknown_command_is_misuse(bare: Gatepost) -> None:
    assert "No such command" in bare.refused("login", status=2)


def test_the_version_is_the_packages(bare: Gatepost) -> None:
    assert bare.done("--version") == f"gatepost {version('gatepost')}\n"


def test_help_is_quick_because_it_loads_neither_database_nor_web(bare: Gatepost) -> None:
    with bare.start(command=(sys.executable, "-c", LOADED)) as process:
        process.wait_for(r"\[\]")


def test_the_script_of_the_package_is_this_command() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"gatepost": "gatepost.cli:main"}


def test_generated_secrets_differ_and_are_long_enough_for_every_algorithm(bare: Gatepost) -> None:
    secrets = {bare.done("generate-secret").strip() for _ in range(3)}
    assert len(secrets) == 3
    assert {len(secret) for secret in secrets} == {64}
    for secret in secrets:
        bare.having(SECRET_KEY=secret, ALGORITHM="HS512").done("migrate")
        bare.having(SECRET_KEY=secret, ALGORITHM="HS512").done("check")


def test_a_command_is_listed_with_the_first_words_of_its_own_help() -> None:
    for each in COMMANDS_LISTED:
        own = (each.load().help or "").partition("\n\n")[0]
        assert " ".join(own.split()) == each.summary, each.name
