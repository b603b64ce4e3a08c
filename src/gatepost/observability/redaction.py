"""Masks secrets in log lines: fields by their names, and texts by the shapes of secrets.

No code should log a secret. This is a safety net for mistakes, and for the texts of libraries and
tracebacks.
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
"""In characters: a shorter secret is not searched for, since it may occur in ordinary texts."""

_WORDS = (
    r"passw(?:or)?d|passphrase|credential|secret|token|cookie|authorization"
    r"|(?:api|private|signing|idempotency)[_-]?key"
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)

# Every repetition is bounded or anchored, so that long hostile texts take linear time.
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
"""A text in lower case that contains none of these has no secret name and no secret's shape."""


class Redaction:
    """Masks the fields and texts of log lines; `known` secrets are masked wherever they occur."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        secrets = {secret for secret in known if len(secret) >= _SHORTEST_SECRET}
        # Each as it is, and as it is written in JSON.
        written = secrets | {json.dumps(secret)[1:-1] for secret in secrets}
        self._known = sorted(written, key=len, reverse=True)

    def finds_nothing(self, text: str) -> bool:
        """Whether the text certainly has nothing to mask: a quick check, sufficient for most."""
        lowered = text.lower()
        return not (
            any(sign in lowered for sign in _SIGNS)
            or any(secret in text for secret in self._known)
            or _OPAQUE_SHAPE.search(text)
        )

    def mask(self, value: object) -> object:
        """The value with all its texts masked, and its fields that have a secret's name."""
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
        """The text with known secrets, and everything of a secret's shape, masked."""
        if len(text) > _LONGEST_TEXT:
            # More is masked than is kept, so that a secret across the cut is seen whole.
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
    """Whether a field of this name must not be logged."""
    return _SECRET_NAME.search(name) is not None


def _unless_a_name(found: re.Match[str]) -> str:
    """Keep text that is all of one case: a long name in a traceback, not a random secret."""
    text = found[0]
    return text if text.islower() or text.isupper() else MASK


def _replacement(found: re.Match[str]) -> str:
    """The mask, after the part of the match that is kept, such as `Bearer `."""
    return f"{found.groupdict().get('kept', '')}{MASK}"
