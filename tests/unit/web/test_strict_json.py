"""A body is one JSON text in UTF-8 that every parser reads alike, or it is refused."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from gatepost.errors import ValidationFailed
from gatepost.web.request_json import read_json
from tests.support import patience

READ: list[tuple[bytes, Any]] = [
    (b"{}", {}),
    (
        b' \t\r\n{"a": [1, -0, 1.5e3, true, false, null]} \n',
        {"a": [1, 0, 1500.0, True, False, None]},
    ),
    (b'"\\u00e9\xc3\xa9\\ud83d\\ude00"', "\u00e9\u00e9\U0001f600"),
    (b'{"a": {"a": 1}, "b": {"a": 2}}', {"a": {"a": 1}, "b": {"a": 2}}),
    (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
    (b"123456789012345678901234567890", 123456789012345678901234567890),
    (b"1e308", 1e308),
    (b"1e-999", 0.0),
    (b"[" * 100 + b"]" * 100, json.loads("[" * 100 + "]" * 100)),
]

REFUSED = [
    (b"", "json_invalid"),
    (b"{", "json_invalid"),
    (b"{} {}", "json_invalid"),
    (b"{'a': 1}", "json_invalid"),
    (b'{"a": 1,}', "json_invalid"),
    (b"// no\n{}", "json_invalid"),
    (b"01", "json_invalid"),
    (b"+1", "json_invalid"),
    (b"0x1", "json_invalid"),
    (b'"\t"', "json_invalid"),
    (b'"\x00"', "json_invalid"),
    (b'"\\x41"', "json_invalid"),
    (b"NaN", "json_invalid"),
    (b"Infinity", "json_invalid"),
    (b"-Infinity", "json_invalid"),
    (b'{"a": NaN}', "json_invalid"),
    (b"\xef\xbb\xbf{}", "json_invalid"),
    ('{"a": 1}'.encode("utf-16"), "json_invalid"),
    ('{"a": 1}'.encode("utf-16-le"), "json_invalid"),
    ('{"a": 1}'.encode("utf-32-be"), "json_invalid"),
    (b'"\xff"', "json_invalid"),
    (b'"\xc0\x80"', "json_invalid"),
    (b'"\xed\xa0\x80"', "json_invalid"),
    (b"\xc2\xa0{}", "json_invalid"),
    (b'{"a": 1, "a": 1}', "json_duplicate_member"),
    (b'{"a": 1, "\\u0061": 2}', "json_duplicate_member"),
    (b'{"b": [{"a": {}, "c": 1, "a": []}]}', "json_duplicate_member"),
    (b"1" * 10_000, "json_number_too_large"),
    (b"-" + b"1" * 1_000_000, "json_number_too_large"),
    (b"0." + b"1" * 1_000_000, "json_number_too_large"),
    (b"1e999", "json_number_too_large"),
    (b"-1e999", "json_number_too_large"),
    (b"[" * 100_000, "json_too_deep"),
    (b"[" * 100_000 + b"]" * 100_000, "json_too_deep"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "json_too_deep"),
]


@pytest.mark.parametrize(("body", "value"), READ, ids=lambda each: repr(each)[:24])
def test_json_is_read(body: bytes, value: object) -> None:
    assert read_json(body) == value


@pytest.mark.parametrize(("body", "kind"), REFUSED, ids=lambda each: repr(each)[:24])
def test_what_is_not_one_json_text_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        read_json(body)

    [error] = refusal.value.extensions["errors"]
    assert error["type"] == kind
    assert error["loc"][0] == "body"


def test_a_member_that_comes_twice_is_named() -> None:
    with pytest.raises(ValidationFailed) as refusal:
        read_json(b'{"role": "user", "email": "a", "role": "admin"}')

    assert refusal.value.extensions["errors"][0]["loc"] == ["body", "role"]


def test_a_refusal_does_not_repeat_the_body() -> None:
    bodies = [
        b'{"password": "s3cr3t"',
        b'{"s3cr3t \\u0000": 1, "s3cr3t \\u0000": 2}',
        b'{"password": "s3cr3t \xff"}',
    ]
    for body in bodies:
        with pytest.raises(ValidationFailed) as refusal:
            read_json(body)
        problem = refusal.value
        assert "s3cr3t" not in f"{problem} {problem.detail} {problem.extensions}"
        assert problem.__cause__ is None
        assert problem.__context__ is None


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"a{n}": n for n in range(60_000)})[:-1].encode() + b', "a59999": 1}',
        b'{"a": 1,' + b'"a": 1,' * 140_000 + b'"a": 1}',
        b"[" + b"1," * 500_000 + b"1]",
        b'"' + b"\\u0041" * 170_000 + b'"',
        b"[" * 1_000_000,
        b"9" * 1_000_000,
    ],
    ids=[
        "one of many twice",
        "one a hundred thousand times",
        "a long list",
        "escapes",
        "deep",
        "long",
    ],
)
def test_a_megabyte_is_read_or_refused_in_time(body: bytes) -> None:
    began = time.perf_counter()
    with suppress(ValidationFailed):
        read_json(body)
    # Each takes a tenth of a second at most here; what is quadratic takes minutes.
    assert time.perf_counter() - began < patience.HANGING_SECONDS
