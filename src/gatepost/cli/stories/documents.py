"""The OpenAPI document at the command line."""

import json
import os
import secrets
from pathlib import Path

import typer

from gatepost.app import create_app
from gatepost.cli.output import fail, note
from gatepost.cli.stories.running import tell_mistakes
from gatepost.configuration import Settings
from gatepost.settings import SettingsError
from gatepost.web.openapi import at_mount


def openapi(output: Path | None) -> None:
    """Print the document, or write it to a file."""
    settings = _settings()
    document = at_mount(create_app(settings).openapi(), settings.root_path)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        fail(f"Cannot write {output}: {error.strerror}.")
    note(f"Wrote {output}.")


def _settings() -> Settings:
    """The environment's settings; the document holds no secret, so any will do."""
    try:
        return Settings.from_environment()
    except SettingsError as error:
        if {each.name for each in error.problems} != {"SECRET_KEY"}:
            tell_mistakes(error)
    return Settings.from_environment({**os.environ, "SECRET_KEY": secrets.token_urlsafe(48)})
