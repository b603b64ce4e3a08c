"""No feature is known by a string outside its folder: what is above reads the manifests instead."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from fastapi.routing import APIRoute

from gatepost.errors import Problem
from gatepost.features import FEATURES
from gatepost.manifest import events_of, interface_of, load_all, metrics_of
from tests.support.source import Module, offences

FACES = ("cli", "client", "features", "importers", "migrations")
"""The commands and the client name what they use; importers read other systems' names."""


@cache
def names() -> frozenset[str]:
    """Events, codes, settings, metrics, tags, headers and paths of the features."""
    interface = interface_of(FEATURES)
    modules = load_all(FEATURES, "problems")
    kinds = [each for module in modules for each in vars(module).values() if is_own(each)]
    found = {*events_of(FEATURES), *(each.name for each in metrics_of(FEATURES))}
    found |= {each.code for each in kinds if not hasattr(each.__mro__[1], "code")}
    found |= {field for group in load_all(FEATURES, "settings") for field in group.model_fields}
    found |= {header for each in interface.request_headers for header in (each.name, *each.answers)}
    found |= {each.path for each in interface.links} | {*interface.credential_paths}
    found |= {*interface.form_paths, interface.login_path} | {*paths()}
    return frozenset(found | {name.upper() for name in found if re.fullmatch(r"\w+", name)})


@cache
def tags() -> frozenset[str]:
    """The tags of the features, which elsewhere are ordinary words."""
    return frozenset(each.name for each in interface_of(FEATURES).tags)


def is_own(value: object) -> bool:
    """Whether it is a kind of problem that is declared in a feature."""
    is_kind = isinstance(value, type) and issubclass(value, Problem)
    return is_kind and str(getattr(value, "__module__", "")).startswith("gatepost.features.")


def paths() -> Iterator[str]:
    """The paths of all routes of features that have more than parameters in them."""
    for feature in FEATURES:
        for mount in feature.routers:
            for route in feature.load(mount.router).routes:
                assert isinstance(route, APIRoute)
                yield from filter(re.compile(r"/\w").match, (route.path, mount.path + route.path))


def test_no_feature_is_known_by_a_string_outside_its_folder() -> None:
    def known(module: Module) -> Iterator[str]:
        texts = (node.value for node in module.nodes if isinstance(node, ast.Constant))
        wanted = names() | tags() if module.is_in("app", "web") else names()
        yield from (text for text in texts if isinstance(text, str) and text in wanted)

    assert len(names()) > 90
    assert not offences(known, but=FACES), "let the manifest say it"
