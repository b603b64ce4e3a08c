"""The commands about secrets and signing keys."""

import secrets
from typing import Annotated

import typer

from gatepost.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


def generate_secret() -> None:
    """Print a new secret: 64 random characters, enough for every ALGORITHM.

    Examples:
    $ gatepost generate-secret
    $ echo "SECRET_KEY=$(gatepost generate-secret)" >> .env
    """
    typer.echo(secrets.token_urlsafe(48))


@app.command("list")
def list_keys(json: Json = False) -> None:
    """List the key pairs, the newest first. Private keys are never shown.

    Examples:
    $ gatepost keys list
    $ gatepost keys list --json
    """
    from gatepost.cli.stories import keys

    keys.list_keys(json)


@app.command()
def rotate(
    overlap: Annotated[
        int,
        typer.Option(
            metavar="HOURS", min=2, max=720, help="How long tokens of the present key stay good."
        ),
    ] = 24,
    json: Json = False,
) -> None:
    """Sign with a new key pair from now on. Nobody is logged out.

    The other key pairs go on verifying tokens for --overlap hours, then they
    end. Running processes take up the new key within a minute.

    Examples:
    $ gatepost keys rotate
    $ gatepost keys rotate --overlap 2
    """
    from gatepost.cli.stories import keys

    keys.rotate(overlap, json)
