"""Draws results.svg: charts of bars, for light pages and dark ones and for screen readers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bench.support.medians import median
from bench.support.results import Results
from bench.support.tables import number

WIDTH = 860
_LABELS = 250
_VALUES = 110
_BAR = 22
_GAP = 12
_HEAD = 74

STYLE = """
  svg { color-scheme: light dark; }
  text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .small { font-size: 12.5px; fill: #59636e; }
  .page { fill: #ffffff; }
  .bar { fill: #8c959f; }
  .mine { fill: #0969da; }
  .pale { fill: #d1d9e0; }
  .ours { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .small { fill: #9198a1; }
    .page { fill: #0d1117; }
    .bar { fill: #656c76; }
    .mine { fill: #4493f8; }
    .pale { fill: #3d444d; }
  }
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the longest to the shortest, or the other way round."""

    title: str
    subtitle: str
    values: Mapping[str, float]
    unit: str = ""
    is_logarithmic: bool = False

    @property
    def height(self) -> int:
        return _HEAD + len(self.values) * (_BAR + _GAP) + 10

    def shares(self) -> dict[str, float]:
        """Return each bar's length, the longest being 1."""
        most = max(self.values.values())
        if not self.is_logarithmic:
            return {name: value / most for name, value in self.values.items()}
        top = math.log10(max(most, 1.001) * 1.2)
        return {name: max(math.log10(max(v, 1) * 1.2), 0) / top for name, v in self.values.items()}


def draw(results: Results) -> str:
    """Return the whole picture."""
    charts = [chart for chart in (_reads(results), _floods(results)) if chart.values]
    height = sum(chart.height for chart in charts) + 16
    described = " ".join(f"{chart.title}: {_sentence(chart)}." for chart in charts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">',
        '<title id="title">Gatepost beside its peers</title>',
        f'<desc id="description">{escape(described)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    top = 0
    for chart in charts:
        parts += _draw_chart(chart, top)
        top += chart.height
    return "\n".join([*parts, "</svg>"]) + "\n"


def _sentence(chart: Chart) -> str:
    return ", ".join(f"{name} {number(v)} {chart.unit}".strip() for name, v in chart.values.items())


def _draw_chart(chart: Chart, top: int) -> list[str]:
    room = WIDTH - _LABELS - _VALUES - 24
    parts = [
        f'<text class="title" x="24" y="{top + 34}">{escape(chart.title)}</text>',
        f'<text class="small" x="24" y="{top + 54}">{escape(chart.subtitle)}</text>',
    ]
    y = top + _HEAD
    for name, share in chart.shares().items():
        mine = name.startswith("Gatepost")
        kind = "mine" if mine else "pale" if name.startswith("bare") else "bar"
        weight = ' class="ours"' if mine else ""
        length = max(share * room, 2)
        middle = y + _BAR / 2 + 5
        value = f"{number(chart.values[name])} {chart.unit}".strip()
        left = _LABELS + 24
        size = f'width="{length:.1f}" height="{_BAR}" rx="3"'
        parts += [
            f'<text{weight} x="{left - 12}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{left}" y="{y}" {size}/>',
            f'<text{weight} x="{left + 8 + length:.1f}" y="{middle}">{escape(value)}</text>',
        ]
        y += _BAR + _GAP
    return parts


def _reads(results: Results) -> Chart:
    found = _medians(results, "authenticated_read", "requests/s")
    by_rate = dict(sorted(found.items(), key=lambda pair: -pair[1]))
    return Chart(
        "Authenticated requests a second",
        "GET /users/me over 32 connections, one process on one core, PostgreSQL. Longer is better.",
        by_rate,
    )


def _floods(results: Results) -> Chart:
    found = _medians(results, "flood", "p99 x")
    by_wait = dict(sorted(found.items(), key=lambda pair: pair[1]))
    return Chart(
        "What a flood of logins does to everybody else's slowest requests",
        "p99 of GET /users/me while 16 connections log in, over its p99 in peace. "
        "Shorter is better; the scale is logarithmic.",
        by_wait,
        unit="x",
        is_logarithmic=True,
    )


def _medians(results: Results, chapter: str, measure: str) -> dict[str, float]:
    found = results.chapter(chapter)
    samples: Mapping[str, Sequence[float]] = found.samples.get(measure, {}) if found else {}
    return {name: median(values) for name, values in samples.items() if values}
