"""The commands that only read a class: its history, pages, table, and pairs of alike code. None changes a grade."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from grader.model import GraderError

if TYPE_CHECKING:
    from grader.cohort.records import Row
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
    from rich.console import Console
    from rich.table import Table

    from grader.cohort.decisions import decision_history
    from grader.cohort.settings import rules_history

    console = Console(highlight=False)
    rules = Table("rules from", "by", "rubric", "tolerances", "late policy", "grader", title_justify="left")
    for held in rules_history(store):
        digests = (held.rubric_digest, held.tolerances_digest, held.late_digest)
        rules.add_row(held.at, held.by_whom, *(digest[:SHORT] or "none" for digest in digests), held.grader_version)
    console.print(rules)
    pseudonyms = {row.key: row.pseudonym for row in store.rows()}
    made = Table("decided", "by", "question", "for", "share", "comment", "taken back", title_justify="left")
    for decision, undone_at in decision_history(store):
        if question in ("", decision.number):
            whom = pseudonyms.get(decision.submission, "everyone with the answer")
            said = (str(decision.share), decision.comment, undone_at)
            made.add_row(decision.at, decision.by_whom, decision.number, whom, *said)
    if made.row_count:
        console.print(made)


def _of_submission(store: Store, row: Row, question: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from grader.report.text import WORDS, number

    shown = Table(
        "question", "at", "points", "outcome", "mistake", "cause", "by", "rubric", "grader", title_justify="left"
    )
    for number_of in sorted(store.grades(row.id).get(row.id, {})):
        if question not in ("", number_of):
            continue
        for grade in store.history(row.id, number_of):
            verdict, stamp = grade.verdict, grade.stamp
            awaiting = f" (+{number(verdict.awaiting)}?)" if verdict.awaiting else ""
            shown.add_row(
                number_of,
                grade.at,
                f"{number(verdict.points)}{awaiting}",
                WORDS[verdict.outcome],
                verdict.mistake or "",
                grade.cause,
                stamp.by_whom,
                stamp.rubric_digest[:SHORT],
                stamp.grader_version,
            )
    if not shown.row_count:
        raise GraderError(f"{row.key} has no grade{f' of question {question}' if question else ''}.")
    Console(highlight=False).print(shown)


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
    from rich.console import Console
    from rich.table import Table

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
    Console(highlight=False).print(shown)
    print("A likeness is a reason to look, never a proof: the handout leaves little freedom.")
