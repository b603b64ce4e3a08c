"""Cutting files into rows: whatever comes before, the next good row is read as it was written."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatepost.files.content import Content, open_content
from gatepost.files.csv_files import CsvForm, csv_rows, escape_formula
from gatepost.files.json_arrays import json_items
from gatepost.files.lines import json_lines
from gatepost.files.rows import (
    LONGEST_PIECE,
    LONGEST_ROW,
    BrokenFile,
    Row,
    UnreadableRow,
    peek,
)

CELLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


FORM = CsvForm(is_email_column={"a", "email"}.__contains__)


def rows_of_csv(content: bytes) -> list[Row]:
    return list(csv_rows(Content(io.BytesIO(content)), FORM))


def rows_of_lines(content: bytes) -> list[Row]:
    return list(json_lines(Content(io.BytesIO(content))))


def rows_of_array(content: bytes, path: str = "item") -> list[Row]:
    return list(json_items(Content(io.BytesIO(content)), path))


def texts(rows: Iterable[Row]) -> list[str]:
    return [row.text for row in rows if isinstance(row, UnreadableRow)]


@given(st.dictionaries(CELLS, CELLS, min_size=1))
def test_a_row_of_json_is_read_as_it_was_written(row: dict[str, str]) -> None:
    line = json.dumps(row).encode()
    assert rows_of_lines(line) == [row]


def could_hide_a_row(row: list[str]) -> bool:
    """Whether a line inside of its quotes may look like a row with an address, which is refused."""
    text = "".join(row)
    return "@" in text and ("\n" in text or "\r" in text)


@given(
    st.lists(
        st.lists(CELLS, min_size=2, max_size=2).filter(lambda row: not could_hide_a_row(row)),
        max_size=5,
    )
)
@example([["=1", "'=1"], ["'", "''=\n1"], ["a\r\nb", '"'], ["\ufeff", "\x00"]])
def test_guarded_cells_are_read_as_they_were(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [["a", "b"], *([escape_formula(cell) for cell in row] for row in rows)]
    )
    read = rows_of_csv(text.getvalue().encode())
    assert read == [{"a": first, "b": second} for first, second in rows]


def test_a_cell_with_a_line_that_could_be_a_row_is_told_in_full() -> None:
    rows = rows_of_csv(b'a,b\n"\n@",0\nx,y\n')
    assert texts(rows) == ['"', '@",0']
    assert rows[-1] == {"a": "x", "b": "y"}


@given(CELLS)
def test_no_guarded_cell_begins_as_a_formula_does(cell: str) -> None:
    assert escape_formula(cell)[0] not in "=+-@\t\r"


@given(st.binary(max_size=200).filter(lambda junk: not junk.startswith(b"\x1f\x8b")))  # gzip
def test_whatever_comes_before_the_next_line_of_json_is_read(junk: bytes) -> None:
    rows = rows_of_lines(junk + b'\n{"a": 1}\n')
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
    assert rows_of_lines(content) == [{"a": mark} for mark in range(len(lines))]


@pytest.mark.parametrize("length", [LONGEST_ROW, LONGEST_ROW + 1, 3 * LONGEST_ROW])
def test_a_line_that_is_too_long_is_kept_and_the_next_is_read(length: int) -> None:
    too_long = b'{"a": 1}'.ljust(length)
    for content in (too_long, too_long + b"\n", b'{"b": 2}\n' + too_long + b'\n{"b": 2}'):
        *others, fault = sorted(rows_of_lines(content), key=lambda row: row != {"b": 2})
        assert isinstance(fault, UnreadableRow)
        assert (fault.fault, fault.text) == ("row_too_long", too_long.decode())
        assert len(others) == content.count(b"b")


def test_a_line_that_does_not_end_breaks_the_file() -> None:
    content = b'{"a": 1}\n' + b"x" * (LONGEST_PIECE + 1)
    rows = json_lines(Content(io.BytesIO(content)))
    assert next(rows) == {"a": 1}
    with pytest.raises(BrokenFile, match="has more than"):
        next(rows)


# Quotes.

LINES = [f"u{n}@example.com,name {n}" for n in range(50)]


def csv_of(lines: Iterable[str], end: str = "\n") -> bytes:
    return end.join(["email,name", *lines, ""]).encode()


def with_line(place: int, line: str) -> list[str]:
    return [*LINES[:place], line, *LINES[place + 1 :]]


@pytest.mark.parametrize("place", [0, 10, 49])
@pytest.mark.parametrize(
    "line",
    [
        'x@example.com,"open',
        '"x@example.com,open',
        'x@example.com,"open" more',
        'x@example.com,""open""',
        '"x@example.com',
        'x@example.com,"a","',
        '"',
        'x@example.com,three,"cells',
    ],
)
def test_no_line_is_lost_to_a_wrong_quote(place: int, line: str) -> None:
    for others in ([], [30], [30, 31]):
        lines = with_line(place, line)
        for other in others:  # which would close the quote, or open one more
            lines[other] = f'u{other}@example.com,"quoted, {other}"'
        assert_nothing_is_lost(lines)
        lines[35] = 'u35@example.com,closing"'
        assert_nothing_is_lost(lines)
        lines[35] = 'u35@example.com,"\nbegins with a line"'
        assert_nothing_is_lost(lines)


def assert_nothing_is_lost(lines: list[str]) -> None:
    ends = ("\n", "\r\n", "\r")
    for end in ends[:2] if any("\n" in line for line in lines) else ends:
        rows = rows_of_csv(csv_of(lines, end))
        told = texts(rows)
        made = [row for row in rows if not isinstance(row, UnreadableRow)]
        for line in "\n".join(lines).split("\n"):
            address = line.split(",")[0].strip('"')
            is_made = any(row["email"] == address for row in made)
            assert is_made or line in told or any(line.strip('"') in row["name"] for row in made)
        assert all("@" not in row["name"] for row in made)


@given(st.lists(st.text('"x,@\n', max_size=12), max_size=12))
def test_whatever_quotes_there_are_every_line_is_in_a_row_or_told(lines: list[str]) -> None:
    content = csv_of(lines)
    rows = rows_of_csv(content)
    whole = "".join(
        row.text if isinstance(row, UnreadableRow) else "".join(map(str, row.values()))
        for row in rows
    )
    counts = {sign: content.count(sign.encode()) - (sign == ",") for sign in "x@"}
    header = "email,name"
    for sign, count in counts.items():
        assert whole.count(sign) == count - header.count(sign) + (sign == ",")


def test_a_quoted_cell_may_have_lines() -> None:
    content = csv_of(['a@example.com,"one\ntwo, three\n"', 'b@example.com,"\n\n"', LINES[0]])
    assert rows_of_csv(content) == [
        {"email": "a@example.com", "name": "one\ntwo, three\n"},
        {"email": "b@example.com", "name": "\n\n"},
        {"email": "u0@example.com", "name": "name 0"},
    ]


def test_text_inside_of_a_quoted_cell_never_becomes_a_row() -> None:
    for size in (10, LONGEST_ROW, 2 * LONGEST_ROW):
        inside = "\neve@example.com,made up\n" + "x" * size + "\neve@example.com,made up\n"
        lines = [f'a@example.com,"{inside}"', LINES[0]]
        rows = rows_of_csv(csv_of(lines))
        assert [row["email"] for row in rows if not isinstance(row, UnreadableRow)] == [
            "u0@example.com"
        ]
        assert "\n".join(texts(rows)) == lines[0]


def test_a_line_inside_of_a_quoted_cell_that_is_a_broken_row_is_told() -> None:
    lines = ['a@example.com,"one""', "b@example.com,,two", 'c@example.com,three"', LINES[0]]
    rows = rows_of_csv(csv_of(lines))
    assert texts(rows) == lines[:3]
    assert rows[3:] == [{"email": "u0@example.com", "name": "name 0"}]


@pytest.mark.parametrize("header", ['email,"name', '"email', 'note,"na""me'])
@pytest.mark.parametrize("closing", ['"', 'u9@example.com,"', 'email,name"', ""])
def test_a_quote_that_the_first_line_leaves_open_swallows_nobody(header: str, closing: str) -> None:
    content = "\n".join(["", header, *LINES[:3], closing, *LINES[4:6]]).encode()
    with pytest.raises(BrokenFile, match=r"check the quotes|names no column"):
        rows_of_csv(content)


def test_a_name_of_a_column_may_have_lines() -> None:
    rows = rows_of_csv(b'email,"Full\nname"\nu0@example.com,name 0\n')
    assert rows == [{"email": "u0@example.com", "Full\nname": "name 0"}]


# The first rows.


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_what_breaks_off_among_the_first_rows_loses_none_of_them(count: int) -> None:
    def breaking() -> Iterator[Row]:
        yield from ({"a": number} for number in range(count))
        raise BrokenFile("breaks off")

    first, rows = peek(breaking())
    assert first == [{"a": number} for number in range(min(count, 100))]
    assert [next(rows) for _ in range(count)] == [{"a": number} for number in range(count)]
    with pytest.raises(BrokenFile, match="breaks off"):
        next(rows)


# Arrays.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('"\\{}[],: \n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a"}]', max_size=3), inner),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text("ab", min_size=1), VALUES, min_size=1), max_size=6)


@given(OBJECTS, VALUES, st.sampled_from([None, 1]))
def test_an_array_of_a_document_is_cut_into_its_objects(
    objects: list[dict[str, object]], other: object, indent: int | None
) -> None:
    assert rows_of_array(json.dumps(objects, indent=indent).encode()) == objects
    document = {"a": other, "users": objects, "z": {"users": other}}
    text = json.dumps(document, indent=indent).encode()
    assert rows_of_array(text, "users.item") == objects
    several = json.dumps([document, {"users": []}, document], indent=indent).encode()
    assert rows_of_array(several, "item.users.item") == objects * 2
    assert rows_of_array(text + text, "users.item") == objects * 2


@given(OBJECTS, st.integers(0, 200))
def test_an_array_that_is_cut_short_gives_the_objects_before(
    objects: list[dict[str, object]], length: int
) -> None:
    whole = json.dumps(objects).encode()
    rows: list[Row] = []
    content = Content(io.BytesIO(whole[:length]))
    try:
        rows.extend(json_items(content, "item"))
    except BrokenFile:
        assert length < len(whole)
    else:
        assert length >= len(whole)
    assert rows == objects[: len(rows)]
    assert len(rows) == sum(
        len(json.dumps(objects[:n]).encode()) - 1 <= length for n in range(1, len(objects) + 1)
    )


@pytest.mark.parametrize(
    "behind", [b'{"a": 2}', b'\n{"a": 2}\n{"a": 3}\n', b"a,b\n1,2\n", b'{"users": [{"a": 2}]}']
)
def test_what_is_no_array_behind_an_array_is_told_and_not_passed_over(behind: bytes) -> None:
    rows = json_items(Content(io.BytesIO(b'[{"a": 1}]' + behind)), "item")
    assert next(rows) == {"a": 1}
    with pytest.raises(BrokenFile, match="has something else after the end of its JSON"):
        next(rows)


def test_arrays_one_behind_the_other_are_read() -> None:
    assert rows_of_array(b'[{"a": 1}]\n[{"a": 2}] []') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,ada@example.com,Ada Secret,$2b$12$abc", "names no column email, but is a row itself"),
        ('{"email": "ada@example.com", "full_name": "Ada Secret"}', "is JSON, and not CSV"),
    ],
)
def test_no_cell_of_a_row_is_told_where_columns_are_not_named(line: str, reason: str) -> None:
    form = CsvForm(is_email_column="email".__eq__)
    with pytest.raises(BrokenFile) as broken:
        next(csv_rows(Content(io.BytesIO(line.encode())), form))
    assert reason in str(broken.value)
    assert "Secret" not in str(broken.value)


def test_one_broken_object_of_an_array_spoils_no_other() -> None:
    assert texts(rows_of_array(b'[{"a": 1 "b"}, 7, [8], {"c": 2}]')) == ['{"a": 1 "b"}', "7", "[8]"]
    deep = b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    assert texts(rows_of_array(b"[" + deep + b',{"c": 2}]')) == [deep.decode()]
    for content in (b'[{"a": 1},]', b'[{"a": 1}', b'[{"a": 1}] x', b'[{"a": 1}}', b"[{}:{}]"):
        with pytest.raises(BrokenFile):
            rows_of_array(content)
    with pytest.raises(BrokenFile):
        rows_of_array(b"[" * 100_000, "users.item")


# What is no file of rows.


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_file_in_another_encoding_is_told_as_such(encoding: str, mark: str) -> None:
    content = f"{mark}email\nada@example.com\n".encode(encoding)
    if mark or "16" in encoding:
        with pytest.raises(BrokenFile, match=encoding[:6].upper()):
            open_content(io.BufferedReader(io.BytesIO(content)))
