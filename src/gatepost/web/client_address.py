"""Whom a request comes from: the nearest hop on its way that is not one of our own proxies."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

Networks = Sequence[IPv4Network | IPv6Network]

_KEPT_AS = "client_address"
_FORWARDED = b"x-forwarded-for"


def client_address(scope: Scope, trusted_proxies: Networks) -> str | None:
    """The client's address; None where the server does not tell of any.

    `X-Forwarded-For` is read from its right end, where each proxy adds whom it was called by, and
    only as far as the proxies are trusted: what a client writes into it stands further left.
    """
    state = scope.setdefault("state", {})
    if _KEPT_AS not in state:
        state[_KEPT_AS] = _find(scope, trusted_proxies)
    address: str | None = state[_KEPT_AS]
    return address


def _find(scope: Scope, trusted_proxies: Networks) -> str | None:
    peer = scope.get("client")
    if not peer:
        return None
    return _written(peer[0]) if not trusted_proxies else _follow(scope, peer[0], trusted_proxies)


def _follow(scope: Scope, peer: str, trusted_proxies: Networks) -> str | None:
    nearest = _read(peer)
    if nearest is None:
        return None
    for hop in reversed(_hops(scope)):
        if not _is_trusted(nearest, trusted_proxies):
            break
        parsed = _read(hop)
        if parsed is None:
            break  # no address, so the proxy that wrote it is the last that we know
        nearest = parsed
    return str(nearest)


def _hops(scope: Scope) -> list[str]:
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == _FORWARDED]
    return ",".join(lines).split(",") if lines else []


def _is_trusted(address: IPv4Address | IPv6Address, trusted_proxies: Networks) -> bool:
    return any(address in network for network in trusted_proxies)


@lru_cache(maxsize=16384)
def _written(hop: str) -> str | None:
    address = _read(hop)
    return None if address is None else str(address)


@lru_cache(maxsize=16384)
def _read(hop: str) -> IPv4Address | IPv6Address | None:
    """The address, which some proxies give a port or brackets; an IPv4 one in IPv6 is itself."""
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
