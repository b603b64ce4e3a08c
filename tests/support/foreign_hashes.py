"""Hashes that other systems' own code made of one password, at little cost.

Made with Django 5.2, Werkzeug 3.1, pwdlib 0.3, libpass 1.9, passlib 1.7, firebase-scrypt 2.2,
libxcrypt 4.4, Dovecot 2.3, better-auth 1.7, and PHP 8.2 as WordPress 6.8 calls it.
"""

import json
from base64 import b64decode
from pathlib import Path

from gatepost.security.legacy_hashes import firebase
from gatepost.security.legacy_hashes.foreign import to_phc

_DATA = json.loads(Path(__file__).with_name("foreign_hashes.json").read_text(encoding="utf-8"))

PASSWORD: str = _DATA["password"]
TEXTS: dict[str, str] = _DATA["made_of_it"]
TEXTS_OF_DECOMPOSED: dict[str, str] = _DATA["made_of_its_decomposed_form"]

SIGNER_KEY = (
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)
"""The one of Firebase's published example."""


def of_firebase(digest: str, *, mem_cost: int, salt: str, separator: str = "Bw==") -> str:
    """The stored form of a hash of the project whose key is `SIGNER_KEY`; all texts are base64."""
    return firebase.stored(
        key=firebase.key_id(b64decode(SIGNER_KEY)),
        mem_cost=mem_cost,
        rounds=8,
        salt=b64decode(salt) + b64decode(separator),
        digest=b64decode(digest),
    )


STORED: dict[str, str] = {name: to_phc(text) for name, text in TEXTS.items()} | {
    "firebase-scrypt": of_firebase(
        "wWno1b3JFR0JMOZGCrlL9EL6cKtYwO+xmdkUKxr8kjSO9w8OCb/EAXEIHLp7BeYAU1/vkOoBqeDfpmw/bh+1lw==",
        mem_cost=4,
        salt="c2FsdCtvbmU/Pz8+",
    )
}
"""All of them in the form in which they are stored."""

STORED_OF_DECOMPOSED: dict[str, str] = {
    name: to_phc(text) for name, text in TEXTS_OF_DECOMPOSED.items()
} | {
    "firebase-scrypt": of_firebase(
        "hjtjlfPk7EdoUUYKTUC+OxaVaYhED2bNeb7Ic0NUs1L1BGH8toHVpG4dm7NSpOS0kntGxXcp/V/nFWUvjDXHuA==",
        mem_cost=4,
        salt="c2FsdCtvbmU/Pz8+",
    )
}
"""Likewise of the password with its letters and accents apart, as a Mac may send it."""
