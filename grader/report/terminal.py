"""A report as a table in the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from grader.model import QuestionResult, Report
from grader.report.text import WORDS, number, summary_text

MARKS = {
    "passed": ("✓", "green"),
    "partial": ("◐", "yellow"),
    "failed": ("✗", "red"),
    "needs_review": ("?", "cyan"),
    "skipped": ("–", "dim"),
    "grader_error": ("!", "magenta"),
}


def report_table(report: Report) -> RenderableType:
    """The table of questions, then the summary."""
    table = Table(box=box.SIMPLE_HEAD, expand=False, pad_edge=False, title_justify="left")
    table.title = Text(f"{report.title} — {report.origin}", style="bold")
    table.add_column("")
    table.add_column("no.", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("question, and what was seen")
    for result in report.results:
        table.add_row(*_row(result))
    return Group(table, Panel(Text(_summary(report)), title="Result", title_align="left", expand=False))


def _row(result: QuestionResult) -> tuple[RenderableType, ...]:
    mark, style = MARKS[result.verdict.outcome]
    points = f"{_earned(result)}/{number(result.question.points)}"
    said = Text(result.question.title)
    if result.verdict.outcome not in ("passed", "failed", "partial"):
        said.append(f"  ({WORDS[result.verdict.outcome]})", style=style)
    for line in (result.verdict.message, *(result.verdict.notes if result.verdict.outcome != "grader_error" else ())):
        if line:
            said.append(f"\n{line}", style="dim" if result.verdict.outcome == "needs_review" else "")
    return Text(mark, style=style), Text(result.question.number), Text(points, style=style), said


def _earned(result: QuestionResult) -> str:
    """Points given, with a question mark where a person still decides."""
    if not result.verdict.awaiting:
        return number(result.verdict.points)
    return f"{number(result.verdict.points)}+?" if result.verdict.points else "?"


def _summary(report: Report) -> str:
    track = f"track: {report.track}; {report.seconds:.1f} s"
    layers = ", ".join(report.isolation) if report.isolation else "no student code was run"
    warnings = "".join(f"\n{warning}" for warning in report.warnings)
    return f"{summary_text(report)}\n{track}; isolation: {layers}{warnings}"


def print_report(report: Report, console: Console) -> None:
    """Prints the table and the summary."""
    console.print(report_table(report))
