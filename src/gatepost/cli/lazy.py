"""Commands whose modules are imported when they are called, so that the help appears quickly."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command, or a group of commands, as an entry of the list of all commands."""

    name: str
    panel: str
    summary: str
    """The first paragraph of its help."""
    target: str
    """`module:attribute`: a function, or a Typer application for a group."""

    def load(self) -> Any:  # noqa: ANN401 - Typer has its own copy of click, or shares the other one
        """Import its module, and return the command."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return get_command(found)
        app = typer.Typer(add_completion=False)
        app.command(self.name)(found)
        return get_command(app)


class LazyGroup(TyperGroup):
    """Lists commands by their summaries, and loads the one that is called."""

    lazy_commands: Sequence[LazyCommand] = ()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        name, listed, rest = super().resolve_command(ctx, args)
        for each in self.lazy_commands:
            if each.name == name:
                return name, each.load(), rest
        return name, listed, rest


def lazy_group(commands: Sequence[LazyCommand]) -> type[LazyGroup]:
    """A class of groups with these commands."""
    return type("Commands", (LazyGroup,), {"lazy_commands": commands})
