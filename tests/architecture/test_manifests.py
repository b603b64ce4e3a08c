"""A feature says in its manifest what it brings; the line of features and the tuple are one."""

import subprocess
import sys
from collections.abc import Iterator

from gatepost.features import FEATURES
from gatepost.manifest import PACKAGE, Feature
from tests.support.source import PACKAGE as SOURCE
from tests.support.source import Module, offences


def references(feature: Feature) -> Iterator[str]:
    yield from (mount.router for mount in feature.routers)
    yield from feature.tables
    yield from feature.purges.values()
    yield from feature.chores
    yield from filter(
        None,
        (
            feature.settings,
            feature.events,
            feature.metrics,
            feature.problems,
            feature.caller_refusals,
        ),
    )
    yield from (header.refusals for header in feature.headers if header.refusals)


def test_every_folder_is_a_feature_in_the_tuple() -> None:
    folders = {each.parent.name for each in (SOURCE / "features").glob("*/__init__.py")}
    names = [feature.name for feature in FEATURES]
    assert len(names) == len(set(names))
    assert set(names) == folders


def test_a_feature_imports_only_features_below_it_in_the_tuple() -> None:
    ranked = [feature.name for feature in FEATURES]

    def upward(module: Module) -> list[str]:
        match module.name.split("."):
            case ["features", name, *_]:
                above = {f"{PACKAGE}.{each}" for each in ranked[: ranked.index(name)]}
                return [each for each in module.imported if ".".join(each.split(".")[:3]) in above]
        return []

    assert not offences(upward), "what both need belongs lower, or wants an event"


def test_every_part_that_a_manifest_names_is_there() -> None:
    parts = [feature.load(each) for feature in FEATURES for each in references(feature)]
    assert len(parts) > 15


def test_a_manifest_loads_none_of_its_parts() -> None:
    code = f"import gatepost.features, sys; print(*(m for m in sys.modules if '{PACKAGE}.' in m))"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {f"{PACKAGE}.{feature.name}" for feature in FEATURES}
