"""Parses `REDIS_URL`: the URL of a server, or of the sentinels that name the primary."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_NETWORK_SCHEMES = {"redis", "rediss", "valkey", "valkeys"}
_ENCRYPTED_SCHEMES = {"rediss", "valkeys"}
_SENTINEL = "+sentinel"
_SENTINEL_PORT = 26379
_QUERY = {"sentinel_username", "sentinel_password"}

# The parameters of a connection, and the forms of their values.
_NUMBER, _SECONDS, _TEXT = re.compile(r"\d+"), re.compile(r"\d+(\.\d+)?"), re.compile(r".+")
_PARAMETERS = {
    **dict.fromkeys(("db", "health_check_interval", "max_connections"), _NUMBER),
    **dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _SECONDS),
    **dict.fromkeys(("username", "password", "client_name", "retry_on_timeout"), _TEXT),
}
_OF_TLS = {
    "ssl_min_version": _NUMBER,
    **dict.fromkeys(("ssl_cert_reqs", "ssl_check_hostname", "ssl_ciphers"), _TEXT),
    **dict.fromkeys(("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data"), _TEXT),
    **dict.fromkeys(("ssl_certfile", "ssl_keyfile", "ssl_password"), _TEXT),
}


class SentinelUrl(NamedTuple):
    """The sentinels, and the name under which they monitor a server."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None
    sentinel_username: str | None
    sentinel_password: str | None
    is_encrypted: bool


def names_a_server(url: str) -> bool:
    """Whether the URL can be used."""
    try:
        parts = urlsplit(url)
        if parts.scheme.endswith(_SENTINEL):
            return _read(parts) is not None
        _ = parts.port  # parsed on access, which raises `ValueError`
    except ValueError:
        return False
    if not _takes_parameters(parts):
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    if not re.fullmatch(r"/?\d*", parts.path):
        return False  # the path is not the number of a database
    return parts.scheme in _NETWORK_SCHEMES and bool(parts.hostname)


def _takes_parameters(parts: SplitResult) -> bool:
    """Whether a connection accepts all parameters, which the client checks only on connecting."""
    is_encrypted = parts.scheme in _ENCRYPTED_SCHEMES
    known = {**_PARAMETERS, **_OF_TLS} if is_encrypted else _PARAMETERS
    given = parse_qs(parts.query, keep_blank_values=True)
    return all(
        name in known and all(known[name].fullmatch(value) for value in values)
        for name, values in given.items()
    )


def read_sentinel_url(url: str) -> SentinelUrl | None:
    """Parse `redis+sentinel://:password@a:26379,b:26379/service/0`; None for any other scheme."""
    parts = urlsplit(url)
    return _read(parts) if parts.scheme.endswith(_SENTINEL) else None


def _read(parts: SplitResult) -> SentinelUrl | None:
    """Parse the URL; None if it is invalid, `ValueError` for an invalid number."""
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
    return SentinelUrl(
        sentinels,
        unquote(service),
        int(database or "0"),
        _unquoted(parts.username),
        _unquoted(parts.password),
        query.get("sentinel_username", [None])[-1],
        query.get("sentinel_password", [None])[-1],
        is_encrypted=scheme in _ENCRYPTED_SCHEMES,
    )


def _address(text: str) -> tuple[str, int]:
    one = urlsplit(f"//{text.strip()}")
    if not one.hostname:
        raise ValueError
    return one.hostname, one.port or _SENTINEL_PORT


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else None
