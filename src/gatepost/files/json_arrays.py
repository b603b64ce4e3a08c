"""Reads the rows of an array inside a JSON document of any size, in little memory."""

import re
from collections.abc import Iterator
from enum import Enum, auto

from pydantic_core import from_json

from gatepost.files.content import Content
from gatepost.files.lines import row_of
from gatepost.files.rows import LONGEST_PIECE, BrokenFile, Row

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(rb"\s*+([\[\]{},:]|" + _STRING + rb'|[^\s\[\]{},:"]++)', re.DOTALL)
_SPACE = re.compile(rb"\s*+")
_PLAIN = rb'[^"{}\[\]]++|' + _STRING
_TO_A_BRACKET = re.compile(rb"(?:" + _PLAIN + rb")*+", re.DOTALL)


def _brackets(depth: int) -> bytes:
    inside = _PLAIN if depth == 1 else _PLAIN + rb"|" + _brackets(depth - 1)
    return rb"[{\[](?:" + inside + rb")*+[}\]]"


# Nearly every row is this shallow: one match finds its end.
_SHALLOW = re.compile(_brackets(5), re.DOTALL)

_SIGNS = (b"[", b"]", b"{", b"}", b",", b":")
_OPENING = b"{["
_QUOTE = ord('"')
_DEEPEST = 1_000

_ITEM = "item"
_NAMED = "."
_NO_JSON = "cannot be read any further: it is not JSON"
_NOT_WHOLE = "cannot be read to its end: its JSON is incomplete"
_TOO_WIDE = f"cannot be read any further: something in it has more than {LONGEST_PIECE} bytes"


def json_items(content: Content, path: str, *, needs_array: bool = True) -> Iterator[Row]:
    """The objects at `path`, such as `users.item`; raises `BrokenFile`.

    A syntax error inside an object makes only that one unreadable. If brackets do not match, the
    beginning of the next object is unknown, and the rows end there.
    """
    document = _Document(_Cursor(content), path)
    yield from document.rows()
    if needs_array and not document.has_array:
        raise BrokenFile(f"has no array of users (at {path})")


class _Expected(Enum):
    """The tokens that the JSON syntax allows next."""

    VALUE = auto()
    FIRST_VALUE = auto()
    NAME = auto()
    FIRST_NAME = auto()
    MORE = auto()


_NAMES = (_Expected.NAME, _Expected.FIRST_NAME)
_VALUES = (_Expected.VALUE, _Expected.FIRST_VALUE)


class _Document:
    """A position in the document: the names of the open objects and arrays, outermost first."""

    def __init__(self, cursor: "_Cursor", path: str) -> None:
        self._cursor = cursor
        self._wanted = [_ITEM if name == _ITEM else _NAMED + name for name in path.split(".")]
        self._open: list[str] = []
        self.has_array = False

    def rows(self) -> Iterator[Row]:
        """The items of all such arrays, also of documents that follow the first."""
        yield from self._rows_of_one()
        while not self._cursor.is_at_the_end():
            had_array, self.has_array = self.has_array, False
            is_document = self._cursor.is_next(b"{") or self._cursor.is_next(b"[")
            if is_document:
                yield from self._rows_of_one()
            if not is_document or (had_array and not self.has_array):
                raise BrokenFile("has something else after the end of its JSON")

    def _rows_of_one(self) -> Iterator[Row]:
        expected = _Expected.VALUE
        while self._open or expected is not _Expected.MORE:
            if self._open == self._wanted and self._has_row_next(expected):
                yield row_of(self._cursor.value())
                expected = _Expected.MORE
            else:
                expected = self._step(expected, self._cursor.token())

    def _has_row_next(self, expected: _Expected) -> bool:
        self.has_array = True
        if expected is _Expected.MORE:  # a missing comma between rows is tolerated
            return self._cursor.is_next(b"{")
        return not self._cursor.is_next(b"]")

    def _step(self, expected: _Expected, token: bytes) -> _Expected:
        """Consume a token outside the rows."""
        following = None
        if token in (b"]", b"}"):
            following = self._close(expected, token)
        elif expected is _Expected.MORE and token == b",":
            following = _Expected.VALUE if self._open[-1] == _ITEM else _Expected.NAME
        elif expected in _NAMES and token.startswith(b'"'):
            self._open[-1] = _NAMED + _text(token)
            following = _Expected.VALUE if self._cursor.token() == b":" else None
        elif expected in _VALUES:
            following = self._begin(token)
        if following is None:
            raise BrokenFile(_NO_JSON)
        return following

    def _close(self, expected: _Expected, token: bytes) -> _Expected | None:
        if expected in (_Expected.VALUE, _Expected.NAME):
            return None
        is_array = self._open.pop() == _ITEM
        return _Expected.MORE if is_array == (token == b"]") else None

    def _begin(self, token: bytes) -> _Expected | None:
        if token == b"[":
            self._enter(_ITEM)
            return _Expected.FIRST_VALUE
        if token == b"{":
            self._enter(_NAMED)
            return _Expected.FIRST_NAME
        return None if token in _SIGNS else _Expected.MORE

    def _enter(self, name: str) -> None:
        if len(self._open) > _DEEPEST:
            raise BrokenFile(_NO_JSON)
        self._open.append(name)


def _text(token: bytes) -> str:
    try:
        return str(from_json(token))
    except ValueError:
        raise BrokenFile(_NO_JSON) from None


class _Cursor:
    """A position in the content, with a buffer of what follows."""

    def __init__(self, content: Content) -> None:
        self._pieces = content.pieces()
        self._text = b""
        self._at = 0

    def token(self) -> bytes:
        """The next bracket, separator, string or word."""
        while True:
            found = _TOKEN.match(self._text, self._at)
            if found is not None and found.end() < len(self._text):
                break
            if not self._fill():
                break
        if found is None:
            raise BrokenFile(_NOT_WHOLE)
        self._at = found.end()
        return found[1]

    def value(self) -> bytes:
        """The text of the next value, up to its closing bracket; its content is not checked."""
        if not (self.is_next(b"{") or self.is_next(b"[")):
            token = self.token()
            if token in _SIGNS:
                raise BrokenFile(_NO_JSON)
            return token
        found = _SHALLOW.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            return found[0]
        return self._deep_value()

    def _deep_value(self) -> bytes:
        """The text of a value of any depth, which may reach beyond the buffer."""
        depth, end = 0, self._at
        while True:
            found = _TO_A_BRACKET.match(self._text, end)
            end = end if found is None else found.end()
            if end == len(self._text) or self._text[end] == _QUOTE:
                end -= self._at
                if not self._fill():
                    raise BrokenFile(_NOT_WHOLE)
                continue
            depth += 1 if self._text[end] in _OPENING else -1
            end += 1
            if depth == 0:
                value, self._at = self._text[self._at : end], end
                return value

    def is_next(self, sign: bytes) -> bool:
        """Whether `sign` comes next, after whitespace."""
        self._skip_space()
        return self._text.startswith(sign, self._at)

    def is_at_the_end(self) -> bool:
        self._skip_space()
        return self._at == len(self._text)

    def _skip_space(self) -> None:
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = self._at if found is None else found.end()
            if self._at < len(self._text) or not self._fill():
                return

    def _fill(self) -> bool:
        """Add a piece to what is left of the buffer; False at the end."""
        if len(self._text) - self._at > LONGEST_PIECE:
            raise BrokenFile(_TOO_WIDE)
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._text, self._at = self._text[self._at :] + piece, 0
        return True
