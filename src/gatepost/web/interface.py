"""What features bring to HTTP, in the words of `web`, which knows none of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepost.errors import Problem


@dataclass(frozen=True, slots=True)
class Tag:
    """A section of the API's documentation; low places come first."""

    name: str
    description: str
    place: int = 50


@dataclass(frozen=True, slots=True)
class Link:
    """A way on from the front page."""

    name: str
    path: str
    title: str
    explanation: str


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A field that a route may declare, and what each operation that declares it has besides."""

    name: str
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name, the OpenAPI header objects of the fields that its successful answers may have."""
    refusals: tuple[type[Problem], ...] = ()


@dataclass(frozen=True, slots=True)
class Interface:
    """All that is brought to one application."""

    tags: tuple[Tag, ...] = ()
    links: tuple[Link, ...] = ()
    request_headers: tuple[RequestHeader, ...] = ()
    form_paths: tuple[str, ...] = ()
    """How the paths end that take the OAuth2 password form; every other takes JSON alone."""
    credential_paths: tuple[str, ...] = ()
    """How the paths end whose bodies hold a password or a token, and little else."""
    login_path: str = ""
    """Where the OAuth2 password grant is, below the API's prefix."""
    caller_refusals: tuple[type[Problem], ...] = ()
    """What each operation that asks for a caller refuses."""
