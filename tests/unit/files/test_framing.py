"""Cutting files into rows: whatever comes before, the next good row is read as it was written."""

import csv
import io
import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatepost.files.framing import (
    LONGEST_ROW,
    BrokenFile,
    Unreadable,
    csv_rows,
    guarded,
    json_lines,
    unpacked,
)

CELLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def rows_of_csv(content: bytes) -> list[Mapping[str, object] | Unreadable]:
    return list(csv_rows(unpacked(io.BytesIO(content))))


@given(st.dictionaries(CELLS, CELLS, min_size=1))
def test_a_row_of_json_is_read_as_it_was_written(row: dict[str, str]) -> None:
    line = json.dumps(row).encode()
    assert list(json_lines(io.BytesIO(line))) == [row]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5))
@example([["=1", "'=1"], ["'", "''=\n1"], ["a\r\nb", '"'], ["\ufeff", "\x00"]])
def test_guarded_cells_are_read_as_they_were(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["a", "b"], *([guarded(cell) for cell in row] for row in rows)])
    read = rows_of_csv(text.getvalue().encode())
    assert read == [{"a": first, "b": second} for first, second in rows]


@given(CELLS)
def test_no_guarded_cell_begins_as_a_formula_does(cell: str) -> None:
    assert guarded(cell)[0] not in "=+-@\t\r"


@given(st.binary(max_size=200))
def test_whatever_comes_before_the_next_line_of_json_is_read(junk: bytes) -> None:
    rows = list(json_lines(io.BytesIO(junk + b'\n{"a": 1}\n')))
    assert rows[-1] == {"a": 1}


@given(st.binary(max_size=200).filter(lambda junk: b'"' not in junk))
def test_whatever_comes_before_the_next_line_of_csv_is_read(junk: bytes) -> None:
    rows = rows_of_csv(b"a,b\n" + junk + b"\nx,y\n")
    assert rows[-1] == {"a": "x", "b": "y"}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("length", [20, 99_999, 262_143, 262_144, 262_145, LONGEST_ROW - 1])
def test_lines_are_read_whole_wherever_a_piece_of_the_file_ends(length: int, end: bytes) -> None:
    count = max(1, min(5_000, 2 * LONGEST_ROW // length - 1))
    lines = [json.dumps({"a": mark}).encode().ljust(length - 1) for mark in range(count)]
    content = b"\xef\xbb\xbf" + (end or b"\n").join(lines) + end
    assert list(json_lines(io.BytesIO(content))) == [{"a": mark} for mark in range(len(lines))]


@pytest.mark.parametrize("length", [LONGEST_ROW, LONGEST_ROW + 1, 3 * LONGEST_ROW])
def test_of_a_line_that_is_too_long_the_beginning_is_kept_and_the_next_is_read(length: int) -> None:
    too_long = b'{"a": 1}'.ljust(length)
    for content in (too_long, too_long + b"\n", b'{"b": 2}\n' + too_long + b'\n{"b": 2}'):
        *others, fault = sorted(json_lines(io.BytesIO(content)), key=lambda row: row != {"b": 2})
        assert isinstance(fault, Unreadable)
        assert (fault.fault, fault.text[:8], len(fault.text)) == (
            "row_too_long",
            '{"a": 1}',
            10_000,
        )
        assert len(others) == content.count(b"b")


@pytest.mark.parametrize("beginning", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_told_as_such(beginning: str) -> None:
    content = "\ufeffemail\n".encode(beginning)
    with pytest.raises(BrokenFile, match="UTF-16"):
        unpacked(io.BufferedReader(io.BytesIO(content)))
