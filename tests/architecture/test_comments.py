"""What a comment may not leave open: work to be done, or a check switched off without a reason."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import ROOT

FOLDERS = ("src", "tests", "examples", "scripts", "docs", ".ci")
TEXTS = {".py", ".md", ".sh", ".js", ".mjs", ".awk", ".html", ".toml", ".css"}

# Written so that this file does not find itself.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b")

SWITCHED_OFF = re.compile(r"#\s*(noqa|type:\s*ignore)")
WITH_REASON = re.compile(
    r"#\s*(noqa:\s*[A-Z0-9, ]+|type:\s*ignore\[[a-z, -]+\])\s*(-|#)\s*\S.*", re.ASCII
)


def files() -> list[Path]:
    return sorted(
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in TEXTS and not {"node_modules", "static"} & set(path.parts)
    )


def comments_in(path: Path) -> Iterator[tuple[int, str]]:
    source = io.StringIO(path.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_nothing_is_left_to_be_done_later() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


def test_a_check_is_switched_off_only_with_a_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}: {comment}"
        for path in files()
        if path.suffix == ".py"
        for number, comment in comments_in(path)
        if SWITCHED_OFF.search(comment) and not WITH_REASON.search(comment)
    ]
    assert not bare


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda p: p.name)
def test_a_test_is_skipped_only_with_a_reason(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"pytest\.mark\.skip\b(?!if)(?!\(\s*reason=)|pytest\.skip\(\s*\)", text)
