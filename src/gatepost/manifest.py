"""The manifest of a feature: it lists the parts that the layers above the features read.

A manifest refers to parts by name, such as `"router:router"`, without importing them: a command
that needs one feature's service loads no router, and nothing of the other features.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from gatepost.events import Event
from gatepost.observability.descriptions import Description
from gatepost.web.interface import Interface, Link, RequestHeader, Tag

__all__ = [
    "PACKAGE",
    "Feature",
    "Header",
    "Link",
    "Mount",
    "Tag",
    "events_of",
    "interface_of",
    "load_all",
    "metrics_of",
    "register",
    "registered",
]

PACKAGE = "gatepost.features"

Reference = str
"""A module in the feature's package, or a name in it: `"service:purge"`."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A router, and the prefix of its paths."""

    router: Reference
    path: str = ""
    is_api: bool = True
    """Whether it is part of the API: mounted and documented below `API_V1_STR`, and at the root.

    Other routers are mounted at the root only.
    """
    is_at_mount: bool = False
    """Whether the routes also answer at the mount itself, in a host that mounts at `path`."""


@dataclass(frozen=True, slots=True)
class Header:
    """A request header that routes may declare: see `web.interface.RequestHeader`."""

    name: str
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refusals: Reference | None = None
    """A tuple of problems."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature, a package in `gatepost.features`, and its parts."""

    name: str
    routers: tuple[Mount, ...] = ()
    tables: tuple[Reference, ...] = ()
    """Mapped classes, each after those that its foreign keys refer to."""
    authenticators: tuple[Reference, ...] = ()
    """Classes of `callers.authenticators.Authenticator`, in the order in which they are tried."""
    purges: Mapping[str, Reference] = field(default_factory=dict)
    """Functions `(work) -> int` that delete a batch of expired rows, by kind of row."""
    events: Reference | None = None
    """The module of its events."""
    problems: Reference | None = None
    """The module of its problems."""
    settings: Reference | None = None
    """A group of settings."""
    metrics: Reference | None = None
    """A tuple of descriptions of its metrics."""
    tags: tuple[Tag, ...] = ()
    links: tuple[Link, ...] = ()
    headers: tuple[Header, ...] = ()
    form_paths: tuple[str, ...] = ()
    """The endings of paths that accept the OAuth2 password form."""
    credential_paths: tuple[str, ...] = ()
    """The endings of other paths whose bodies contain a password or a token, and little else."""
    login_path: str = ""
    """The path of the OAuth2 password grant, below the API's prefix."""
    caller_refusals: Reference | None = None
    """A tuple of the problems that every operation with a caller may send."""
    chores: tuple[Reference, ...] = ()
    """Background tasks `(runtime) -> None`, which end soon after `runtime.stopping` is set."""

    def load(self, reference: Reference) -> Any:  # noqa: ANN401 - a part is of any type
        """Import a part of this feature: a name in a module, or the module.

        Raises `ImportError` or `AttributeError` if it does not exist.
        """
        module, _, name = reference.partition(":")
        loaded = import_module(f"{PACKAGE}.{self.name}.{module}")
        return getattr(loaded, name) if name else loaded


def load_all(features: Iterable[Feature], kind: str) -> Iterator[Any]:
    """Import all parts of one kind, such as `"tables"`, feature by feature."""
    for feature in features:
        named = getattr(feature, kind)
        yield from map(feature.load, [named] if isinstance(named, str) else named or ())


def events_of(features: Iterable[Feature]) -> Mapping[str, Event]:
    """All events that these features declare, by name."""
    modules = load_all(features, "events")
    found = (each for module in modules for each in vars(module).values())
    return {each.name: each for each in found if isinstance(each, Event)}


def metrics_of(features: Iterable[Feature]) -> Iterator[Description]:
    """All metrics that these features declare."""
    for descriptions in load_all(features, "metrics"):
        yield from descriptions


def interface_of(features: Sequence[Feature]) -> Interface:
    """The parts of these features that concern HTTP."""
    return Interface(
        tags=tuple(tag for each in features for tag in each.tags),
        links=tuple(link for each in features for link in each.links),
        request_headers=tuple(
            RequestHeader(
                header.name,
                header.answers,
                each.load(header.refusals) if header.refusals else (),
            )
            for each in features
            for header in each.headers
        ),
        form_paths=tuple(path for each in features for path in each.form_paths),
        credential_paths=tuple(path for each in features for path in each.credential_paths),
        login_path=next((each.login_path for each in features if each.login_path), ""),
        caller_refusals=tuple(
            kind for kinds in load_all(features, "caller_refusals") for kind in kinds
        ),
    )


_registered: list[Feature] = []


def register(features: Iterable[Feature]) -> None:
    """Publish the tuple of features, for a feature that needs to know all of them."""
    _registered[:] = features


def registered() -> Sequence[Feature]:
    """All features of the product in order of rank, for features, which cannot import the tuple."""
    return tuple(_registered)
