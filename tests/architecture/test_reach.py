"""How much of the package stands behind a module that features are copied from."""

from tests.support.source import MODULES, Module

MOST = 25

FACES = {"gatepost", "gatepost.client"}
"""Packages whose names are loaded at first use."""


def modules_behind(name: str) -> set[str]:
    """The modules that a module imports, those that they import, and all packages around them."""
    by_name = {_full(module): module for module in MODULES}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in found or module not in by_name:
            continue
        found.add(module)
        if module not in FACES:
            waiting += by_name[module].imported
        waiting.append(module.rpartition(".")[0])
    return found


def _full(module: Module) -> str:
    return f"gatepost.{module.name}".rstrip(".")


def test_the_service_to_copy_stands_on_few_modules() -> None:
    behind = modules_behind("gatepost.features.items.service")
    assert "gatepost.db.paging" in behind
    assert len(behind) < MOST, sorted(behind)
