"""Reads a password from a prompt or standard input, or generates it; it is never an argument."""

import secrets
import sys
from collections.abc import Collection
from dataclasses import dataclass

import typer

from gatepost.cli.output import MISUSED, fail

_GROUP = 4
# Without characters that look alike.
_KINDS = {
    "lower": "abcdefghijkmnpqrstuvwxyz",
    "upper": "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "digit": "23456789",
}
_ALPHABET = "".join(_KINDS.values())


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """The options for the source of a password; by default it is a prompt."""

    stdin: bool
    generate: bool
    none: bool = False

    def read(self, prompt: str, least_length: int) -> str:
        """Return the password; exits 2 if it cannot be read, or if two sources are given."""
        if self.stdin and self.generate:
            fail("Choose one of --password-stdin and --generate.", status=MISUSED)
        if self.generate:
            return make_password(least_length)
        return read_password(prompt, from_stdin=self.stdin)

    def read_unless_none(self, prompt: str, least_length: int) -> str | None:
        """Like `read`, but None for an account without a password."""
        if not self.none:
            return self.read(prompt, least_length)
        if self.stdin or self.generate:
            fail("Choose one of --no-password, --password-stdin and --generate.", status=MISUSED)
        return None


def read_password(prompt: str, *, from_stdin: bool) -> str:
    """Prompt for a password twice without echo, or read the first line of standard input."""
    if from_stdin:
        return _first_line()
    if not sys.stdin.isatty():
        fail(
            "There is no terminal to prompt for the password. Pipe it in with --password-stdin, "
            "or use --generate.",
            status=MISUSED,
        )
    answer: str = typer.prompt(prompt, hide_input=True, confirmation_prompt="Repeat it")
    return answer


def make_password(least_length: int) -> str:
    """A random password that is easy to type: groups of four, with every kind of character."""
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
        fail("Standard input has no password in UTF-8.", status=MISUSED)
    return password
