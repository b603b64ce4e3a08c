"""The package's own source, parsed once, for rules to look at."""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "gatepost"


@dataclass(frozen=True)
class Module:
    """One module of the package."""

    path: Path

    @property
    def name(self) -> str:
        """Its dotted name below the package, such as `features.auth.login`; empty for itself."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @property
    def last_name(self) -> str:
        return self.name.rpartition(".")[2]

    def is_in(self, *packages: str) -> bool:
        """Whether it is one of these modules, or in one of these packages."""
        return any(f"{self.name}.".startswith(f"{package}.") for package in packages)

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imported(self) -> frozenset[str]:
        """Every name that it imports, in full: of `from a import b` both `a` and `a.b`."""
        return frozenset(self._imported())

    @cached_property
    def spoken(self) -> frozenset[str]:
        """Every dotted name in its code, such as `datetime.now` or `work.db.commit`."""
        return frozenset(
            ast.unparse(node) for node in self.nodes if isinstance(node, ast.Attribute | ast.Name)
        )

    @cached_property
    def called(self) -> frozenset[str]:
        """Every dotted name that it calls."""
        return frozenset(ast.unparse(n.func) for n in self.nodes if isinstance(n, ast.Call))

    def _imported(self) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def offences(find: Callable[[Module], Iterable[str]], *, but: tuple[str, ...] = ()) -> list[str]:
    """What `find` finds in each module, those aside that are, or are in, one of `but`."""
    return [
        f"{module.path.relative_to(ROOT)}: {found}"
        for module in MODULES
        if not module.is_in(*but)
        for found in sorted(find(module))
    ]
