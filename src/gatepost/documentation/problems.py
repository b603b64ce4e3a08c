"""Writes docs/problems.md from every kind of problem that the service can answer with."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import gatepost.app  # noqa: F401 - it imports the problems that are no feature's
from gatepost.errors import Problem
from gatepost.features import FEATURES
from gatepost.manifest import load_all
from gatepost.web.problems import problem_kinds

_INTRODUCTION = """\
# Problems

<!-- Written by `make docs` from the problems in src/gatepost. -->

Every refusal is an RFC 9457 document, `application/problem+json`, with these members:

| member | what it is |
| --- | --- |
| `type` | `urn:gatepost:problem:` and the code |
| `title` | the kind of problem, in words |
| `status` | the HTTP status |
| `detail` | this occurrence, in words; never what was sent |
| `code` | the kind of problem, for programs: it never changes |
| `request_id` | names the request in the logs; also in the `X-Request-ID` header |
| `errors` | for 422: a list of `{"loc", "msg", "type"}`, one for each mistake |

A 401 has a `WWW-Authenticate` header, a 405 an `Allow` header, and a 503 says in `Retry-After` when
to try again. Titles and details may be reworded: rely on `code`. These are all codes:

| code | status | title | when | what to do |
| --- | --- | --- | --- | --- |
"""


def own_problems() -> Iterator[type[Problem]]:
    """Every kind of problem that the service and its features answer with."""
    list(load_all(FEATURES, "problems"))
    return (kind for kind in problem_kinds() if kind.__module__.startswith("gatepost."))


def render() -> str:
    """All problems as a page of Markdown, sorted by code.

    Raises `ValueError` if two kinds use a code with different meanings.
    """
    by_code: dict[str, list[type[Problem]]] = {}
    for kind in own_problems():
        by_code.setdefault(kind.code, []).append(kind)
    return _INTRODUCTION + "".join(_row(code, by_code[code]) for code in sorted(by_code))


def write(root: Path) -> None:
    """Write the page below `root`, the project's folder."""
    page = root / "docs" / "problems.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(render(), encoding="utf-8")


def _row(code: str, kinds: Sequence[type[Problem]]) -> str:
    meanings = {(kind.status, kind.title, kind.when, kind.remedy) for kind in kinds}
    if len(meanings) > 1:
        raise ValueError(f"{code} means several things: {sorted(meanings)}")
    (status, title, when, remedy) = meanings.pop()
    return f"| `{code}` | {status} | {title} | {when} | {remedy} |\n"
