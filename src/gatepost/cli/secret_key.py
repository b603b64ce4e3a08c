"""The command that generates a secret. It imports no other module of the package."""

import secrets

import typer


def generate_secret() -> None:
    """Print a new secret: 64 random characters, enough for every ALGORITHM.

    Examples:
    $ gatepost generate-secret
    $ echo "SECRET_KEY=$(gatepost generate-secret)" >> .env
    """
    typer.echo(secrets.token_urlsafe(48))
