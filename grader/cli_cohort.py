"""The commands for a class: cohort, review, regrade, history, export, report, similar. Registered in grader/cli.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli_stored import COULD_NOT, USAGE, LateOption, StoreArgument, export, history, report, similar, stop
from grader.model import GraderError

if TYPE_CHECKING:
    from grader.cohort.executor import Executor
    from grader.cohort.late import LatePolicy
    from grader.cohort.messages import Job
    from grader.cohort.regrade import Regrading
    from grader.cohort.settings import ClassSettings
    from grader.cohort.store import Store

INTERRUPTED = 130
MOST_SHOWN_CHANGES = 40

RubricOption = Annotated[Path | None, typer.Option("--rubric", help="Another rubric than reference/rubric.toml.")]
TolerancesOption = Annotated[
    Path | None, typer.Option("--tolerances", help="Other tolerances than reference/tolerances.toml.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands for a class."""
    app.command(epilog="Example: grader cohort submissions/ --store class.sqlite")(cohort)
    app.command(epilog="Example: grader regrade class.sqlite --rubric reference/rubric.toml")(regrade)
    app.command(epilog="Example: grader review class.sqlite")(review)
    app.command(epilog="Example: grader history class.sqlite submission_1234 --question 1.3")(history)
    app.command(epilog="Example: grader report class.sqlite --html pages/")(report)
    app.command(epilog="Example: grader export class.sqlite --csv grades.csv --columns canvas")(export)
    app.command(epilog="Example: grader similar class.sqlite")(similar)


def cohort(
    folder: Annotated[
        Path, typer.Argument(help="A folder of submissions (folders, zips), or an unpacked Gradescope export.")
    ],
    store: Annotated[Path, typer.Option(help="Where the class is kept; the same command goes on after any end.")],
    jobs: Annotated[int | None, typer.Option(min=1, max=512, help="Submissions side by side; the cores.")] = None,
    dask: Annotated[str | None, typer.Option(help="A Dask scheduler: tcp://host:8786.")] = None,
    track: Annotated[str, typer.Option(help="auto, ddpm or score.")] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Leave the short trainings out.")] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures", help="Draw the homework's own figures of those graded now, about a minute more for each."
        ),
    ] = False,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="For one submission; the rubric's limit.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for the trainings.")] = "cpu",
    rubric: RubricOption = None,
    tolerances: TolerancesOption = None,
    late: LateOption = None,
) -> None:
    """Grades a class: whatever ends it, the same command goes on with what is left."""
    from grader.cohort.class_run import ClassOptions, plan
    from grader.cohort.roster import read_roster
    from grader.cohort.settings import check_same_rules, late_policy, read_settings
    from grader.cohort.store import Store, alone

    if track not in ("auto", "ddpm", "score"):
        stop(f"--track must be auto, ddpm or score, not {track!r}.", USAGE)
    if device not in ("auto", "cpu", "cuda"):
        stop(f"--device must be auto, cpu or cuda, not {device!r}.", USAGE)
    if quick and pictures:
        stop("--quick leaves the trainings out that --pictures needs; take one of them.", USAGE)
    try:
        settings = read_settings(rubric, tolerances, device=device)
        roster = read_roster(folder)
        with alone(store), Store(store) as opened:
            check_same_rules(opened, settings)
            opened.enrol(roster.hand_ins)
            _say_late(opened, late_policy(opened, settings, late))
            options = ClassOptions(track, quick, pictures, None if minutes is None else minutes * 60)
            work = plan(opened, settings, options, [h.key for h in roster.hand_ins])
            for note in roster.notes:
                print(f"note: {note}", file=sys.stderr)
            _run_jobs(opened, settings, work, _executor(settings, jobs, dask, len(work)), len(roster.hand_ins))
    except GraderError as error:
        stop(str(error))


def _say_late(store: Store, policy: LatePolicy | None) -> None:
    """Where the late policy cannot do what its author means: an extension for nobody, a hand-in without a time."""
    from grader.cohort.late import unused_extensions

    if policy is None:
        return
    students, rows = store.students(), store.rows()
    for name in unused_extensions(policy, [(row.key, students.get(row.id, ())) for row in rows]):
        print(f"note: the late policy has an extension for {name}, whom nobody in the class is.", file=sys.stderr)
    timeless = sum(row.submitted_at is None for row in rows)
    if timeless:
        print(
            f"note: {timeless} of {len(rows)} hand-ins have no time: the late policy takes nothing off them.",
            file=sys.stderr,
        )


def _executor(settings: ClassSettings, jobs: int | None, dask: str | None, work: int) -> Executor:
    from grader.cohort.executor import LocalExecutor, cores

    if dask is not None:
        from grader.cohort.cluster import DaskExecutor

        return DaskExecutor(settings.setup, dask)
    return LocalExecutor(settings.setup, max(1, min(jobs or cores(), work)))


def _run_jobs(store: Store, settings: ClassSettings, work: list[Job], executor: Executor, total: int) -> None:
    from grader.cli_common import console
    from grader.cohort.class_run import grade_class
    from grader.cohort.display import Display

    before = total - len(work)
    try:
        with Display(len(work), before, console=console(stderr=True)) as display:
            tally = grade_class(store, settings, executor, work, listener=display.event, done=display.answer)
    except KeyboardInterrupt:
        print("Stopped. What was finished is kept; the same command goes on.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    print(
        f"{tally.finished} graded now, {before} before, {tally.failed} cannot be graded as they are, "
        f"{tally.ours} failed by the grader's fault."
    )
    outcomes = dict(store.connection.execute("SELECT outcome, count(*) FROM current_grade GROUP BY outcome"))
    if waiting := outcomes.get("needs_review"):
        print(f"{waiting} answers await a person: grader review {store.path}")
    if broken := outcomes.get("grader_error"):
        print(f"{broken} questions failed by the grader's fault; the same command tries them again.")
    rows = store.rows()
    for warning in sorted({warning for row in rows for warning in row.run.warnings}):
        print(f"warning: {warning}", file=sys.stderr)
    for row in rows:
        if row.error:
            print(f"  {row.key}: {row.error.splitlines()[-1]}")
    if tally.ours:
        raise typer.Exit(COULD_NOT)


def regrade(
    store: StoreArgument,
    rubric: RubricOption = None,
    tolerances: TolerancesOption = None,
    late: Annotated[Path | None, typer.Option("--late", help="Another late policy (TOML) than the store's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who changes by how much.")] = False,
    by: Annotated[str, typer.Option(help="Who regrades, for the history.")] = "grader",
    jobs: Annotated[int | None, typer.Option(min=1, help="For evidence that must be measured; the cores.")] = None,
) -> None:
    """Applies a changed rubric, policy or tolerance to what is stored; no student code is run for it."""
    from grader.cohort import regrade as regrading_room
    from grader.cohort.settings import read_settings
    from grader.cohort.store import Store, alone

    try:
        settings = read_settings(rubric, tolerances, by_whom=by)
        with alone(store), Store(store, create=False) as opened:
            regrading = regrading_room.regrade(opened, settings, late)
            _show_changes(regrading)
            _say_late(opened, regrading.late)
            if dry_run:
                return
            if not yes and (regrading.changes or regrading.missing) and not typer.confirm("Write this?"):
                stop("Nothing was written.")
            regrading_room.write(opened, settings, regrading)
            if regrading.missing:
                _measure_missing(opened, settings, regrading, jobs)
    except GraderError as error:
        stop(str(error))


def _measure_missing(store: Store, settings: ClassSettings, regrading: Regrading, jobs: int | None) -> None:
    from grader.cohort.class_run import measure_missing

    work = measure_missing(store, settings, regrading.missing)
    _run_jobs(store, settings, work, _executor(settings, jobs, None, len(work)), len(work))


def _show_changes(regrading: Regrading) -> None:
    from rich.table import Table

    from grader.cli_common import console
    from grader.late import percent
    from grader.report.text import number

    changes = sorted(regrading.changes, key=lambda c: (-abs(c.after - c.before), c.key))
    moved = sum(change.after != change.before for change in changes)
    print(f"{len(changes)} of {regrading.looked_at} submissions change.")
    if moved < len(changes):
        print(f"{moved or 'None'} of them in the points that count, the others in words or by question.")
    if regrading.late_before or regrading.late_after:
        print(f"Late hand-ins that lose points: {regrading.late_before} before, {regrading.late_after} after.")
    if changes:
        shown = Table(title="Points that count, after lateness", title_justify="left")
        shown.add_column("submission", no_wrap=True)
        for head in ("before", "after", "by"):
            shown.add_column(head, justify="right", no_wrap=True)
        for head in ("late", "questions"):
            shown.add_column(head)
        for change in changes[:MOST_SHOWN_CHANGES]:
            by = change.after - change.before
            was, will = (percent(1 - late.factor) for late in (change.lateness_before, change.lateness_after))
            shown.add_row(
                change.key,
                number(change.before),
                number(change.after),
                f"{'+' if by > 0 else ''}{number(by)}",
                f"{was} → {will}" if was != will else ("" if will == "0%" else will),
                ", ".join(q.number for q in change.questions),
            )
        console().print(shown)
        if len(changes) > MOST_SHOWN_CHANGES:
            print(f"… and {len(changes) - MOST_SHOWN_CHANGES} more.")
    if regrading.missing:
        count = sum(len(numbers) for numbers in regrading.missing.values())
        print(f"{count} questions of {len(regrading.missing)} submissions have no evidence: they are measured.")


def review(
    store: StoreArgument,
    by: Annotated[str, typer.Option(help="Who reviews, for the history.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Serves a page on this machine for what needs a person. Ctrl-C ends it; every decision is stored at once."""
    import getpass

    from grader.cohort.review_app import serve

    try:
        with_token = serve(store, by or getpass.getuser(), port)
    except GraderError as error:
        stop(str(error))
    print(f"Review at {with_token.address} (Ctrl-C ends)", flush=True)
    if browser:
        import webbrowser

        webbrowser.open(with_token.address)
    try:
        with_token.wait()
    except KeyboardInterrupt:
        with_token.close()
