"""Reads the bytes of a file of rows, decompressed, and recognizes files that have none."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from gatepost.files.rows import BrokenFile, ByteCounter

_PIECE = 256 * 1024
_LOOKED_AT = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"

_SAVE_AS_CSV = "save it as CSV in UTF-8"
_OTHERWISE_PACKED = "is compressed in another way than gzip: decompress it"
_GIVE_THE_URL = "give the URL of the database"

_BY_BEGINNING = {
    b"PK\x03\x04": f"is a ZIP archive, as .xlsx is one: unpack it, or {_SAVE_AS_CSV}",
    b"PK\x05\x06": "is an empty ZIP archive",
    b"\xd0\xcf\x11\xe0": f"is an Excel file: {_SAVE_AS_CSV}",
    b"SQLite format 3\0": "is an SQLite database: give it as sqlite:///PATH, with --from",
    b"PGDMP": f"is a dump of PostgreSQL's: restore it, and {_GIVE_THE_URL}",
    _GZIP: "is compressed twice: decompress it once",
    b"BZh": _OTHERWISE_PACKED,
    b"\xfd7zXZ\0": _OTHERWISE_PACKED,
    b"\x28\xb5\x2f\xfd": _OTHERWISE_PACKED,
    b"7z\xbc\xaf\x27\x1c": _OTHERWISE_PACKED,
    b"%PDF-": "is a PDF",
}

_UTF16 = "cannot be read: it is in UTF-16, save it as UTF-8"
_UTF32 = "cannot be read: it is in UTF-32, save it as UTF-8"
_WIDE_BOMS = {
    b"\xff\xfe\0\0": _UTF32,
    b"\0\0\xfe\xff": _UTF32,
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
}
_SAMPLE = 512
_LEAST_SAMPLE = 16

_SQL = re.compile(
    rb"\s*(?:--|/\*|(?:INSERT\s+INTO|REPLACE\s+INTO|CREATE\s+(?:TABLE|DATABASE|SCHEMA|TYPE)|DROP\s+TABLE"
    rb"|COPY\s[^\n]*\sFROM\s+stdin|SET\s+[\w.@]+\s*=|PRAGMA\s|BEGIN\s*;|BEGIN\s+TRANSACTION"
    rb"|START\s+TRANSACTION|LOCK\s+TABLES|USE\s+`))",
    re.IGNORECASE,
)


class Content:
    """The content of an open file, a piece at a time."""

    def __init__(self, file: BinaryIO, bytes_read: ByteCounter | None = None) -> None:
        """Read the beginning, decompressed if it is gzip."""
        self._bytes_read = bytes_read or ByteCounter()
        self._broken: BrokenFile | None = None
        self._file: Any = file  # a buffered file, which has `read1`
        beginning = self._begin()
        if beginning.startswith(_GZIP):
            self._file = _gunzipped(beginning, file)
            beginning = self._begin()
        self.beginning = beginning.removeprefix(_BOM)
        """Up to 64 KiB, without a byte order mark."""

    def pieces(self) -> Iterator[bytes]:
        """The whole content, once; raises `BrokenFile` if it cannot be read to its end."""
        piece = self.beginning
        while piece:
            self._bytes_read.count += len(piece)
            yield piece
            piece = b"" if self._broken is not None else self._read()
        if self._broken is not None:
            raise self._broken

    def _begin(self) -> bytes:
        beginning = b""
        try:
            while len(beginning) < _LOOKED_AT and (piece := self._read()):
                beginning += piece
        except BrokenFile as broken:
            self._broken = broken  # raised by `pieces`, behind what came before
        return beginning

    def _read(self) -> bytes:
        try:
            # Not `read`, which loses the bytes before an error.
            piece: bytes = self._file.read1(_PIECE)
        except EOFError:
            raise BrokenFile("cannot be read to its end: the gzip is incomplete") from None
        except gzip.BadGzipFile as error:
            if str(error).startswith("Not a gzipped file"):
                raise BrokenFile("has something else after the end of its gzip") from None
            raise BrokenFile("cannot be read to its end: the gzip is damaged") from None
        except zlib.error:
            raise BrokenFile("cannot be read to its end: the gzip is damaged") from None
        return piece


def open_content(file: BinaryIO, bytes_read: ByteCounter | None = None) -> Content:
    """The content of a file; raises `BrokenFile` if its first bytes are of another kind of file."""
    content = Content(file, bytes_read)
    reason = _describe_binary(content.beginning)
    if reason is not None:
        raise BrokenFile(reason)
    return content


def describe_non_rows(beginning: bytes) -> str | None:
    """The reason for a `BrokenFile` if a text is neither JSON nor CSV; None if it may be."""
    if beginning.lstrip().startswith(b"<"):
        return "is HTML or XML"
    return (
        f"is SQL: load it into a database, and {_GIVE_THE_URL}" if _SQL.match(beginning) else None
    )


def _describe_binary(beginning: bytes) -> str | None:
    for marks in (_BY_BEGINNING, _WIDE_BOMS):
        for mark, reason in marks.items():
            if beginning.startswith(mark):
                return reason
    return _UTF16 if _is_wide(beginning[:_SAMPLE]) else None


def _is_wide(sample: bytes) -> bool:
    """Whether it looks like UTF-16 without a mark: NULs in every other byte, and nowhere else."""
    halves = sorted((sample[::2].count(0), sample[1::2].count(0)))
    half = len(sample) // 2
    return len(sample) >= _LEAST_SAMPLE and halves[0] == 0 and halves[1] >= half * 0.9


def _gunzipped(beginning: bytes, rest: Any) -> gzip.GzipFile:  # noqa: ANN401 - see `Content`
    return gzip.GzipFile(fileobj=io.BufferedReader(_Rejoined(beginning, rest)))


class _Rejoined(io.RawIOBase):
    """A file whose beginning has been read already: that, and then the rest."""

    def __init__(self, beginning: bytes, rest: Any) -> None:  # noqa: ANN401 - see `Content`
        self._beginning = io.BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        piece = self._beginning.read(len(buffer)) or self._rest.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
