"""A way to have a server of a kind, and what of its programs is installed."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers.lair import Daemon, Lair, search_path


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to have a server in a folder: whose it is, how it starts, where it will answer."""

    source: str
    start: Callable[[Lair], Daemon]
    url: Callable[[Path], str]


def installed(*names: str) -> Path | None:
    found = (shutil.which(name, path=search_path()) for name in names)
    return next((Path(path) for path in found if path), None)
