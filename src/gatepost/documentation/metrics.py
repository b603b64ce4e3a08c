"""Writes the table of metrics into docs/observability.md, from their own descriptions."""

from pathlib import Path

from gatepost.documentation.tables import write_table
from gatepost.features import FEATURES
from gatepost.manifest import metrics_of
from gatepost.observability.descriptions import Description
from gatepost.observability.metrics import DESCRIPTIONS

_HEADING = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"


def all_metrics() -> list[Description]:
    """The metrics of the service itself and of the features."""
    return [*DESCRIPTIONS, *metrics_of(FEATURES)]


def render() -> str:
    """All metrics as a table of Markdown."""
    return _HEADING + "".join(map(_row, all_metrics()))


def write(root: Path) -> None:
    """Write the table into the page below `root`, the project's folder."""
    write_table(root / "docs" / "observability.md", render())


def _row(each: Description) -> str:
    labels = ", ".join(f"`{label}`" for label in each.labels)
    return f"| `{each.name}` | {each.kind} | {labels} | {each.help} |\n"
