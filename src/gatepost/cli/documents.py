"""The commands that print documents."""

from pathlib import Path
from typing import Annotated

import typer


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
    from gatepost.cli.stories import documents

    documents.openapi(output)
