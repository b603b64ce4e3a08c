"""The examples in the documentation, as its tests find them.

A page is read from top to bottom, as a reader does: its `bash` blocks are one script and its
`python` blocks one program. A `text` block after a `bash` block is what it prints, where `...`
stands for anything. Blocks in another language, `sh` among them, are not run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is where it begins."""

    language: str
    code: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["code"], text.count("\n", 0, found.start()) + 2)
        for found in _BLOCK.finditer(text)
    ]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(b.language == language for b in blocks_of(page))]


def commands_and_output(page: Path) -> Iterator[tuple[Block, str | None]]:
    """Each `bash` block, and what the page says that it prints."""
    blocks = blocks_of(page)
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.language == "bash":
            shown = following is not None and following.language == "text"
            yield block, following.code if shown and following else None


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))
