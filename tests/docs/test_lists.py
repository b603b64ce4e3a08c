"""Lists in the documentation that have to be complete: events, tables, commands."""

import re

from typer.main import get_command

from gatepost.cli.commands import app
from gatepost.features import FEATURES
from gatepost.manifest import events_of
from gatepost.migrations.models import metadata
from gatepost.migrations.revisions import VERSION_TABLE
from tests.support.pages import ROOT


def names_in(page: str, heading: str = "") -> set[str]:
    """Everything between backticks below a heading, until the next one of its level."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0] if heading else text
    prose = re.sub(r"^```.*?^```$", "", section, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


def test_every_event_that_a_hook_can_hear_is_named() -> None:
    assert set(events_of(FEATURES)) <= names_in("embedding.md", "Hooks")


def test_every_table_is_named() -> None:
    assert set(metadata.tables) | {VERSION_TABLE} <= names_in("databases.md", "Tables")


def test_every_command_is_named() -> None:
    commands = getattr(get_command(app), "commands", {})
    first_words = {" ".join(name.split()[:2]) for name in names_in("cli.md")}
    assert commands
    assert {f"gatepost {name}" for name in commands} <= first_words
