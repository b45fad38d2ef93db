"""The commands that only read a class: its history, pages, table, and pairs of alike code. None changes a grade."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from grader.model import GraderError

if TYPE_CHECKING:
    from grader.cohort.records import Row, Rules, Stamp
    from grader.cohort.store import Store

COULD_NOT = 1
USAGE = 2
StoreArgument = Annotated[Path, typer.Argument(help="The store that `grader cohort` wrote.")]
LateOption = Annotated[Path | None, typer.Option("--late", help="A late policy (TOML); the store keeps the first.")]
SHORT = 8
"""Characters of a digest that are shown."""


def stop(sentence: str, code: int = COULD_NOT) -> NoReturn:
    """Ends the command with one sentence on standard error."""
    print(f"grader: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


def history(
    store: StoreArgument,
    submission: Annotated[
        str, typer.Argument(help="The name of its folder or its pseudonym; nothing for the whole class.")
    ] = "",
    question: Annotated[str, typer.Option(help="Only this question, 2.4.result.")] = "",
) -> None:
    """Shows which rules held when and who decided what; with a submission, every grade that it ever had."""
    from grader.cohort.store import Store

    try:
        with Store(store, create=False) as opened:
            if submission:
                _of_submission(opened, _find(opened, submission), question)
            else:
                _of_class(opened, question)
    except GraderError as error:
        stop(str(error))


def _find(store: Store, name: str) -> Row:
    found = [row for row in store.rows() if name in (row.key, row.pseudonym)]
    if len(found) > 1:
        keys = ", ".join(row.key for row in found)
        raise GraderError(f"{name} is the pseudonym of more than one submission: {keys}; give the name of its folder.")
    return found[0] if found else store.row(name)


def _of_class(store: Store, question: str) -> None:
    from grader.cohort.decisions import decision_history
    from grader.cohort.settings import rules_history

    print("Rules")
    for held in rules_history(store):
        late = f"late policy {held.late_digest[:SHORT]}" if held.late_digest else "no late policy"
        print(f"  from {_when(held.at)}  {_rules(held)}, {late}; by {held.by_whom}")
    pseudonyms = {row.key: row.pseudonym for row in store.rows()}
    made = [(d, undone_at) for d, undone_at in decision_history(store) if question in ("", d.number)]
    print("Decisions" if made else "No decision yet")
    for decision, undone_at in made:
        whom = pseudonyms.get(decision.submission, "everyone with the answer")
        said = f": {decision.comment}" if decision.comment else ""
        gone = f" (taken back {_when(undone_at)})" if undone_at else ""
        share = f"{decision.share} of the awaiting points of {decision.number}"
        print(f"  {_when(decision.at)}  {share} for {whom}{said}; by {decision.by_whom}{gone}")


def _of_submission(store: Store, row: Row, question: str) -> None:
    from grader.report.text import WORDS, number

    asked = [n for n in sorted(store.grades(row.id).get(row.id, {})) if question in ("", n)]
    if not asked:
        raise GraderError(f"{row.key} has no grade{f' of question {question}' if question else ''}.")
    for name in asked:
        print(name)
        for grade in store.history(row.id, name):
            verdict = grade.verdict
            awaiting = f" (+{number(verdict.awaiting)}?)" if verdict.awaiting else ""
            seen = f"{WORDS[verdict.outcome]}{f', {verdict.mistake}' if verdict.mistake else ''}"
            points = f"{number(verdict.points)}{awaiting} points, {seen}"
            print(f"  {_when(grade.at)}  {points}; {grade.cause} by {grade.stamp.by_whom}; {_rules(grade.stamp)}")


def _rules(stamp: Rules | Stamp) -> str:
    return (
        f"rubric {stamp.rubric_digest[:SHORT]}, tolerances {stamp.tolerances_digest[:SHORT]}, "
        f"grader {stamp.grader_version}"
    )


def _when(at: str) -> str:
    """The time of a row (ISO 8601, UTC) as people write it."""
    return at[:16].replace("T", " ")


def report(
    store: StoreArgument,
    html: Annotated[Path, typer.Option(help="A folder: one page for each student, and class.html.")],
    late: LateOption = None,
) -> None:
    """Writes a page for each student and one for the class, from what is stored."""
    from grader.cohort.pages import write_pages
    from grader.cohort.settings import late_policy, stored_settings
    from grader.cohort.store import Store

    try:
        with Store(store, create=False) as opened:
            settings = stored_settings(opened)
            pages = write_pages(opened, settings, late_policy(opened, settings, late), html)
    except GraderError as error:
        stop(str(error))
    except OSError as error:
        stop(f"the pages could not be written to {html}: {error.strerror}.")
    print(f"{pages} student pages and class.html are in {html}")


def export(
    store: StoreArgument,
    csv: Annotated[Path, typer.Option(help="The file to write; '-' is standard output.")],
    columns: Annotated[str, typer.Option(help="gradescope or canvas.")] = "gradescope",
    assignment: Annotated[str, typer.Option(help="The assignment's column in Canvas, with its id.")] = "",
    late: LateOption = None,
) -> None:
    """Writes the grades as a table in Gradescope's or Canvas's columns."""
    from grader.cohort.settings import late_policy, stored_settings
    from grader.cohort.standings import standings
    from grader.cohort.store import Store
    from grader.report.table import table

    if columns not in ("gradescope", "canvas"):
        stop(f"--columns must be gradescope or canvas, not {columns!r}.", USAGE)
    try:
        with Store(store, create=False) as opened:
            settings = stored_settings(opened)
            rows = standings(opened, settings, late_policy(opened, settings, late))
            text = table(columns, rows, settings.rubric.questions, assignment or settings.rubric.title)
    except GraderError as error:
        stop(str(error))
    if str(csv) == "-":
        print(text, end="")
        return
    try:
        csv.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        stop(f"the table could not be written to {csv}: {error.strerror}.")


def similar(
    store: StoreArgument,
    least: Annotated[float, typer.Option(min=0, max=100, help="Pairs that agree to this percentage.")] = 90.0,
) -> None:
    """Lists pairs of coding submissions that agree after names and comments are taken away. For the instructor only."""
    from rich.table import Table

    from grader.cli_common import console
    from grader.cohort.similarity import similar_pairs
    from grader.cohort.store import Store

    try:
        with Store(store, create=False) as opened:
            pairs = similar_pairs(opened, least)
    except GraderError as error:
        stop(str(error))
    shown = Table("file", "one", "other", "agree", "with the baseline", title_justify="left")
    for pair in pairs:
        shown.add_row(pair.file, pair.one, pair.other, f"{pair.percent:.0f} %", f"{pair.baseline:.0f} %")
    console().print(shown)
    print("A likeness is a reason to look, never a proof: the handout leaves little freedom.")
