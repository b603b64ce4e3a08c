"""What each module of a feature is: HTTP, above stories, above data, above words."""

from collections.abc import Mapping
from enum import IntEnum

from tests.support.source import MODULES, Module


class Rank(IntEnum):
    """A module imports only modules of its feature that rank no higher."""

    WORDS = 0
    DATA = 1
    STORIES = 2
    HTTP = 3


HTTP_NAMES = {
    "router",
    "admin_router",
    "authenticators",
    "dependencies",
    "login_form",
    "registration_form",
    "routing",
    "shortcuts",
    "transports",
}
DATA_NAMES = {"models", "repository", "schemas"}
WORD_NAMES = {"errors", "events", "filters", "metrics", "principal", "roles", "settings"}


def part_of_feature(module: Module) -> tuple[str, str] | None:
    """The feature, and the module or package in it; None for what is in no feature."""
    match module.name.split("."):
        case ["features", feature, part, *_]:
            return feature, part
    return None


def _rank(module: Module, part: str) -> Rank:
    if part in HTTP_NAMES:
        return Rank.HTTP
    if part in WORD_NAMES:
        return Rank.WORDS
    if part in DATA_NAMES:
        return Rank.DATA
    takes_work = module.imported & {"gatepost.work", "gatepost.unit_of_work", "gatepost.runtime"}
    return Rank.STORIES if part == "service" or takes_work else Rank.DATA


def _ranks() -> Mapping[tuple[str, str], Rank]:
    found: dict[tuple[str, str], Rank] = {}
    for module in MODULES:
        if place := part_of_feature(module):
            found[place] = max(found.get(place, Rank.WORDS), _rank(module, place[1]))
    return found


RANKS = _ranks()
"""By feature and part; a package of modules has the rank of the highest."""


def rank_of(module: Module) -> Rank | None:
    """The module's rank in its feature; None for what is in no feature."""
    place = part_of_feature(module)
    return None if place is None else RANKS[place]
