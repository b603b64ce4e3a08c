"""Nothing is measured here: only that the bench reads, compares and writes what it should."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.subjects.former import Former
from bench.support.busyness import read_ticks
from bench.support.errors import BenchError
from bench.support.http import HOST, Request
from bench.support.medians import median, ratio
from bench.support.plot import draw
from bench.support.probe import Latencies, probe
from bench.support.processes import Command, Process, run
from bench.support.readme import BEGIN, END, update_readme
from bench.support.report import write_report
from bench.support.results import Chapter, Figure, Goal, Participant, Results
from bench.support.wrk import read_output

WRK = """\
Running 2s test @ http://127.0.0.1:8000
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     8.48ms    4.10ms  49.34ms   88.95%
    Req/Sec     3.94k   411.22     4.61k    65.00%
  Latency Distribution
     50%  850.00us
     75%    9.11ms
     90%   12.02ms
     99%    1.04s\x20
  7861 requests in 2.05s, 4.17MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
  Non-2xx or 3xx responses: 12
Requests/sec:   3834.63
Transfer/sec:      2.03MB
"""

SVG = "{http://www.w3.org/2000/svg}"


def make_results() -> Results:
    rates = {"Gatepost": [80.0, 90.0], "bare FastAPI route": [100.0, 100.0], "a | peer": [8.0, 9.0]}
    read = Chapter(
        name="authenticated_read",
        title="Authenticated requests",
        text="Asked again and again.",
        columns=("", "requests/s"),
        rows=[("Gatepost", "85.0"), ("a | peer", "8.50")],
        figures=[
            Figure("kept to the letter", 0.85, Goal(0.8, "at least"), headline="of the bare route"),
            Figure("kept but for a little", 1.6, Goal(1.5, "at most")),
            Figure("broken", 20.0, Goal(10.0, "at most"), "ms"),
            Figure("unknown", None, Goal(8.0, "at least")),
        ],
        failures={"a third": "the server ended"},
        samples={"requests/s": rates},
        busy=0.02,
    )
    flood = Chapter(
        "flood", "A flood", "", samples={"p99 x": {"Gatepost": [1.1], "a | peer": [300]}}, busy=0.5
    )
    return Results(
        mode="full",
        began="2026-11-21",
        minutes=9.5,
        machine={"memory": "8 GiB"},
        participants=[Participant("Gatepost", "gatepost 1", "as it is", "Argon2id")],
        absent={"a fourth": "could not be installed"},
        chapters=[read, flood],
    )


def test_what_wrk_prints_is_read_in_one_unit() -> None:
    load = read_output(WRK)
    assert (load.requests, load.seconds, load.failures) == (7861, 2.05, 16)
    assert load.p50_ms == pytest.approx(0.85)
    assert load.p99_ms == pytest.approx(1040)
    assert load.check().per_second == pytest.approx(7861 / 2.05)


@pytest.mark.parametrize("text", ["", "unable to connect to 127.0.0.1:8000 Connection refused"])
def test_what_is_no_report_of_wrks_is_no_measurement(text: str) -> None:
    with pytest.raises(BenchError, match="wrk said"):
        read_output(text)


def test_refusals_are_not_measured_as_answers() -> None:
    with pytest.raises(BenchError, match="16 of 100 requests failed"):
        read_output(WRK.replace("7861", "100")).check()


def test_a_ratio_is_taken_within_each_round() -> None:
    # The machine was half as fast in the second round, for both.
    assert ratio([80, 40, 80], [100, 50, 100]) == pytest.approx(0.8)
    assert median([3, 100, 1]) == 3


def test_results_survive_their_file(tmp_path: Path) -> None:
    before = make_results()
    before.save(tmp_path / "results.json")
    after = Results.load(tmp_path / "results.json")
    notes = tmp_path / "NOTES.md"
    notes.write_text("## Written by hand\n")
    assert write_report(after, notes) == write_report(before, notes)
    assert draw(after) == draw(before)


def test_a_new_chapter_is_added_to_what_was_published_and_a_repeated_one_replaced() -> None:
    newer = [Chapter("flood", "Flood again", ""), Chapter("items", "Items", "")]
    merged = make_results().with_chapters(newer, ["authenticated_read", "items", "flood"])
    assert [each.title for each in merged.chapters] == [
        "Authenticated requests",
        "Items",
        "Flood again",
    ]


def test_the_report_says_what_is_kept_what_is_not_and_what_is_missing(tmp_path: Path) -> None:
    notes = tmp_path / "NOTES.md"
    notes.write_text("## Written by hand\n")
    lines = write_report(make_results(), notes).splitlines()
    assert "| kept to the letter | at least 0.80 x | **0.85 x** | kept |" in lines
    assert "| kept but for a little | at most 1.50 x | **1.60 x** | within a tenth |" in lines
    assert "| broken | at most 10.0 ms | **20.0 ms** | missed |" in lines
    assert "| unknown | at least 8.00 x | - | not measured |" in lines
    assert r"| a \| peer | 8.50 |" in lines
    assert "a third failed: the server ended" in lines
    assert "a fourth is missing: could not be installed" in lines
    busy = "26% of all cores before a question (median), 50% at most (A flood)"
    assert f"| busy with something else | {busy} |" in lines
    assert lines[-1] == "## Written by hand"


def test_the_picture_is_told_to_those_who_cannot_see_it() -> None:
    picture = ElementTree.fromstring(draw(make_results()))
    assert picture.get("role") == "img"
    assert picture.findtext(f"{SVG}title")
    assert "Gatepost 85.0" in (picture.findtext(f"{SVG}desc") or "")
    bars = [bar for bar in picture.iter(f"{SVG}rect") if bar.get("class") != "page"]
    assert len(bars) == 5
    assert all(float(bar.get("width", 0)) > 0 for bar in bars)


def test_the_readme_is_changed_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    update_readme(page, make_results())
    text = page.read_text()
    assert text.startswith(f"before\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "| of the bare route | **0.85 x** |" in text
    assert "old" not in text


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the bench needs Linux and util-linux")
def test_a_process_and_all_that_it_started_are_gone_when_it_is_stopped(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], stdin=0)"
    forking = [sys.executable, "-c", script.replace("stdin=0", "stdin=subprocess.PIPE")]
    cores = os.sched_getaffinity(0)
    process = Process(Command(forking, tmp_path, {}), cores, tmp_path / "log")
    process.check_alive()
    process.stop()
    assert process.pids() == []
    assert run(Command([sys.executable, "-c", "print(7)"], tmp_path, {}), 60, cores) == "7\n"


def test_a_missing_load_generator_is_named_before_anything_is_set_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick"]
    environment = {"PATH": str(tmp_path)}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "apt-get install wrk" in done.stderr
    assert done.stdout == ""


def test_a_checkout_without_programs_is_named_before_it_is_measured(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="run `make install`"):
        Former(tmp_path)


def test_what_the_hypervisor_takes_away_counts_as_busy() -> None:
    before = read_ticks("cpu  100 0 50 1000 10 0 0 40 5 0\ncpu0 1 1 1 1\n")
    after = read_ticks("cpu  120 0 60 1050 20 0 0 50 25 0\ncpu0 1 1 1 1\n")
    assert after.busy_share_since(before) == pytest.approx(0.4)


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    latencies = Latencies([float(number) for number in range(200, 0, -1)])
    assert (latencies.percentile(50), latencies.percentile(99)) == (100, 198)
    assert Latencies([7.0]).percentile(99) == 7


@contextmanager
def answering_together(count: int, status: bytes = b"200 OK") -> Iterator[int]:
    """A server that answers nobody before so many have asked; gives its port."""
    answer = b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\n{}" % status
    asked = threading.Barrier(count)

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                asked.wait(30)
                connection.sendall(answer)

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_the_probe_asks_while_nobody_is_answered_and_counts_from_when_each_was_due() -> None:
    requests, per_second, count = [Request("/")], 1000, 40
    with answering_together(count) as port:
        found = probe(port, requests, per_second, count / per_second)
    # None was answered before the last was sent, and they were due a millisecond apart.
    assert all(latency >= least for least, latency in enumerate(sorted(found.milliseconds)))
    assert len(found.milliseconds) == count


def test_a_refusal_is_no_latency() -> None:
    with (
        answering_together(1, b"503 Service Unavailable") as port,
        pytest.raises(BenchError, match="the probe was answered"),
    ):
        probe(port, [Request("/")], 100, 0.01)
