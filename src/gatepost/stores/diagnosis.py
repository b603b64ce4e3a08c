"""Explains the failures of a Redis to operators, without secrets."""

import re
import socket
import ssl
from collections.abc import Iterator

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterError,
    InvalidResponse,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
)

from gatepost.tls_failures import explain_tls_failure

CLUSTER = "it is a Redis Cluster, which Gatepost does not work with: use one Redis, or sentinels"

_LACKS_A_RIGHT = r"NOPERM|[Nn]o permissions|can't access|can't run this command"
_LACKS_A_COMMAND = "unknown command"

# By the words of an error of the server or of its client.
_BY_WORDS = (
    (r"WRONGPASS|invalid username-password|invalid password", "it refuses the user or password"),
    (
        r"NOAUTH|Authentication required|already authenticated",
        "it wants a password, and REDIS_URL has none",
    ),
    (r"without any password configured", "it has no password, but REDIS_URL names one"),
    (_LACKS_A_RIGHT, "its user lacks a right"),
    (r"DB index is out of range|invalid DB index", "it has no database of that number"),
    (r"not allowed in cluster mode|SELECT is not allowed|hash to the same slot", CLUSTER),
    (r"protected mode", "it is in protected mode, and lets in nobody from another host"),
    (r"loading the dataset", "it is still loading its data"),
    (r"MISCONF", "it cannot save its data, and so takes no writes"),
    (r"max number of clients", "it has no connection left"),
    (_LACKS_A_COMMAND, "it lacks a command that Gatepost needs"),
    (
        r"No master found for .* : ",
        "its sentinels do not answer, or those that do name no primary of that name",
    ),
    (r"No master found", "no sentinel names a primary of that name"),
    (r"Protocol Error|unknown 'HELLO'|NOPROTO", "it does not speak Redis's protocol"),
)

# The client raises these as types of their own, without the server's error code.
_BY_KIND: tuple[tuple[type[BaseException], str], ...] = (
    (ClusterError, CLUSTER),
    (AskError, CLUSTER),  # also the base class of the error for MOVED
    (BusyLoadingError, "it is still loading its data"),
    (ReadOnlyError, "it may only be read: it is a replica"),
    (MasterDownError, "it is a replica that has lost its primary"),
    (OutOfMemoryError, "its memory is full"),
    (InvalidResponse, "it does not speak Redis's protocol"),
)

_BY_TYPE: dict[type[BaseException], str] = {
    ConnectionRefusedError: "nothing listens there",
    socket.gaierror: "its host's name leads nowhere",
    FileNotFoundError: "there is no such socket, or no such file of certificates",
    PermissionError: "its socket, or a file of certificates, may not be opened",
    # A Redis without TLS takes the handshake for a command, and waits for its end.
    TimeoutError: (
        "it does not answer in time (REDIS_TIMEOUT_MILLISECONDS); if the URL demands TLS, its port "
        "may offer none"
    ),
}

# Errors whose own text names the missing right, command or channel, and is shown too.
_SHOWN = re.compile(f"{_LACKS_A_RIGHT}|{_LACKS_A_COMMAND}")
_MOST_CHARACTERS = 160

# The error for an unknown command repeats its arguments, such as the password of AUTH.
_ARGUMENTS = re.compile(r",? with args beginning with.*")


def explain_redis_failure(error: BaseException) -> str:
    """Why a command failed, as the end of a sentence that begins with Redis."""
    chain = list(_chain(error))
    for explain in (_by_tls, _by_answer, _by_type, _by_closed_connection):
        if known := next(filter(None, map(explain, chain)), None):
            return known
    return f"it answers with {type(error).__name__}"


def is_of_a_cluster(error: BaseException) -> bool:
    """Whether the error comes from a node of a Redis Cluster."""
    return any(_by_answer(each) == CLUSTER for each in _chain(error))


def _by_tls(error: BaseException) -> str | None:
    return explain_tls_failure(error) if isinstance(error, ssl.SSLError) else None


def _by_closed_connection(error: BaseException) -> str | None:
    if re.search("closed|reset", str(error), re.IGNORECASE):
        return (
            "it closes the connection: its port may want TLS or a client's certificate, or be of "
            "another kind of server"
        )
    return None


def _by_answer(error: BaseException) -> str | None:
    for kind, known in _BY_KIND:
        if isinstance(error, kind):
            return known
    words = " ".join(str(error).split())
    for pattern, known in _BY_WORDS:
        if re.search(pattern, words):
            shown = _ARGUMENTS.sub("", words)[:_MOST_CHARACTERS]
            return f"{known} ({shown})" if _SHOWN.search(words) else known
    return None


def _by_type(error: BaseException) -> str | None:
    # redis-py has a TimeoutError of its own.
    if type(error).__name__ == "TimeoutError":
        return _BY_TYPE[TimeoutError]
    return next((known for kind, known in _BY_TYPE.items() if isinstance(error, kind)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    yield from seen
