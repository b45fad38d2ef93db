"""A report as a table in the terminal."""

from __future__ import annotations

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
    table = Table(title=f"{report.title} — {report.origin}", title_justify="left", expand=True, show_lines=False)
    table.add_column("", width=1)
    table.add_column("no.", no_wrap=True)
    table.add_column("question", ratio=2)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("what we saw", ratio=5)
    for result in report.results:
        table.add_row(*_row(result))
    return Group(table, Panel(Text(_summary(report)), title="Result", title_align="left"))


def _row(result: QuestionResult) -> tuple[RenderableType, ...]:
    mark, style = MARKS[result.verdict.outcome]
    points = f"{number(result.verdict.points)} / {number(result.question.points)}"
    if result.verdict.awaiting:
        points += f" (+{number(result.verdict.awaiting)}?)"
    message = result.verdict.message or WORDS[result.verdict.outcome]
    if result.verdict.notes:
        message += "\n" + "\n".join(result.verdict.notes)
    return (
        Text(mark, style=style),
        Text(result.question.number),
        Text(result.question.title),
        Text(points, style=style),
        Text(message),
    )


def _summary(report: Report) -> str:
    track = f"track: {report.track}; {report.seconds:.1f} s"
    layers = ", ".join(report.isolation) if report.isolation else "no student code was run"
    return f"{summary_text(report)}\n{track}; isolation: {layers}"


def print_report(report: Report, console: Console) -> None:
    """Prints the table and the summary."""
    console.print(report_table(report))
