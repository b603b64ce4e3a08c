"""Settings of protection: requests that are refused unread, and proxies that are trusted."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gatepost.settings.base import Described, SettingsGroup, refuse
from gatepost.settings.values import read_list, read_networks

UNIX: Literal["unix"] = "unix"
"""Stands for clients of a Unix socket, which have no address."""

Proxies = tuple[IPv4Network | IPv6Network | Literal["unix"], ...]


def _read_proxies(value: object) -> Proxies:
    items = read_list(value)
    named = [str(each).lower() for each in items] if isinstance(items, Iterable) else []
    networks = read_networks([each for each in named if each != UNIX] if named else items)
    if any(network.prefixlen == 0 for network in networks):
        refuse(
            "trusts every address",
            "Name the proxies' own networks: who is trusted may pretend to be anyone.",
        )
    return (*networks, UNIX) if UNIX in named else networks


class ProtectionSettings(SettingsGroup):
    """Protection of the service."""

    max_request_body_size: int = Field(
        default=1_048_576,
        ge=1024,
        le=1_048_576,
        description="The largest request body, in bytes; a larger one is answered 413.",
    )
    body_timeout_seconds: int = Field(
        default=30,
        ge=1,
        le=600,
        description="How long a request body may take to arrive; a slower one is answered 408.",
    )
    trusted_proxies: Annotated[
        Proxies,
        BeforeValidator(_read_proxies),
        Described(takes="addresses, networks or `unix`, separated by commas", default="none"),
    ] = Field(
        default=(),
        description="The proxies whose `X-Forwarded-For` is believed; `unix` is whoever calls by a "
        "Unix socket.",
    )
    hsts_seconds: int = Field(
        default=31_536_000,
        ge=0,
        le=63_072_000,
        description="How long browsers are to reach this host by HTTPS alone "
        "(`Strict-Transport-Security`); 0 leaves the header out, for hosts served by plain HTTP.",
    )
    hsts_include_subdomains: bool = Field(
        default=False, description="Whether that holds for the hosts below this one too."
    )

    @property
    def strict_transport_security(self) -> str | None:
        """The header's value (RFC 6797 section 6.1); None where it is left out."""
        if self.hsts_seconds == 0:
            return None
        below = "; includeSubDomains" if self.hsts_include_subdomains else ""
        return f"max-age={self.hsts_seconds}{below}"
