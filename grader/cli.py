"""The commands. The only code that prints; every import that costs time happens inside the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli_author import register as register_author
from grader.cli_build import register as register_build
from grader.cli_cohort import register as register_cohort
from grader.cli_common import COULD_NOT, USAGE, RubricOption, console, settings, stop
from grader.model import GraderError, SubmissionError
from grader.report.plainly import speak_plainly

if TYPE_CHECKING:
    from grader.model import Report
    from grader.run import Options, Progress

app = typer.Typer(
    name="grader",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Grades a homework on GANs and diffusion models: derivations, true/false questions and PyTorch code.",
)


def main() -> None:
    """The console command `grader`."""
    speak_plainly()
    app()


@app.command(epilog="Example: grader check submissions/perfect --only 2.4 --json out.json")
def check(
    path: Annotated[Path, typer.Argument(help="A folder, a zip or tar file, or a single file of a submission.")],
    track: Annotated[str, typer.Option(help="auto, ddpm or score.")] = "auto",
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only these questions: 2, 2.4, 2.4.steps; may be repeated or comma-separated."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave the short trainings out.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON to this file.")] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write the report as one self-contained page.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for the trainings.")] = "auto",
    pictures: Annotated[
        bool | None, typer.Option(help="Draw the homework's own figures, about a minute more; on with --html.")
    ] = None,
    rubric: RubricOption = None,
) -> None:
    """Grades one submission and shows the table of questions."""
    from grader.run import Options

    if track not in ("auto", "ddpm", "score"):
        stop(f"--track must be auto, ddpm or score, not {track!r}.", USAGE)
    if device not in ("auto", "cpu", "cuda"):
        stop(f"--device must be auto, cpu or cuda, not {device!r}.", USAGE)
    numbers = tuple(n.strip() for item in only or () for n in item.split(",") if n.strip())
    drawn = not quick and (html_file is not None if pictures is None else pictures)
    options = Options(track=track, only=numbers, quick=quick, device=device, pictures=drawn)  # type: ignore[arg-type]
    report = _grade_with_display(path, options, rubric)
    from grader.report.terminal import print_report

    print_report(report, console())
    if json_file is not None:
        _write(json_file, report)
    if html_file is not None:
        _write_page(html_file, report)


def _grade_with_display(path: Path, options: Options, rubric_path: Path | None) -> Report:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from grader.run import grade, select
    from grader.tracks import open_homework

    try:
        rubric, tolerances = settings(rubric_path)
        known = {q.number for q in rubric.questions}
        for wanted in options.only:
            if not select(rubric.questions, [wanted]):
                stop(
                    f"--only {wanted}: there is no such question; the questions are {', '.join(sorted(known))}.", USAGE
                )
        submission = open_homework(path)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bar(*columns, console=console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)

            warned: set[str] = set()

            def show(progress: Progress) -> None:
                for warning in progress.report.warnings:
                    if warning not in warned:
                        bar.console.print(f"grader: {warning}")
                        warned.add(warning)
                bar.update(task, description=progress.current, completed=progress.done, total=progress.total)

            return grade(submission, rubric, tolerances, options, show)
    except SubmissionError as error:
        stop(f"this submission could not be graded: {error}")
    except GraderError as error:
        stop(f"the grader could not start (this is not the student's fault): {error}")


def _write(file: Path, report: Report) -> None:
    from grader.report.document import report_document, write_json

    try:
        write_json(file, report_document(report))
    except OSError as error:
        stop(f"the JSON report could not be written to {file}: {error.strerror}.")


def _write_page(file: Path, report: Report) -> None:
    from grader.report.page import student_page

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(student_page(report), encoding="utf-8")
    except OSError as error:
        stop(f"the page could not be written to {file}: {error.strerror}.")


@app.command(epilog="Example: AUTOGRADER_ROOT=/autograder grader gradescope")
def gradescope(
    root: Annotated[
        Path, typer.Option(help="Gradescope's tree: submission/ in it is graded into results/results.json.")
    ],
    spent_s: Annotated[float, typer.Option(min=0, help="Seconds of the container's limit that are gone already.")] = 0,
) -> None:
    """Grades as Gradescope runs it: a valid results.json after every check."""
    from grader.gradescope_run import grade_tree

    try:
        grade_tree(root, spent_s=spent_s, by_force=True)
    except (SubmissionError, GraderError) as error:
        stop(str(error))


@app.command(epilog=r"Example: grader read --question 2.3 '\mathcal{N}(\sqrt{1-\bar\beta_t} x_0, \bar\beta_t I)'")
def read(
    source: Annotated[str, typer.Argument(help="An answers or write-up file, or with --question the formula itself.")],
    question: Annotated[str | None, typer.Option(help="The question that the formula answers, 2.3.")] = None,
    lang: Annotated[str, typer.Option(help="auto, latex or text.")] = "auto",
) -> None:
    """Shows how answers are understood, before the deadline."""
    from grader.reading import read_file, read_formula

    try:
        lines, understood = read_formula(question, lang, source) if question else read_file(Path(source))
    except SubmissionError as error:
        stop(str(error))
    for line in lines:
        print(line)
    if not understood:
        raise typer.Exit(COULD_NOT)


@app.command(epilog="Example: grader answers cases.jsonl --processes 2")
def answers(
    file: Annotated[Path, typer.Argument(help="Lines {id, question, lang, student}; '-' reads standard input.")],
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes judge side by side.")] = 2,
) -> None:
    """Judges typed answers: one JSON line {id, verdict, mistake, message, ms} for each line of the file."""
    import json

    from grader.theory.stream import answer_lines

    try:
        stream = sys.stdin if str(file) == "-" else file.open(encoding="utf-8", errors="replace")
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}.")
    with stream:
        for verdict in answer_lines(stream, processes=processes):
            print(json.dumps(verdict, ensure_ascii=False), flush=True)


register_author(app)
register_build(app)
register_cohort(app)
