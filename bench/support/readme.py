"""Keeps the few numbers of README.md those of the latest whole run."""

import re
from pathlib import Path

from bench.support.report import table
from bench.support.results import Figure, Results
from bench.support.tables import number

BEGIN = "<!-- Written by make bench -->"
END = "<!-- End of what make bench writes -->"
_BLOCK = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def update_readme(path: Path, results: Results) -> None:
    """Put the figures that are headlines into the place that is marked for them."""
    rows = [(each.headline, _value(each)) for each in results.figures if each.headline]
    more = "With the peers, the versions and the machine: [bench/RESULTS.md](bench/RESULTS.md)."
    block = "\n".join([BEGIN, table(("", "measured"), rows), "", more, END])
    path.write_text(_BLOCK.sub(lambda _: block, path.read_text()))


def _value(figure: Figure) -> str:
    return "-" if figure.value is None else f"**{number(figure.value)} {figure.unit}**"
