"""Settings of protection: limits of bodies, trusted proxies, and HSTS."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
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
            "Name the proxies' own networks: a trusted proxy can claim any client address.",
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
        SettingInfo(takes="addresses, networks or `unix`, separated by commas", default="none"),
    ] = Field(
        default=(),
        description="The proxies whose `X-Forwarded-For` is trusted; `unix` trusts a proxy that "
        "connects by a Unix socket.",
    )
    hsts_seconds: int = Field(
        default=31_536_000,
        ge=0,
        le=63_072_000,
        description="How long browsers must use HTTPS for this host "
        "(`Strict-Transport-Security`); 0 omits the header, for hosts served by plain HTTP.",
    )
    hsts_include_subdomains: bool = Field(
        default=False, description="Whether that also applies to all subdomains."
    )

    @property
    def strict_transport_security(self) -> str | None:
        """The header's value (RFC 6797 section 6.1); None if it is omitted."""
        if self.hsts_seconds == 0:
            return None
        below = "; includeSubDomains" if self.hsts_include_subdomains else ""
        return f"max-age={self.hsts_seconds}{below}"
