"""Maps addresses to clients."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network

UNKNOWN = "unknown"

_PREFIX_OF_ONE_CLIENT = 64
"""A customer has at least a /64, and can use any address in it (RFC 6177)."""


@lru_cache(maxsize=16384)
def client_network(address: str | None) -> str:
    """The address itself, or the /64 of an IPv6 address; all without an address are one client."""
    if address is None:
        return UNKNOWN
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(ip_network((int(parsed), _PREFIX_OF_ONE_CLIENT), strict=False))
