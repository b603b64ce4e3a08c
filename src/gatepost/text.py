"""Validates and cleans text from clients: control characters, markup and length."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import nh3
from pydantic import AfterValidator, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from gatepost.normal_form import MOST_MARKS, TooManyMarksError, normalise

# Of the control characters only tab and line feed are useful in text; PostgreSQL refuses NUL.
# Pydantic refuses unpaired surrogates before.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINE_BREAK_OR_TAB = re.compile(r"[\t\n\u2028\u2029]")
# Text must not change the direction of the text beside it (Unicode TR 36, section 2.9).
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")

# In a query string it replaces bytes that are not UTF-8, such as those of an unpaired surrogate.
_REPLACEMENT = "\ufffd"

_OTHER_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
_BEGINS_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_PASSES = 3


@dataclass(frozen=True, slots=True)
class PlainText:
    """Free text without markup, as in `Annotated[str, PlainText(max_length=200)]`.

    Lengths are in code points; the limit applies to the text before and after cleaning. It is one
    line, unless `lines` is True: then tabs and line feeds are allowed, and other line ends become
    line feeds. The result is in NFC, without surrounding white space.
    """

    max_length: int
    min_length: int = 0
    lines: bool = False

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self.clean,
            core_schema.str_schema(max_length=self.max_length, min_length=self.min_length or None),
        )

    def keeps_unchanged(self, texts: Sequence[str]) -> bool:
        """Whether a quick check shows that `clean` would return every text unchanged."""
        lengths = {*map(len, texts)} or {self.min_length}
        is_within_limits = self.min_length <= min(lengths) and max(lengths) <= self.max_length
        return (
            is_within_limits and _is_plain("".join(texts)) and [*map(str.strip, texts)] == [*texts]
        )

    def clean(self, text: str) -> str:
        """Return the cleaned text; raises pydantic's errors, which do not contain the text."""
        if _is_plain(text):
            return self._within_limits(text.strip())  # the steps below would change nothing
        if self.lines:
            text = _OTHER_LINE_ENDS.sub("\n", text)
        text = without_markup(refuse_unprintable(text, lines=self.lines)).strip()
        return self._within_limits(text)

    def _within_limits(self, text: str) -> str:
        if len(text) < self.min_length:
            raise PydanticKnownError("string_too_short", {"min_length": self.min_length})
        if len(text) > self.max_length:
            raise PydanticKnownError("string_too_long", {"max_length": self.max_length})
        return text


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "<" not in text


def refuse_unprintable(text: str, *, lines: bool = False) -> str:
    """Return the text; raises `PydanticCustomError` for control and direction characters."""
    if _CONTROL.search(text) or (not lines and _LINE_BREAK_OR_TAB.search(text)):
        raise PydanticCustomError("text_control_character", "Leave out control characters")
    if _DIRECTION.search(text):
        raise PydanticCustomError(
            "text_direction_control", "Leave out characters that override the writing direction"
        )
    return text


def without_unprintable(text: str) -> str:
    """Return the text without control and direction characters and line breaks."""
    if text.isprintable():
        return text
    return _DIRECTION.sub("", _LINE_BREAK_OR_TAB.sub("", _CONTROL.sub("", text)))


def without_markup(text: str) -> str:
    """Return the text in NFC without tags, and without the content of scripts and styles.

    The result is text, not HTML: `Tom & Jerry`, `1 < 2` and `&lt;` stay unchanged. No `<` that
    could begin a tag is left, so the function is idempotent.
    """
    text = _form_c(text)
    for _ in range(_PASSES):
        stripped = _strip_tags(text)
        if stripped == text:
            return text
        text = stripped
    # Each pass removes one level of nested tags: thousands of levels would take seconds.
    return _BEGINS_TAG.sub("< ", text)


def _strip_tags(text: str) -> str:
    if "<" not in text:
        return text
    # Without a later `>`, `a<b` is no tag, but the parser would drop the rest of the text.
    closed, end, rest = text.rpartition(">")
    text = closed + end + _BEGINS_TAG.sub("< ", rest)
    # `&` is literal here: escape it, and undo that together with the parser's own escapes.
    stripped = nh3.clean(text.replace("&", "&amp;"), tags=set(), attributes={})
    return _form_c(html.unescape(stripped))


def _form_c(text: str) -> str:
    try:
        return normalise(text)
    except TooManyMarksError:
        raise PydanticCustomError(
            "text_too_many_marks", f"Put at most {MOST_MARKS} combining marks in a row"
        ) from None


def _clean_search(text: str) -> str:
    if _REPLACEMENT in text:
        raise PydanticCustomError("text_not_utf8", "Encode it in UTF-8")
    return _form_c(refuse_unprintable(text)).strip()


# The text of a search `q`, in NFC. Markup is not removed: stored text has none.
SearchText = Annotated[str, StringConstraints(max_length=200), AfterValidator(_clean_search)]
