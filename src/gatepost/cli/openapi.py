"""The command that prints the OpenAPI document."""

import json
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from gatepost.app import create_app
from gatepost.cli.output import fail, note
from gatepost.cli.running import fail_for_settings
from gatepost.configuration import Settings
from gatepost.settings import SettingsError
from gatepost.web.openapi import at_mount


def openapi(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="Write to this file instead."),
    ] = None,
) -> None:
    """Print the OpenAPI document. Needs neither a database nor a SECRET_KEY.

    Examples:
    $ gatepost openapi --output openapi.json
    """
    settings = _settings()
    document = at_mount(create_app(settings).openapi(), settings.service.root_path)
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
    """The environment's settings; the document contains no secret, so a random one will do."""
    try:
        return Settings.from_environment()
    except SettingsError as error:
        if {each.name for each in error.problems} != {"SECRET_KEY"}:
            fail_for_settings(error)
    return Settings.from_environment({**os.environ, "SECRET_KEY": secrets.token_urlsafe(48)})
