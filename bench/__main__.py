"""The bench: sets the stage, asks the questions one after the other, writes down the answers."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    authenticated_read,
    cold_start,
    flood,
    host_routes,
    importing,
    items,
    login,
    memory,
    open_loop_flood,
    refresh,
    revocation,
    scale,
    sqlite,
)
from bench.plan import CHECK, FULL, QUICK, Plan
from bench.subjects.floor import Floor
from bench.subjects.former import Former
from bench.subjects.gatepost import Gatepost
from bench.subjects.peers import BetterAuth, DjangoRest, FastapiUsers, FullStackTemplate
from bench.subjects.subject import Subject
from bench.support.busyness import busy_share
from bench.support.cores import choose_cores
from bench.support.databases import databases
from bench.support.errors import BenchError
from bench.support.plot import draw
from bench.support.questions import Question
from bench.support.readme import update_readme
from bench.support.report import verdict, write_report
from bench.support.requirements import require_programs
from bench.support.results import Chapter, Results
from bench.support.stage import Stage, describe_machine
from bench.support.tables import number

FOLDER = Path(__file__).parent
BUSY = 0.1
SUBJECTS: tuple[type[Subject], ...] = (
    Gatepost,
    Floor,
    FastapiUsers,
    FullStackTemplate,
    DjangoRest,
    BetterAuth,
)


# What is measured after a load comes after the loads.
QUESTIONS: tuple[Question, ...] = tuple(
    module.QUESTION
    for module in (
        authenticated_read,
        host_routes,
        items,
        login,
        flood,
        open_loop_flood,
        refresh,
        memory,
        cold_start,
        revocation,
        importing,
        scale,
        sqlite,
    )
)


class Progress:
    """Says what is done, and how long the rest will take."""

    def __init__(self, plan: Plan, questions: Sequence[Question]) -> None:
        """Begin the clock."""
        self._began = time.monotonic()
        self._questions = questions
        self._plan = plan

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self._began) / 60

    def say(self, text: str) -> None:
        """Print a line with the time."""
        sys.stdout.write(f"{self.minutes:5.1f} min  {text}\n")
        sys.stdout.flush()

    def begin(self, place: int) -> None:
        """Say which question comes, and what is left."""
        left = sum(each.seconds(self._plan) for each in self._questions[place:]) / 60
        title = self._questions[place].title
        self.say(f"[{place + 1}/{len(self._questions)}] {title}; about {left:.0f} min left")


def main() -> int:
    """Do what the command line says."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.report:
        _keep(Results.load(FOLDER / "results.json"))
        return 0
    plan = CHECK if options.check else QUICK if options.quick else FULL
    plan = replace(plan, former=options.former)
    names = {name for name in options.only.split(",") if name}
    questions = [each for each in QUESTIONS if not names or each.name in names]
    if options.check:
        questions = [each for each in questions if each.promises]
    try:
        results = run(plan, questions)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; nothing is left of it.\n")
        return 130
    # A look is for the eye: it does not replace what is published.
    if plan.mode == FULL.mode and (options.keep or not names):
        _keep(results)
    else:
        _publish(results, Path(tempfile.mkdtemp(prefix="gatepost-bench-")))
    _summarise(results)
    return _judge(results) if options.check else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look in two minutes, one peer")
    parser.add_argument("--check", action="store_true", help="no peers; fails on a missed figure")
    parser.add_argument("--only", default="", help="some of the questions: flood,refresh")
    parser.add_argument(
        "--keep", action="store_true", help="with --only: in the place of what was published"
    )
    parser.add_argument(
        "--beside",
        dest="former",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout, with its .venv, to measure in the same run",
    )
    parser.add_argument("--report", action="store_true", help="write the report again, from JSON")
    return parser.parse_args()


def run(plan: Plan, questions: Sequence[Question]) -> Results:
    """Ask these questions by a plan."""
    wrk = require_programs()
    cores = choose_cores()
    # The bench itself has its place beside the load.
    os.sched_setaffinity(0, {cores.load})
    progress = Progress(plan, questions)
    began = datetime.now(UTC).strftime("%Y-%m-%d")
    with _temporary_folder() as folder, databases(cores) as found:
        stage = Stage(plan, cores, found, folder, progress.say)
        machine = describe_machine(cores, found, wrk)
        try:
            for subject in SUBJECTS:
                if subject.name in plan.subjects:
                    stage.invite(subject())
            if plan.former is not None:
                stage.invite(Former(plan.former))
            chapters = [
                _ask(question, place, stage, progress) for place, question in enumerate(questions)
            ]
        finally:
            stage.dismiss_all()
        return Results(
            mode=plan.mode,
            began=began,
            minutes=progress.minutes,
            machine=machine,
            participants=stage.participants,
            absent=stage.absent,
            chapters=chapters,
        )


def _ask(question: Question, place: int, stage: Stage, progress: Progress) -> Chapter:
    """Ask one question; a failure is its answer, and the others are asked all the same."""
    progress.begin(place)
    busy = busy_share()
    if busy > BUSY:
        progress.say(f"something else keeps {busy:.0%} of this machine busy: ratios will be off")
    return replace(_answer(question, stage), busy=busy)


def _answer(question: Question, stage: Stage) -> Chapter:
    try:
        return question.ask(stage)
    except Exception as error:  # noqa: BLE001 - whatever it was, the rest of the run is worth having
        if not isinstance(error, BenchError):
            traceback.print_exc()
        return Chapter(
            question.name, question.title.capitalize(), "", failures={"This part": repr(error)}
        )


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
        yield Path(folder)


def _keep(results: Results) -> None:
    """Publish these answers; those to other questions stay as they were."""
    published = FOLDER / "results.json"
    if len(results.chapters) < len(QUESTIONS):
        order = [question.name for question in QUESTIONS]
        results = Results.load(published).with_chapters(results.chapters, order)
    _publish(results, FOLDER)
    update_readme(FOLDER.parent / "README.md", results)


def _publish(results: Results, folder: Path) -> None:
    results.save(folder / "results.json")
    (folder / "results.svg").write_text(draw(results))
    (folder / "RESULTS.md").write_text(write_report(results, FOLDER / "NOTES.md"))
    sys.stdout.write(f"\nWritten: {folder / 'RESULTS.md'}\n\n")


def _summarise(results: Results) -> None:
    for figure in results.figures:
        value = "-" if figure.value is None else f"{number(figure.value)} {figure.unit}"
        promised = f"{figure.goal.direction} {number(figure.goal.bound)}"
        sys.stdout.write(f"{value:>10}  {promised:<15} {verdict(figure):<15} {figure.what}\n")
    for chapter in results.chapters:
        for name, reason in chapter.failures.items():
            sys.stdout.write(f"{chapter.title}: {name}: {reason}\n")
    for name, reason in results.absent.items():
        sys.stdout.write(f"{name} is missing: {reason}\n")


def _judge(results: Results) -> int:
    """Return the exit status: 1 if a figure is missed by more than a tenth, or was not measured."""
    missed: Sequence[str] = [
        figure.what
        for figure in results.figures
        if figure.value is None or not figure.goal.is_nearly_met(figure.value)
    ]
    failed = [chapter.title for chapter in results.chapters if not chapter.figures]
    for what in (*missed, *failed):
        sys.stderr.write(f"missed by more than a tenth: {what}\n")
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
