"""Parses values that several settings share: lists, networks, origins."""

import json
import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import unquote, urlsplit

from gatepost.settings.base import refuse

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")

# Schemes of pages inside an installed application; their hosts are no network addresses.
_APP_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://[a-z0-9._~-]+(:\d{1,5})?", re.IGNORECASE)

_NO_APP_SCHEMES = frozenset(
    {"http", "https", "ws", "wss", "ftp", "file", "blob", "data", "javascript", "about"}
)
"""For the others browsers send no origin, or one that any page may have."""

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def read_list(value: object) -> object:
    """The items of a comma-separated text or of a JSON list of texts; anything else as it is."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [item.strip() for item in value.split(",") if item.strip()]
    try:
        items = json.loads(value)
    except ValueError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        refuse("is not a JSON list of texts", 'Write a,b or ["a","b"].')
    return [item.strip() for item in items if item.strip()]


def passwords_in(text: str) -> set[str]:
    """The passwords of a URL, encoded and decoded; none for other texts."""
    try:
        parts = urlsplit(text)
        pairs = [each.partition("=") for each in parts.query.split("&")]
        written = {parts.password, *(value for name, _, value in pairs if "password" in name)}
    except ValueError:
        return set()
    return {form for password in written if password for form in (password, unquote(password))}


def read_networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of a list; an address alone is a network of one."""
    items = read_list(value)
    if not isinstance(items, Iterable):
        refuse("is not a list", "Separate the addresses with commas.")
    return tuple(_read_network(place, item) for place, item in enumerate(items, start=1))


def _read_network(place: int, item: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(item))
    except ValueError:
        refuse(
            f"has an entry that is not an address or network (number {place})",
            "Write addresses such as 10.0.0.5 or networks such as 10.0.0.0/8 or fd00::/8, with "
            "no bit set after the prefix.",
        )


def read_origins(value: object) -> tuple[str, ...]:
    """The origins of a list (RFC 6454 section 6.2), each once, as browsers write them."""
    items = read_list(value)
    if not isinstance(items, Iterable):
        refuse("is not a list", "Separate the origins with commas.")
    origins = []
    for place, item in enumerate(items, start=1):
        if item in ("*", "null"):
            refuse(
                f"allows {'any origin' if item == '*' else 'the null origin'}",
                "Name each origin, such as https://app.example.com: answers carry credentials.",
            )
        origin = read_origin(str(item)) or _read_app_origin(str(item))
        if origin is None:
            refuse(
                f"has an entry that is not an origin (number {place})",
                "Write scheme://host or scheme://host:port, with http, https or an app's scheme "
                "such as capacitor, without a path or a slash at the end.",
            )
        origins.append(origin)
    return tuple(dict.fromkeys(origins))


def _read_app_origin(text: str) -> str | None:
    """`scheme://host[:port]` of an app's own scheme, with the host unchanged; or None."""
    found = _APP_ORIGIN.fullmatch(text)
    if found is None or found[1].lower() in _NO_APP_SCHEMES:
        return None
    return found[1].lower() + text[len(found[1]) :]


def read_field_names(value: object) -> tuple[str, ...]:
    """The names of header fields in a list (RFC 9110 section 5.1), each once, in lower case."""
    items = read_list(value)
    if not isinstance(items, Iterable):
        refuse("is not a list", "Separate the names with commas.")
    names = [str(item).lower() for item in items]
    for place, name in enumerate(names, start=1):
        if name == "*" or not _FIELD_NAME.fullmatch(name):
            refuse(
                f"has an entry that is no name of a header (number {place})",
                "Name each header, such as X-Client-Version: with credentials * means nothing.",
            )
    return tuple(dict.fromkeys(names))


def read_origin(text: str) -> str | None:
    """`scheme://host[:port]` in lower case without the scheme's own port, or None if it is not."""
    text = text.lower()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host, _, _ = parts.netloc.rpartition(":") if port is not None else (parts.netloc, "", "")
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return None
    if text != f"{parts.scheme}://{parts.netloc}":
        return None
    if port in (None, _DEFAULT_PORTS[parts.scheme]):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"
