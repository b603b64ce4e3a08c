"""Cutting files into rows: whatever comes before, the next good row is read as it was written."""

import csv
import io
import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatepost.files.framing import (
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


@pytest.mark.parametrize("beginning", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_told_as_such(beginning: str) -> None:
    content = "\ufeffemail\n".encode(beginning)
    with pytest.raises(BrokenFile, match="UTF-16"):
        unpacked(io.BufferedReader(io.BytesIO(content)))
