"""The commands of those who write checks: `grader verify`, `audit`, `calibrate`, `doctor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli_common import COULD_NOT, RubricOption, console, settings, stop
from grader.model import GraderError

if TYPE_CHECKING:
    from grader.audit import CaseResult


def register(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    app.command(epilog="Example: grader verify")(verify)
    app.command(epilog="Example: grader audit --only gan.dnet --sample 20")(audit)
    app.command(epilog="Example: grader calibrate --runs 40 --only gan.loss --only gan.steps")(calibrate)
    app.command(epilog="Example: grader doctor")(doctor)


def verify() -> None:
    """Proves every reference result with sympy, and lists what the seed document gets wrong."""
    from grader.verify import report_lines
    from grader.verify import verify as prove

    report = prove()
    for line in report_lines(report):
        print(line)
    if not report.ok:
        raise typer.Exit(COULD_NOT)


def audit(
    only: Annotated[
        list[str] | None, typer.Option(help="Only cases whose kind (right, wrong), check, file or id begins with this.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only every n-th case, so that about this many.")] = None,
    trainings: Annotated[bool, typer.Option(help="Grade the trainings of every case, not only of targets.")] = False,
    rubric: RubricOption = None,
) -> None:
    """Measures the two error rates over the corpus: right solutions that lose a point, wrong ones that keep it."""
    from grader.audit import audit as run_audit
    from grader.audit import choose, markdown
    from grader.corpus import load_corpus

    try:
        given = settings(rubric)
        cases = choose(load_corpus(_submissions()), tuple(only or ()), sample)
        done = 0

        def show(result: CaseResult) -> None:
            nonlocal done
            done += 1
            marks = "; ".join(result.faults)
            print(f"{done}/{len(cases)} {result.case.id}: {marks or 'as it should be'}", file=sys.stderr, flush=True)

        results = run_audit(*given, cases=cases, trainings=trainings, listener=show)
    except GraderError as error:
        stop(str(error))
    for line in markdown(results):
        print(line)
    if any(result.faults for result in results):
        raise typer.Exit(COULD_NOT)


def calibrate(
    runs: Annotated[int, typer.Option(min=1, help="How often the reference is measured for each bound.")] = 25,
    only: Annotated[
        list[str] | None, typer.Option(help="Only these bounds of reference/tolerances.toml; may be repeated.")
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write what was measured into the file; bounds never change by themselves."),
    ] = False,
    misses: Annotated[
        bool, typer.Option("--misses", help="Instead, which wrong solutions of the corpus each bound lets through.")
    ] = False,
) -> None:
    """Measures every bound that a judge applies on the reference, over fresh seeds: how far is right code from it?"""
    if misses:
        _misses(write=write)
        return
    from grader.calibrate import calibrate as measure
    from grader.calibrate import table, updated
    from grader.run import default_paths
    from grader.scoring.calibration import LEAST_RUNS

    path = default_paths()[1]
    try:
        tolerances = settings(None)[1]
        with console(stderr=True).status("measuring the reference") as status:
            found = list(
                measure(
                    tolerances,
                    runs,
                    names=only or (),
                    listener=lambda check, run: status.update(f"{check}, run {run + 1} of {runs}"),
                )
            )
    except GraderError as error:
        stop(str(error))
    for line in table(found):
        print(line)
    if runs < LEAST_RUNS:
        print(f"With fewer than {LEAST_RUNS} runs no tail is fitted: false fail is only the bound 1 - 0.05^(1/runs).")
    if write:
        try:
            path.write_text(updated(path.read_text("utf-8"), found), encoding="utf-8")
        except OSError as error:
            stop(f"{path} could not be written: {error.strerror}.")
        print(f"runs and false_fail written to {path}")
    if not all(result.sound for result in found):
        raise typer.Exit(COULD_NOT)


def _misses(*, write: bool) -> None:
    from grader.corpus import load_corpus
    from grader.misses import lines, measure_misses, updated
    from grader.run import default_paths

    path = default_paths()[1]
    try:
        given = settings(None)
        with console(stderr=True).status("measuring wrong solutions") as status:
            found = measure_misses(*given, load_corpus(_submissions()), listener=status.update)
    except GraderError as error:
        stop(str(error))
    for line in lines(found):
        print(line)
    if write:
        path.write_text(updated(path.read_text("utf-8"), found), encoding="utf-8")
        print(f"miss written to {path}")


def _submissions() -> Path:
    return Path(__file__).resolve().parent.parent / "submissions"


def doctor() -> None:
    """Shows which isolation layers work on this machine; each is counted only when its own probe was stopped."""
    from rich.table import Table

    from grader.student.doctor import diagnose

    table = Table(title="Isolation layers on this machine", title_justify="left")
    for column in ("layer", "active", "what its probe saw"):
        table.add_column(column)
    for status in diagnose():
        table.add_row(status.name, "yes" if status.active else "no", status.detail)
    console().print(table)
