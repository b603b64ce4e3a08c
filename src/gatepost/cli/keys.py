"""The commands about signing keys."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from gatepost.cli.options import Json
from gatepost.cli.output import fail, note, print_json, say
from gatepost.cli.running import read_settings, run_in_transaction
from gatepost.cli.terminal import print_table
from gatepost.configuration import Settings
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.models import StoredKey
from gatepost.work import Work

app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    add_completion=False,
    help="The keys that sign access tokens.",
)

_WIRE = TypeAdapter(dict[str, Any])


@app.command("list")
def list_keys(json: Json = False) -> None:
    """List the key pairs, the newest first. Private keys are never shown.

    Examples:
    $ gatepost keys list
    $ gatepost keys list --json
    """

    async def action(work: Work) -> list[dict[str, Any]]:
        return [_document(key, work) for key in await signing_keys.list_keys(work)]

    keys = run_in_transaction(action, writes=False)
    if json:
        print_json(keys)
        return
    if keys:
        print_table(
            ("key id", "algorithm", "state", "created", "ends"),
            [
                (
                    key["kid"],
                    key["algorithm"],
                    key["state"],
                    _minute(key["created_at"]),
                    _minute(key["retires_at"]),
                )
                for key in keys
            ],
        )
        return
    algorithm = read_settings(Settings).tokens.algorithm
    if algorithm.startswith("HS"):
        note(f"There are no key pairs: {algorithm} signs tokens with SECRET_KEY.")
    else:
        note(f"There are no key pairs yet: the service creates the first {algorithm} key.")


@app.command()
def rotate(
    overlap: Annotated[
        int,
        typer.Option(
            metavar="HOURS", min=2, max=720, help="How long the present key's tokens stay valid."
        ),
    ] = 24,
    json: Json = False,
) -> None:
    """Sign tokens with a new key pair. Users stay logged in.

    The other key pairs still verify tokens for --overlap hours. Running
    processes use the new key within a minute.

    Examples:
    $ gatepost keys rotate
    $ gatepost keys rotate --overlap 2
    """
    algorithm = read_settings(Settings).tokens.algorithm
    if algorithm.startswith("HS"):
        fail(
            f"{algorithm} signs tokens with SECRET_KEY: there is no key pair to rotate. "
            "Change SECRET_KEY instead: all tokens then end."
        )

    async def action(work: Work) -> dict[str, Any]:
        return _document(await signing_keys.rotate(work, timedelta(hours=overlap)), work)

    key = run_in_transaction(action)
    if json:
        print_json(key)
    else:
        say(
            f"Tokens are signed with the new {algorithm} key {key['kid']} within a minute.",
            f"Tokens of the previous key stay valid for {overlap} hours.",
        )


def _document(key: StoredKey, work: Work) -> dict[str, Any]:
    document: dict[str, Any] = _WIRE.dump_python(
        {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "state": _state(key, work),
            "created_at": key.created_at,
            "retires_at": key.retires_at,
        },
        mode="json",
    )
    return document


def _state(key: StoredKey, work: Work) -> str:
    if key.algorithm != work.runtime.settings.tokens.algorithm:
        return "of another algorithm"
    if key.retires_at is None:
        return "signs"
    return "verifies" if key.retires_at > work.now else "ended"


def _minute(time: str | None) -> str:
    return "" if time is None else time[:16].replace("T", " ")
