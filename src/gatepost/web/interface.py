"""The types in which features declare what `web` needs of them; `web` imports no feature."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepost.errors import Problem


@dataclass(frozen=True, slots=True)
class Tag:
    """A section of the API's documentation; sections are sorted by `place`."""

    name: str
    description: str
    place: int = 50


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the front page."""

    name: str
    path: str
    title: str
    explanation: str


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A request header of the API, and its effect on the operations that declare it."""

    name: str
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """OpenAPI header objects by name, of the header fields in their successful answers."""
    refusals: tuple[type[Problem], ...] = ()


@dataclass(frozen=True, slots=True)
class Interface:
    """Everything that the features contribute to one application."""

    tags: tuple[Tag, ...] = ()
    links: tuple[Link, ...] = ()
    request_headers: tuple[RequestHeader, ...] = ()
    form_paths: tuple[str, ...] = ()
    """Suffixes of the paths that accept the OAuth2 password form; all others accept JSON only."""
    credential_paths: tuple[str, ...] = ()
    """Suffixes of the paths whose bodies are small: a password or a token, and little else."""
    login_path: str = ""
    """The path of the OAuth2 password grant, below the API's prefix."""
    caller_refusals: tuple[type[Problem], ...] = ()
    """The problems of every operation that requires a caller."""
