"""The key ring at the command line."""

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from gatepost.cli.output import fail, note, print_json, say
from gatepost.cli.stories.running import read_settings, run_work
from gatepost.cli.terminal import print_table
from gatepost.configuration import Settings
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.models import StoredKey
from gatepost.work import Work

_WIRE = TypeAdapter(dict[str, Any])


def list_keys(json: bool) -> None:
    """Print the key pairs, without anything private."""

    async def story(work: Work) -> list[dict[str, Any]]:
        return [_document(key, work) for key in await signing_keys.list_keys(work)]

    keys = run_work(story, writes=False)
    if json:
        print_json(keys)
        return
    if keys:
        print_table(
            ("key id", "algorithm", "state", "made", "ends"),
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
    algorithm = read_settings(Settings).algorithm
    if algorithm.startswith("HS"):
        note(f"There are no key pairs: {algorithm} signs tokens with SECRET_KEY.")
    else:
        note(f"There are no key pairs yet: the service makes the first {algorithm} one.")


def rotate(overlap: int, json: bool) -> None:
    """Make a new key pair that signs from now on."""
    algorithm = read_settings(Settings).algorithm
    if algorithm.startswith("HS"):
        fail(
            f"{algorithm} signs tokens with SECRET_KEY: there is no key pair to rotate. "
            "Change SECRET_KEY instead: all tokens then end."
        )

    async def story(work: Work) -> dict[str, Any]:
        return _document(await signing_keys.rotate(work, timedelta(hours=overlap)), work)

    key = run_work(story)
    if json:
        print_json(key)
    else:
        say(
            f"Tokens are signed with the new {algorithm} key {key['kid']} within a minute.",
            f"Those of the former key stay good for {overlap} hours.",
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
    if key.algorithm != work.runtime.settings.algorithm:
        return "of another algorithm"
    if key.retires_at is None:
        return "signs"
    return "verifies" if key.retires_at > work.now else "ended"


def _minute(time: str | None) -> str:
    return "" if time is None else time[:16].replace("T", " ")
