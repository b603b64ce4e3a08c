"""Reads where Redis is: the URL of a server, or of the sentinels that know which one is."""

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_NETWORK_SCHEMES = {"redis", "rediss", "valkey", "valkeys"}
_SENTINEL = "+sentinel"
_SENTINEL_PORT = 26379
_QUERY = {"sentinel_username", "sentinel_password"}


class Watched(NamedTuple):
    """A server that sentinels watch over, by the name that they have for it."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None
    sentinel_username: str | None
    sentinel_password: str | None
    is_encrypted: bool


def names_a_server(url: str) -> bool:
    """Whether it can be used."""
    try:
        parts = urlsplit(url)
        if parts.scheme.endswith(_SENTINEL):
            return _read(parts) is not None
        _ = parts.port  # parsed when asked for
    except ValueError:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    return parts.scheme in _NETWORK_SCHEMES and bool(parts.hostname)


def read_watched(url: str) -> Watched | None:
    """`redis+sentinel://:password@a:26379,b:26379/service/0`; None for any other kind of URL."""
    parts = urlsplit(url)
    return _read(parts) if parts.scheme.endswith(_SENTINEL) else None


def _read(parts: SplitResult) -> Watched | None:
    """Raises `ValueError` for a number that is none."""
    scheme = parts.scheme.removesuffix(_SENTINEL)
    service, _, database = parts.path.removeprefix("/").partition("/")
    sentinels = tuple(
        _address(each) for each in parts.netloc.rpartition("@")[2].split(",") if each.strip()
    )
    query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    if scheme not in _NETWORK_SCHEMES or not service or not sentinels or query.keys() - _QUERY:
        return None
    if database and not database.isdecimal():
        return None
    return Watched(
        sentinels,
        unquote(service),
        int(database or "0"),
        _unquoted(parts.username),
        _unquoted(parts.password),
        query.get("sentinel_username", [None])[-1],
        query.get("sentinel_password", [None])[-1],
        is_encrypted=scheme in {"rediss", "valkeys"},
    )


def _address(text: str) -> tuple[str, int]:
    one = urlsplit(f"//{text.strip()}")
    if not one.hostname:
        raise ValueError
    return one.hostname, one.port or _SENTINEL_PORT


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else None
