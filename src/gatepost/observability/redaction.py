"""Keeps secrets out of what is written to the log, wherever in a line they stand.

Nobody is meant to log one. This is for who does by mistake, and for libraries and tracebacks, whose
words are not ours: fields are masked by their names, and texts by the shapes that secrets have.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

MASK = "[redacted]"

_LONGEST_TEXT = 20_000
_LONGEST_SECRET = 2_000
_CUT = "... [cut]"

_SHORTEST_SECRET = 8
"""A known secret that is shorter is too common a text to be looked for."""

_WORDS = (
    r"passw(?:or)?d|passphrase|credential|secret|token|cookie|authorization"
    r"|(?:api|private|signing|idempotency)[_-]?key"
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)

# Every repetition is bounded, or begins where none like it can: texts may be long, and hostile.
_JWT = r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)*"
_SCHEME = r"\b(?P<kept>(?:bearer|basic)\s{1,10})[\w.~+/-]+=*"
_USERINFO = r"(?P<kept>://[^\s:/@\"']*:)[^\s/\"']+(?=@)"
_NAMED = (
    rf"(?P<kept>\b[\w-]{{0,20}}(?:{_WORDS})[\w-]{{0,20}}\\?[\"']?\s{{0,10}}[=:]\s{{0,10}})"
    r"(?!\\?[\"']?\[redacted\])"
    r"(?:(?P<quote>\\?[\"']).{0,1000}?(?P=quote)|[\"']?[^\s\"'\\,;&})\]]+)"
)
# A random secret of 32 bytes in base64url.
_OPAQUE = r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"

_SHAPES = tuple(re.compile(shape, re.IGNORECASE) for shape in (_JWT, _SCHEME, _USERINFO, _NAMED))
_OPAQUE_SHAPE = re.compile(_OPAQUE)

_SIGNS = (
    "eyj",
    "bearer",
    "basic",
    "://",
    "passw",
    "passphrase",
    "credential",
    "secret",
    "token",
    "key",
    "cookie",
    "authorization",
)
"""Without one of these in it, in lower case, a text holds no such name and none of the shapes."""


class Redaction:
    """Masks the fields and the texts of lines; `known` are secrets to mask wherever they stand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        secrets = {secret for secret in known if len(secret) >= _SHORTEST_SECRET}
        # As they are, and as a line of JSON writes them.
        written = secrets | {json.dumps(secret)[1:-1] for secret in secrets}
        self._known = sorted(written, key=len, reverse=True)

    def finds_nothing(self, text: str) -> bool:
        """Whether there is nothing to mask in it for sure: a quick look, for most lines enough."""
        lowered = text.lower()
        return not (
            any(sign in lowered for sign in _SIGNS)
            or any(secret in text for secret in self._known)
            or _OPAQUE_SHAPE.search(text)
        )

    def mask(self, value: object) -> object:
        """The value with every text in it masked, and every field whose name says that it must."""
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, Mapping):
            return {
                self.mask(key): MASK if is_secret_name(str(key)) else self.mask(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.mask(item) for item in value]
        return value if isinstance(value, bool | int | float | None) else self.mask_text(str(value))

    def mask_text(self, text: str) -> str:
        """The text with everything masked that has a secret's shape, or is a known one."""
        if len(text) > _LONGEST_TEXT:
            # Masked further than it is cut, so that what stands across the cut is seen whole.
            return f"{self.mask_text(text[:_LONGEST_TEXT])[:-_LONGEST_SECRET]}{_CUT}"
        if self.finds_nothing(text):
            return text
        for secret in self._known:
            text = text.replace(secret, MASK)
        for shape in _SHAPES:
            text = shape.sub(_replacement, text)
        return _OPAQUE_SHAPE.sub(_unless_a_name, text)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether what has this name is not for the log."""
    return _SECRET_NAME.search(name) is not None


def _unless_a_name(found: re.Match[str]) -> str:
    """Random text is hardly ever all of one case: a long name in a traceback is."""
    text = found[0]
    return text if text.islower() or text.isupper() else MASK


def _replacement(found: re.Match[str]) -> str:
    """The mask, after what tells that something was there."""
    return f"{found.groupdict().get('kept', '')}{MASK}"
