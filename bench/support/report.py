"""Writes RESULTS.md: the promises, a chapter a question, and what was measured on what."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.support.medians import median
from bench.support.results import Chapter, Figure, Results
from bench.support.tables import number

_WORDS = {"x": " x", "s": " s", "ms": " ms", "MiB": " MiB"}


def write_report(results: Results, notes: Path) -> str:
    """Return the whole page; what is written by hand in the notes stands at its end."""
    parts = [_head(results), _promises(results.figures)]
    parts += [_chapter(chapter) for chapter in results.chapters]
    parts += [_participants(results), _machine(results), notes.read_text().strip()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results) -> str:
    lines = [
        "# How fast Gatepost is",
        "",
        f"Measured by `make bench` on {results.began} in {results.minutes:.0f} minutes"
        + (" (a quick look, not the whole)." if results.mode == "quick" else "."),
        "Generated: what is to last stands in [NOTES.md](NOTES.md) and is repeated at the end.",
        "",
        "One server at a time works, on a core of its own; the load is on another. They take "
        "turns, A B C A B C; a number is the median of its rounds, a ratio the median of the "
        "rounds' ratios. Ratios last, absolute numbers are this machine's.",
        "",
        "![Authenticated requests a second, and the wait while others log in](results.svg)",
    ]
    return "\n".join(lines)


def _promises(figures: Sequence[Figure]) -> str:
    rows = [
        (
            figure.what,
            f"{figure.goal.direction} {number(figure.goal.bound)}{_WORDS[figure.unit]}",
            _measured(figure),
            verdict(figure),
        )
        for figure in figures
    ]
    return "## What is promised\n\n" + table(("what", "promised", "measured", ""), rows)


def _measured(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    return f"**{number(figure.value)}{_WORDS[figure.unit]}**"


def verdict(figure: Figure) -> str:
    """Say in a word how a figure stands."""
    if figure.value is None:
        return "not measured"
    if figure.goal.is_met(figure.value):
        return "kept"
    return "within a tenth" if figure.goal.is_nearly_met(figure.value) else "missed"


def _chapter(chapter: Chapter) -> str:
    parts = [f"## {chapter.title}", chapter.text]
    if chapter.rows:
        parts.append(table(chapter.columns, chapter.rows))
    parts += [f"{name} failed: {reason}" for name, reason in chapter.failures.items()]
    return "\n\n".join(part for part in parts if part)


def _participants(results: Results) -> str:
    rows = [(each.name, each.setup, each.versions) for each in results.participants]
    parts = ["## Who was measured", table(("", "set up as", "versions"), rows)]
    parts += [f"{name} is missing: {reason}" for name, reason in results.absent.items()]
    return "\n\n".join(parts)


def _machine(results: Results) -> str:
    rows = [*results.machine.items(), *_busyness(results.chapters)]
    return "## On what\n\n" + table(("", ""), rows)


def _busyness(chapters: Sequence[Chapter]) -> list[tuple[str, str]]:
    """How busy the machine was with something else, looked at before each question."""
    found = [(each.busy, each.title) for each in chapters if each.busy is not None]
    if not found:
        return []
    middle, (most, title) = median([busy for busy, _ in found]), max(found)
    text = f"{middle:.0%} of all cores before a question (median), {most:.0%} at most ({title})"
    return [("busy with something else", text)]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; all but its first column to the right."""
    rule = ["---", *("---:" for _ in columns[1:])]
    lines = [columns, rule, *rows]
    return "\n".join("| " + " | ".join(_safe(text) for text in line) + " |" for line in lines)


def _safe(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
