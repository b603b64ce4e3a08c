"""The last lines of a test run: how many tests passed on which database, and what was not run."""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping

import pytest

from tests.support.servers import Server

NO_DATABASE = "no database"
OUTCOMES = ("passed", "failed", "skipped")


class Summary:
    """A pytest plugin of the controlling process, which counts outcomes by database.

    `servers` and `missing` may fill up until the run ends: a server by its kind, and for a kind
    that has none the reason.
    """

    def __init__(self, servers: Mapping[str, Server], missing: Mapping[str, str]) -> None:
        self._servers = servers
        self._missing = missing
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by the set-up or clean-up that went wrong."""
        if report.when == "call" or not report.passed:
            kind = str(dict(report.user_properties).get("database", NO_DATABASE))
            self._counts[kind][report.outcome] += 1

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Print the table and loudly what is missing from it, below everything else."""
        yield
        if self._counts:
            terminalreporter.section("databases")
            for line in _table(self._rows()):
                terminalreporter.line(line)
        for kind, reason in sorted(self._missing.items()):
            terminalreporter.line("")
            terminalreporter.line(f"NOT RUN on {kind}: {reason}", red=True, bold=True)

    def _rows(self) -> Iterable[tuple[str, ...]]:
        yield ("", "version", "server", *OUTCOMES)
        for kind in sorted(self._counts, key=lambda kind: (kind == NO_DATABASE, kind)):
            server = self._servers.get(kind)
            whose = (server.version, server.source) if server else ("", "")
            yield (kind, *whose, *(str(self._counts[kind][outcome]) for outcome in OUTCOMES))


def _table(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = len(widths) - len(OUTCOMES)
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:words], widths[:words], strict=True)]
        cells += [
            cell.rjust(width) for cell, width in zip(row[words:], widths[words:], strict=True)
        ]
        yield "  ".join(cells).rstrip()
