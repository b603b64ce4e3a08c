"""The rules for a new password (NIST SP 800-63B 3.1.1.2, OWASP ASVS 5.0 6.2)."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files

from gatepost.errors import Problem
from gatepost.normal_form import MOST_MARKS, has_too_many_marks, normalise
from gatepost.security.passwords import BCRYPT_MAX_BYTES, NFD_EXPANSION
from gatepost.settings.passwords import PasswordSettings

_TOO_SIMILAR = 0.8
_SHORTEST_WORD = 4
_COMPARED = 64

_CLASSES = {
    "upper": (str.isupper, "Use at least one upper-case letter."),
    "lower": (str.islower, "Use at least one lower-case letter."),
    "digit": (str.isdecimal, "Use at least one digit."),
    "special": (
        lambda c: not c.isalnum(),
        "Use at least one character that is no letter or digit.",
    ),
}


class WeakPassword(Problem):
    """A new password violates the policy; `errors` names every unmet rule."""

    status = 422
    code = "weak_password"
    title = "The password does not meet the policy"
    when = "A new password does not meet the policy."
    remedy = "Choose one that meets every rule that `errors` names."


@dataclass(frozen=True, slots=True)
class _Unmet:
    type: str
    msg: str


def check(
    password: str,
    settings: PasswordSettings,
    identities: Iterable[str | None],
    *,
    loc: Sequence[str | int] = ("body", "password"),
) -> str:
    """Return the NFC form of `password`, which is to be hashed, if it meets every rule.

    `identities` are the user's email, username and full name, in any order; None is skipped.
    Lengths are counted in code points of the NFC form. Raises `WeakPassword`, whose `errors` name
    each unmet rule at `loc`, and contain no part of the password.
    """
    # Comparing takes more than linear time, so a password that is far too long is not compared.
    if len(password) > NFD_EXPANSION * settings.password_max_length:
        unmet = [_too_long(settings)]
    elif has_too_many_marks(password):
        unmet = [
            _Unmet("password_too_many_marks", f"Use at most {MOST_MARKS} combining marks in a row.")
        ]
    else:
        password = normalise(password)
        unmet = [
            *_unmet_by_length(password, settings),
            *_unmet_by_characters(password, settings),
            *_unmet_by_guessing(password, [*identities, settings.project_name]),
        ]
    if unmet:
        raise WeakPassword(errors=[{"loc": [*loc], "msg": u.msg, "type": u.type} for u in unmet])
    return password


def _unmet_by_length(password: str, settings: PasswordSettings) -> Iterator[_Unmet]:
    if len(password) < settings.password_min_length:
        yield _Unmet(
            "password_too_short", f"Use at least {settings.password_min_length} characters."
        )
    if len(password) > settings.password_max_length:
        yield _too_long(settings)
    elif _is_too_big(password, settings):
        yield _Unmet(
            "password_too_many_bytes", f"Use at most {BCRYPT_MAX_BYTES} bytes, counted in UTF-8."
        )


def _unmet_by_characters(password: str, settings: PasswordSettings) -> Iterator[_Unmet]:
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in password):
        yield _Unmet(
            "password_forbidden_character",
            "Use no control characters and no halves of surrogate pairs.",
        )
    for name, (belongs, msg) in _CLASSES.items():
        if name in settings.password_require and not any(map(belongs, password)):
            yield _Unmet(f"password_missing_{name}", msg)


def _unmet_by_guessing(password: str, identities: Iterable[str | None]) -> Iterator[_Unmet]:
    folded = password.casefold()
    # The whole password, never a part of it: a passphrase may hold the word "password".
    if folded in _common_passwords():
        yield _Unmet(
            "password_too_common", "Choose another: this is one of those that attackers try first."
        )
    if any(_is_similar(folded, word) for word in _guessable_words(identities)):
        yield _Unmet(
            "password_too_similar",
            "Choose one that is less like your email address, your name or the service's name.",
        )


def _too_long(settings: PasswordSettings) -> _Unmet:
    return _Unmet("password_too_long", f"Use at most {settings.password_max_length} characters.")


def _is_too_big(password: str, settings: PasswordSettings) -> bool:
    if settings.password_hasher != "bcrypt":  # noqa: S105 - the name of an algorithm
        return False
    return len(password.encode("utf-8", "surrogatepass")) > BCRYPT_MAX_BYTES


def _guessable_words(identities: Iterable[str | None]) -> set[str]:
    """Return each identity, the local part of each address, and the words of each name."""
    words = set()
    for identity in identities:
        if identity is None or has_too_many_marks(identity):
            continue  # no account has such an identity
        folded = normalise(identity).casefold().strip()
        local_part, at, _ = folded.rpartition("@")
        words.update([folded, local_part] if at else [folded, *_long_words(folded)])
    return words - {""}


def _long_words(name: str) -> Iterator[str]:
    return (word for word in re.split(r"[\W_]+", name) if len(word) >= _SHORTEST_WORD)


def _is_similar(password: str, word: str) -> bool:
    """Return whether password and word are similar: a ratio of at least 0.8 (`difflib`).

    Unlike a substring test, the ratio allows a short word inside a longer password: with
    `test@test.com`, `Test1234!` has 0.62 and is allowed; with `longusername`, `longusername1` has
    0.96 and is not. Only the first 64 characters are compared, because the time is cubic.
    """
    shorter, longer = sorted((len(password), len(word)))
    if 2 * shorter < _TOO_SIMILAR * (shorter + longer):
        return False
    pair = SequenceMatcher(None, password[:_COMPARED], word[:_COMPARED], autojunk=False)
    return pair.quick_ratio() >= _TOO_SIMILAR and pair.ratio() >= _TOO_SIMILAR


@cache
def _common_passwords() -> frozenset[str]:
    """The list of common passwords, read on first use; the head of the file names its source."""
    path = files("gatepost.security") / "common_passwords.txt"
    _, _, listed = path.read_text("utf-8").partition("\n\n")
    return frozenset(listed.splitlines())
