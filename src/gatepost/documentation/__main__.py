"""Write every generated page of the project in the current or the given folder."""

import sys
from pathlib import Path

from gatepost.documentation import events, metrics, problems, settings


def write(root: Path) -> None:
    """Write docs/settings.md, docs/problems.md, .env.example, and the tables in other pages."""
    for page in (settings, problems, events, metrics):
        page.write(root)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
