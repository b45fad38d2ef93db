"""A class as CSV, in the columns that Gradescope exports and that Canvas imports. It computes no point."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC
from fractions import Fraction

from grader.model import GraderError, Question
from grader.report.standing import Standing, Student
from grader.report.text import number

GRADESCOPE_HEAD = (
    "First Name",
    "Last Name",
    "SID",
    "Email",
    "Sections",
    "Total Score",
    "Max Points",
    "Status",
    "Submission ID",
    "Submission Time",
    "Lateness (H:M:S)",
    "View Count",
    "Submission Count",
)
CANVAS_HEAD = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def gradescope_csv(standings: Iterable[Standing], questions: Sequence[Question]) -> str:
    """Gradescope's "Download Grades": one row a student (a group has one for each), one column a question.

    `questions` holds those of every track; a question of another track is left empty.
    """
    columns = _columns(questions)
    rows: list[list[str]] = [[*GRADESCOPE_HEAD, *columns]]
    for standing in standings:
        for student in standing.students or (Student(name=standing.key),):
            first, last = _names(student.name)
            head = [first, last, student.sid, student.email, ""]
            rows.append([_safe(cell) for cell in head] + _gradescope_row(standing, columns))
    return _csv(rows)


def _gradescope_row(standing: Standing, columns: Sequence[str]) -> list[str]:
    report = standing.report
    when = standing.submitted_at
    scores = {} if report is None else {_column(r.question): number(r.verdict.points) for r in report.results}
    late = max(0, round(standing.lateness.late_s))
    return [
        "" if report is None else number(standing.score),
        "" if report is None else number(report.max_score),
        "Missing" if report is None else ("Graded" if not report.awaiting else "Ungraded"),
        standing.key.removeprefix("submission_"),
        "" if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +0000"),
        f"{late // 3600:02d}:{late // 60 % 60:02d}:{late % 60:02d}",
        "",
        "",
        *(scores.get(column, "") for column in columns),
    ]


def canvas_csv(standings: Iterable[Standing], title: str, points: Fraction) -> str:
    """Canvas's gradebook import: a head, the row of points possible, one row a student.

    `title` names the assignment's column as Canvas does, 'Homework 5 (12345)'.
    """
    rows = [[*CANVAS_HEAD, _safe(title)], ["    Points Possible", "", "", "", "", number(points)]]
    for standing in standings:
        for student in standing.students or (Student(name=standing.key),):
            first, last = _names(student.name)
            shown = f"{last}, {first}" if first and last else student.name
            score = "" if standing.report is None else number(standing.score)
            rows.append([_safe(c) for c in (shown, "", student.sid, student.email, "")] + [score])
    return _csv(rows)


def table(convention: str, standings: Iterable[Standing], questions: Sequence[Question], title: str) -> str:
    """The CSV of a named convention, gradescope or canvas. Raises GraderError for another name."""
    if convention == "gradescope":
        return gradescope_csv(standings, questions)
    if convention == "canvas":
        return canvas_csv(standings, title, _most(questions))
    raise GraderError(f"There are no CSV columns called {convention!r}; choose gradescope or canvas.")


def _most(questions: Sequence[Question]) -> Fraction:
    """The points of one track: the rubric has seen to it that they are the same on each."""
    track = min((q.track for q in questions if q.track), default=None)
    return sum((q.points for q in questions if q.track in (None, track)), Fraction(0))


def _columns(questions: Sequence[Question]) -> list[str]:
    return list(dict.fromkeys(_column(q) for q in questions))


def _column(question: Question) -> str:
    return f"{question.number}: {question.title} ({float(question.points)} pts)"


def _names(name: str) -> tuple[str, str]:
    first, _, last = name.strip().rpartition(" ")
    return (first, last) if first else (last, "")


def _safe(cell: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _csv(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
