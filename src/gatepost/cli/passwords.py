"""Where a password comes from: asked for unseen, standard input, or made up; never an argument."""

import secrets
import sys
from collections.abc import Collection
from dataclasses import dataclass

import typer

from gatepost.cli.output import MISUSED, fail

_GROUP = 4
# Without the characters that are taken for one another.
_KINDS = {
    "lower": "abcdefghijkmnpqrstuvwxyz",
    "upper": "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "digit": "23456789",
}
_ALPHABET = "".join(_KINDS.values())


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """The options that say where a password comes from; without any, from the terminal."""

    stdin: bool
    generate: bool
    none: bool = False

    def read(self, prompt: str, least_length: int) -> str:
        """Return the password; exits 2 if it cannot be had, or two sources are given."""
        if self.stdin and self.generate:
            fail("Choose one of --password-stdin and --generate.", status=MISUSED)
        if self.generate:
            return make_password(least_length)
        return read_password(prompt, from_stdin=self.stdin)

    def read_unless_none(self, prompt: str, least_length: int) -> str | None:
        """The same; None for an account without a password."""
        if not self.none:
            return self.read(prompt, least_length)
        if self.stdin or self.generate:
            fail("Choose one of --no-password, --password-stdin and --generate.", status=MISUSED)
        return None


def read_password(prompt: str, *, from_stdin: bool) -> str:
    """Ask for a password twice, unseen, or take the first line of standard input."""
    if from_stdin:
        return _first_line()
    if not sys.stdin.isatty():
        fail(
            "There is no terminal to ask for the password at. Pipe it in and add --password-stdin, "
            "or add --generate.",
            status=MISUSED,
        )
    answer: str = typer.prompt(prompt, hide_input=True, confirmation_prompt="Once more")
    return answer


def make_password(least_length: int) -> str:
    """A random password that one can type: groups of four, every kind of character in it."""
    groups = max(5, -(-(least_length + 1) // (_GROUP + 1)))
    while True:
        password = "-".join(
            "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(groups)
        )
        if all(_has_any(password, kind) for kind in _KINDS.values()):
            return password


def _has_any(password: str, characters: Collection[str]) -> bool:
    return any(character in characters for character in password)


def _first_line() -> str:
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        line = ""
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        fail("Standard input holds no password in UTF-8.", status=MISUSED)
    return password
