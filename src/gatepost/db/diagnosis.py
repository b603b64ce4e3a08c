"""Describes databases and explains their failures to operators, without secrets."""

import re
import socket
import sqlite3
import ssl
from collections.abc import Iterator

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gatepost.tls_failures import NO_TLS, explain_tls_failure

_BY_TYPE: dict[type[BaseException], str] = {
    ConnectionRefusedError: "nothing listens there",
    socket.gaierror: "its host's name leads nowhere",
    ConnectionError: "it closes the connection",  # raised by PostgreSQL's driver
    ConnectionResetError: "it closes the connection",
    TimeoutError: "it does not answer in time",
    FileNotFoundError: "there is no such socket, or no such file of certificates",
    PoolTimeout: "every connection to it is in use",
}

_TOO_SLOW = "a statement took longer than DATABASE_STATEMENT_TIMEOUT_SECONDS"
_READ_ONLY = "it may only be read"
_FULL = "its disk is full"
_NO_CONNECTION = "it has no connection left"
_NO_RIGHT = "this user lacks the right to it"

# PostgreSQL's SQLSTATE and MariaDB's error number.
_BY_CODE = {
    "28000": "it refuses the user",
    "3F000": "its search_path names no schema that is there",
    "42P07": "what is to be made is there already",
    "42704": "what is looked for is not there",
    "28P01": "it refuses the user or the password",
    "3D000": "it has no database of that name",
    "25006": _READ_ONLY,
    "25P03": "a transaction was idle for longer than DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS",
    "53100": _FULL,
    "53200": "it has no memory left",
    "53300": _NO_CONNECTION,
    "57014": _TOO_SLOW,
    "42501": _NO_RIGHT,
    "1021": _FULL,
    "1040": _NO_CONNECTION,
    "1044": "it refuses the user",
    "1045": "it refuses the user or the password",
    "1050": "what is to be made is there already",
    "1071": "its pages are too small for our keys: innodb_page_size is to be 16k",
    "1129": "it has blocked this host after too many failures",
    "1130": "it lets nobody in from this host",
    "1227": _NO_RIGHT,
    "1251": "it wants a way to log in that our driver does not know",
    "1820": "the user's password has expired",
    "1862": "the user's password has expired",
    "3118": "the user's account is locked",
    "4151": "the user's account is locked",
    "1047": "its node is cut off from its cluster",
    "1049": "it has no database of that name",
    "1114": "a table or its disk is full",
    "1142": _NO_RIGHT,
    "1143": _NO_RIGHT,
    "1203": _NO_CONNECTION,
    "1205": "a lock was held for longer than DATABASE_STATEMENT_TIMEOUT_SECONDS",
    "1226": _NO_CONNECTION,
    "1290": _READ_ONLY,
    "1698": "it refuses the user or the password",
    "1792": _READ_ONLY,
    "1836": _READ_ONLY,
    "1969": _TOO_SLOW,
    "3024": _TOO_SLOW,
}

# Errors whose message adds a detail, such as a right, a name or an address, but no value of a row.
_SHOWN_CODES = {
    *("28000", "3D000", "3F000", "42501", "42P07", "42704", "53300", "57P03", "08P01"),
    *("1044", "1049", "1050", "1130", "1142", "1143", "1227"),
}

_TRANSIENT_TYPES = (ConnectionError, TimeoutError, FileNotFoundError, socket.gaierror)

# SQLSTATE classes: connection exception, insufficient resources. SQLSTATEs: lock not available,
# deadlock, serialisation failure, shutdown, time-outs, read-only transaction.
_TRANSIENT_CLASSES = ("08", "53")
_TRANSIENT_SQLSTATES = frozenset(
    {"55P03", "40P01", "40001", "57P01", "57P02", "57P03", "57014", "25P03", "25006"}
)
_TRANSIENT_MYSQL_CODES = frozenset(
    {1020, 1021, 1040, 1047, 1053, 1114, 1203, 1205, 1213, 1226, 1290, 1792, 1836, 1927, 1969}
    | {2002, 2003, 2006, 2013, 3024}
)

# The server starts or stops, has no connection left, or does not listen yet.
_STARTING_CODES = {"57P03", "53300", "1040", "1053", "2002", "2003", "2013"}

# The server was demoted or left its cluster: existing connections to it stay useless.
_INVALIDATING_CODES = {"25006", "1047", "1290", "1792", "1836"}

# Conflicts with another transaction: a deadlock, a lock time-out, a row that has changed.
_CONFLICT_CODES = {"40P01", "40001", "55P03", "1213", "1205", "1020"}

# The object to create exists, the object to drop does not, or the object to read is being created
# (1684).
_DONE_CODES = {"42P07", "42710", "23505"} | {
    *("1005", "1017", "1050", "1051", "1054", "1060", "1061", "1062", "1068", "1091", "1146"),
    *("1684", "1826"),
}

_BY_SQLITE_CODE = {
    sqlite3.SQLITE_BUSY: "another program keeps the file locked",
    sqlite3.SQLITE_LOCKED: "another connection keeps a table locked",
    sqlite3.SQLITE_INTERRUPT: _TOO_SLOW,
    sqlite3.SQLITE_READONLY: "the file may only be read",
    sqlite3.SQLITE_IOERR: "the file cannot be read or written, or may grow no more",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "the file's locks are in disorder",
    sqlite3.SQLITE_NOTADB: "the file is something else",
}

# Errors of another user of the file or of its disk, not of the file itself.
_TRANSIENT_SQLITE_CODES = frozenset(_BY_SQLITE_CODE) - {sqlite3.SQLITE_NOTADB}

# A connection keeps the file as it was opened: only a new connection sees that it is usable again.
_INVALIDATING_SQLITE_CODES = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR})


def describe_database(url: URL) -> str:
    """The kind, name and location of a database, without user and password."""
    if url.get_backend_name() == "sqlite":
        return f"the SQLite file {url.database}"
    kind = "PostgreSQL" if url.get_backend_name() == "postgresql" else "MariaDB"
    place = url.host or url.query.get("host") or url.query.get("unix_socket") or "localhost"
    return f"the {kind} database {url.database} on {place}{f':{url.port}' if url.port else ''}"


def explain_failure(error: Exception) -> str:
    """Why a connection failed, as the end of a sentence that begins with the database."""
    chain = list(_chain(error))
    for each in chain:
        known = _by_tls(each) or _BY_TYPE.get(type(each)) or _by_code(each) or _by_sqlite(each)
        if known:
            return known
    cause = next((each for each in chain if _code(each)), chain[-1])
    answer = f"it answers with {type(cause).__name__} {_code(cause)}".rstrip()
    # The message of a statement's error may contain values of a row; that of a connection does not.
    is_of_a_statement = any(getattr(each, "statement", None) for each in chain)
    words = "" if is_of_a_statement else _words(cause)
    return f"{answer} ({words})" if words else answer


def _by_code(error: BaseException) -> str | None:
    """The meaning of the error's code, with the server's message if it adds a detail."""
    code = _code(error)
    known = (_by_refusal(error) if code == "28000" else None) or _BY_CODE.get(code)
    words = _words(error) if code in _SHOWN_CODES else ""
    return f"{known} ({words})" if known and words else known


def _by_refusal(error: BaseException) -> str | None:
    """The reason for PostgreSQL's code 28000, if it is not the user."""
    text = str(error.args[-1]) if error.args else ""
    if "client certificate" in text:
        return "it demands a client's certificate: name it by sslcert and sslkey in the URL"
    if "pg_hba.conf" in text:
        return "its pg_hba.conf does not let this connection in"
    return None


def _by_tls(error: BaseException) -> str | None:
    """Why TLS failed."""
    if isinstance(error, ssl.SSLError):
        return explain_tls_failure(error)
    text = str(error.args[-1]) if error.args else ""
    if "root certificate file" in text:
        return f"the file of its authority's certificate cannot be read ({_words(error)})"
    return NO_TLS if _REFUSES_TLS.search(text) else None


_REFUSES_TLS = re.compile(r"rejected SSL upgrade|SSL is required but the server doesn't support it")

_MOST_WORDS = 200

# SQLAlchemy puts the type of the driver's error before the message.
_OF_SQLALCHEMY = re.compile(r"^\([\w.]+\) ")


def _words(error: BaseException) -> str:
    """Return the message of the server or of the driver, in one line."""
    text = " ".join(str(error.args[-1] if error.args else "").split())
    text = _OF_SQLALCHEMY.sub("", text)
    return text[:_MOST_WORDS].rstrip(".")


def is_starting_up(error: Exception) -> bool:
    """Whether the failure may be that of a server that is still starting."""
    return any(
        isinstance(each, _TRANSIENT_TYPES) or _code(each) in _STARTING_CODES
        for each in _chain(error)
    )


def is_transaction_conflict(error: Exception) -> bool:
    """Whether a transaction failed by a conflict with another one, so that a retry may succeed."""
    return any(
        _code(each) in _CONFLICT_CODES
        or getattr(each, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY_SNAPSHOT
        for each in _chain(error)
    )


def was_done_by_another(error: Exception) -> bool:
    """Whether a change of the schema failed because another process makes the same change."""
    return any(_code(each) in _DONE_CODES | _CONFLICT_CODES for each in _chain(error))


def is_transient(error: Exception) -> bool:
    """Whether the error may pass: the database is unreachable, locked, full or exhausted.

    False for errors of our statements.
    """
    return (
        isinstance(error, PoolTimeout)
        or (isinstance(error, OSError) and _is_of_a_connection(error))
        or (isinstance(error, DBAPIError) and _has_transient_code(error))
    )


def invalidates_connection(error: BaseException | None) -> bool:
    """Whether the connection would keep failing after the database has recovered."""
    if error is None:
        return False
    return (
        isinstance(error, TimeoutError)  # the server is gone or hangs
        or _sqlite_code(error) in _INVALIDATING_SQLITE_CODES
        or any(_code(each) in _INVALIDATING_CODES for each in _chain(error))
    )


def _is_of_a_connection(error: OSError) -> bool:
    """Whether it is an error of a connection: unlike those of files, it has no file name."""
    return error.filename is None


def _has_transient_code(error: DBAPIError) -> bool:
    cause = error.orig
    sqlstate = getattr(cause, "sqlstate", None)
    code = cause.args[0] if cause is not None and cause.args else None
    return (
        error.connection_invalidated
        or sqlstate in _TRANSIENT_SQLSTATES
        or (isinstance(sqlstate, str) and sqlstate.startswith(_TRANSIENT_CLASSES))
        or code in _TRANSIENT_MYSQL_CODES
        or _sqlite_code(cause) in _TRANSIENT_SQLITE_CODES
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, the driver's own before SQLAlchemy's."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    yield from seen


def _code(error: BaseException) -> str:
    """PostgreSQL's SQLSTATE or MariaDB's error number; empty if there is neither."""
    if error.args and isinstance(error.args[0], int):
        return str(error.args[0])
    return str(getattr(error, "sqlstate", None) or "")


def _by_sqlite(error: BaseException) -> str | None:
    return _BY_SQLITE_CODE.get(_sqlite_code(error))


def _sqlite_code(error: BaseException | None) -> int:
    """SQLite's primary result code, the low byte of an extended one; 0 if there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
