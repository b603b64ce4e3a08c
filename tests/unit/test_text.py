"""Text that comes in: what is taken off, what is refused, and at what cost."""

import time
import unicodedata
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from gatepost.text import PlainText, SearchText, without_markup
from tests.support.hostile_text import HOSTILE_TEXTS, HostileText

LINE: TypeAdapter[str] = TypeAdapter(Annotated[str, PlainText(max_length=200, min_length=1)])
LINES: TypeAdapter[str] = TypeAdapter(Annotated[str, PlainText(max_length=10_000, lines=True)])
SEARCH: TypeAdapter[str] = TypeAdapter(SearchText)

AS_TYPED = [
    "Tom & Jerry",
    "a & b < c",
    "1 < 2 > 0",
    "I <3 you",
    "x<1 and y>2",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;b&amp;gt;",
    "https://example.com/?a=1&copy=2&reg=3",
    "<- back",
    'O\'Brien "the" `tick`',
]

STRIPPED = [
    ("<script>alert(1)</script>Hello", "Hello"),
    ("<SCRIPT SRC=//evil.example></SCRIPT>Hello", "Hello"),
    ("<style>* { display: none }</style>Hello", "Hello"),
    ("<b>there</b>", "there"),
    ("<img src=x onerror=alert(1)>hi", "hi"),
    ("<svg/onload=alert(1)>hi", "hi"),
    ("<a href='javascript:alert(1)'>Tom & Jerry</a>", "Tom & Jerry"),
    ("<!-- a comment -->hi", "hi"),
    ("<b title='>'>1 < 2</b>", "1 < 2"),
    ("<\u212abd>hi", "hi"),
    ("e<i></i>\u0301", "\u00e9"),
]


@pytest.mark.parametrize("text", AS_TYPED)
def test_what_is_no_markup_stays_as_it_was_typed(text: str) -> None:
    assert LINE.validate_python(text) == text


@pytest.mark.parametrize("text", AS_TYPED)
def test_beside_markup_too_text_stays_as_it_was_typed(text: str) -> None:
    assert LINE.validate_python(f"<i>{text}</i>") == text


@pytest.mark.parametrize(("text", "stripped"), STRIPPED)
def test_markup_is_taken_off(text: str, stripped: str) -> None:
    assert LINE.validate_python(text) == stripped


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a<b, says Tom", "a< b, says Tom"), ("hi <img src=x onerror=x", "hi < img src=x onerror=x")],
)
def test_a_tag_that_never_ends_is_no_tag_and_takes_no_text_along(text: str, kept: str) -> None:
    assert LINE.validate_python(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "<<b>script>alert(1)</script>",
        "<<<<<<<b>b>b>b>b>b>script>alert(1)</script>",
        "<scr<script>x</script>ipt>alert(1)</script>",
        "<<i>!-- --><img src=x>",
        "<textarea><b></textarea><b>",
        "<<b></b>/b>x",
    ],
)
def test_no_tag_comes_to_light_when_another_is_taken_off(text: str) -> None:
    once = without_markup(text)

    assert without_markup(once) == once
    assert not any(f"<{next_one}" in once.lower() for next_one in "abis/!?")


@pytest.mark.parametrize("text", [*AS_TYPED, *(text for text, _ in STRIPPED)])
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = without_markup(text)

    assert without_markup(once) == once
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    "text", ["<" * 5_000 + "b>" * 2_500, "<a><b>" * 1_600, "<div><a>" * 1_250, "<<p>" * 2_500]
)
def test_no_nesting_of_tags_takes_long(text: str) -> None:
    """Peeled one layer a pass, the first would take two thousand passes and seconds."""
    began = time.process_time()
    LINES.validate_python(text)

    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("hostile", HOSTILE_TEXTS, ids=lambda hostile: hostile.name)
def test_hostile_text_is_kept_or_refused(hostile: HostileText) -> None:
    assert _read(LINE, hostile) == hostile.on_one_line
    assert _read(LINES, hostile) == hostile.on_lines


def _read(kind: TypeAdapter[str], hostile: HostileText) -> str | None:
    try:
        return kind.validate_json(f'"{hostile.json}"')
    except ValidationError:
        return None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a\0", "text_control_character"),
        ("a\nb", "text_control_character"),
        ("a\u202eb", "text_direction_control"),
        ("a\ud800", "string_unicode"),
        ("", "string_too_short"),
        ("   ", "string_too_short"),
        ("<hr>", "string_too_short"),
        ("x" * 201, "string_too_long"),
        ("<b></b>" + "x" * 194, "string_too_long"),
    ],
)
def test_a_refusal_names_its_rule_and_repeats_no_text(text: str, rule: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LINE.validate_python(text)

    [error] = refused.value.errors(include_input=False)
    assert error["type"] == rule
    assert "xx" not in error["msg"]


def test_length_is_counted_again_after_form_c_made_text_longer() -> None:
    grows = "\ufb2c"  # one code point that form C writes as three
    assert len(unicodedata.normalize("NFC", grows)) == 3

    with pytest.raises(ValidationError, match="at most 200"):
        LINE.validate_python(grows * 100)


def test_the_schema_tells_the_limits() -> None:
    assert LINE.json_schema() == {"type": "string", "minLength": 1, "maxLength": 200}
    assert LINES.json_schema() == {"type": "string", "maxLength": 10_000}


def test_a_search_is_for_what_is_kept() -> None:
    assert SEARCH.validate_python("  e\u0301<b> ") == "\u00e9<b>"


@pytest.mark.parametrize("text", ["a\0", "a\nb", "a\u202eb", "a\ud800", "x" * 201])
def test_a_search_for_what_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        SEARCH.validate_python(text)
