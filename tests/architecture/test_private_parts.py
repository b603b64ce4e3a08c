"""What is private to a library is used in one module for each, or nowhere."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator

import pytest

from tests.support.source import Module, offences

PARTS = {
    "aiosqlite": "db.aiosqlite_parts",
    "fastapi": "web.fastapi_parts",
    "starlette": "web.fastapi_parts",
    "sqlalchemy": "db.sqlalchemy_parts",
    "uvicorn": "serving.uvicorn_parts",
    "prometheus_client": "observability.sharing",
}

UNDOCUMENTED = re.compile(
    r"fastapi\.(dependencies|telemetry|utils)\b|uvicorn\.(protocols|supervisors)\b"
)
"""Modules whose names do not say that they are private."""

PUBLIC = {"_asdict", "_exit", "_fields", "_make", "_mapping", "_replace"}
"""Documented names that begin so: of named tuples, rows and `os`."""


def test_private_modules_are_imported_by_no_other() -> None:
    def private(module: Module) -> Iterator[str]:
        for name in module.imported:
            library = name.partition(".")[0]
            is_private = "._" in name or UNDOCUMENTED.match(name)
            if library in PARTS and is_private and module.name != PARTS[library]:
                yield name

    assert not offences(private)


def test_no_private_attribute_of_anything_else_is_asked_for() -> None:
    """Those of the module's own classes aside; ruff's SLF001 looks at the same, but for strings."""

    def private(module: Module) -> Iterator[str]:
        defined = set(re.findall(r"(?:self\.|def |^    )(_[a-z]\w*)", module.source, re.MULTILINE))
        for node in module.nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr"}:
                name = node.args[1]
                if isinstance(name, ast.Constant) and re.match("_[a-z]", str(name.value)):
                    yield ast.unparse(node)
            elif isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
                own = ast.unparse(node.value) in {"self", "cls", "super()"}
                if not own and node.attr not in defined | PUBLIC:
                    yield ast.unparse(node)

    assert not offences(private, but=(*PARTS.values(), "embedding"))


def test_no_class_of_ours_uses_what_is_private_to_its_base() -> None:
    pytest.importorskip("opentelemetry", reason="the module on tracing cannot be imported without")

    def private(module: Module) -> Iterator[str]:
        if not inherits(module):
            return
        loaded = importlib.import_module(f"gatepost.{module.name}")
        for kind in vars(loaded).values():
            if inspect.isclass(kind) and kind.__module__ == loaded.__name__:
                used = private_names(kind)
                for base in kind.__mro__[1:]:
                    if base.__module__.partition(".")[0] in PARTS:
                        yield from used & private_names(base)

    assert not offences(private, but=tuple(PARTS.values()))


def inherits(module: Module) -> bool:
    """Whether it may have a class whose base is a library's."""
    classes = [node for node in module.nodes if isinstance(node, ast.ClassDef)]
    return any(each.bases for each in classes) and any(
        name.partition(".")[0] in PARTS for name in module.imported
    )


def private_names(kind: type) -> set[str]:
    """What it defines and asks of itself; of a class that was compiled, what it defines."""
    try:
        source = inspect.getsource(kind)
    except OSError:
        return {name for name in vars(kind) if re.match("_[a-z]", name)}
    return set(re.findall(r"(?:self\.|def |super\(\)\.)(_[a-z]\w*)", source))
