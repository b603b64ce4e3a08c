"""Finds a request's client address: the nearest hop that is not one of the trusted proxies."""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from gatepost.settings.protection import UNIX, Proxies
from gatepost.web.headers import all_of

_KEPT_AS = "gatepost.client_address"
_FORWARDED = b"x-forwarded-for"
_SIGNS_OF_A_UNIX_SOCKET = ("unix:", "/")

_MOST_HOPS = 1024
_LONGEST_HOP = 64
"""In bytes: enough for an IPv6 address with zone, brackets and port."""


def client_address(scope: Scope, trusted_proxies: Proxies) -> str | None:
    """The client's address; None if the server does not know it.

    `X-Forwarded-For` is read from its right end, where each proxy appends its peer's address, and
    only as far as the proxies are trusted: text that the client wrote stands further left.
    """
    # Cached in the scope, not in its `state`: some servers keep that for a whole connection.
    kept: tuple[Proxies, str | None] | None = scope.get(_KEPT_AS)
    # Another instance in the same host may trust others.
    if kept is None or kept[0] is not trusted_proxies:
        kept = scope[_KEPT_AS] = trusted_proxies, _find(scope, trusted_proxies)
    return kept[1]


def comes_by_unix_socket(scope: Scope) -> bool:
    """Whether the request came by a Unix socket, so that the peer has no address."""
    peer = scope.get("client")
    return not peer or not peer[0] or peer[0].startswith(_SIGNS_OF_A_UNIX_SOCKET)


def _find(scope: Scope, trusted_proxies: Proxies) -> str | None:
    if not trusted_proxies:
        return None if comes_by_unix_socket(scope) else _written(scope["client"][0])
    nearest = None
    for hop in _backwards(scope):
        if hop == UNIX:
            if UNIX not in trusted_proxies:
                break
            continue
        parsed = _read(hop)
        if parsed is None:
            break  # not an address, so the proxy that wrote it is the last known hop
        nearest = parsed
        if not _is_trusted(nearest, trusted_proxies):
            break
    return None if nearest is None else str(nearest)


def _backwards(scope: Scope) -> Iterator[str]:
    """The peer, and then the hops of `X-Forwarded-For` from right to left."""
    yield UNIX if comes_by_unix_socket(scope) else scope["client"][0]
    lines = all_of(scope, _FORWARDED)
    if not lines:
        return
    for hop in reversed(b",".join(lines).rsplit(b",", _MOST_HOPS)[-_MOST_HOPS:]):
        if len(hop) > _LONGEST_HOP:
            return  # not an address; too long for the cache
        # nginx writes this for a peer that came by a Unix socket.
        yield UNIX if hop.strip() == b"unix:" else hop.decode("latin-1")


def _is_trusted(address: IPv4Address | IPv6Address, trusted_proxies: Proxies) -> bool:
    return any(network != UNIX and address in network for network in trusted_proxies)


@lru_cache(maxsize=16384)
def _written(hop: str) -> str | None:
    address = _read(hop)
    return None if address is None else str(address)


@lru_cache(maxsize=16384)
def _read(hop: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, with or without port and brackets; an IPv4-mapped one becomes IPv4."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
