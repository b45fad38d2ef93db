"""The store's submissions as standings: what the student pages, the class page and the tables are rendered from."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from grader.cohort.late import LatePolicy, lateness
from grader.cohort.records import Row
from grader.cohort.settings import ClassSettings
from grader.cohort.store import Store
from grader.judge import skipped
from grader.late import Lateness
from grader.model import Evidence, QuestionResult, Report
from grader.report.standing import Standing
from grader.report.text import number

NOT_GRADED = "Not graded yet: the run was stopped before it came to this submission."


def standings(store: Store, settings: ClassSettings, policy: LatePolicy | None) -> Iterator[Standing]:
    """One at a time, so that memory stays flat whatever the size of the class."""
    students = store.students()
    for row in store.rows():
        people = students.get(row.id, ())
        late = lateness(policy, row.submitted_at, row.key, people)
        yield Standing(
            key=row.key,
            pseudonym=row.pseudonym,
            students=people,
            report=_report(store, settings, row, late) if row.state == "done" else None,
            error="" if row.state == "done" else row.error or NOT_GRADED,
            submitted_at=row.submitted_at,
            lateness=late,
            seconds=row.seconds,
            peak_bytes=row.peak_bytes,
        )


def _report(store: Store, settings: ClassSettings, row: Row, late: Lateness) -> Report:
    evidence = store.evidence(row.id)
    grades = store.grades(row.id).get(row.id, {})
    results = []
    for question in settings.rubric.for_track(row.track):
        grade = grades.get(question.number)
        verdict = grade.verdict if grade else skipped(question, NOT_GRADED, ours=True)
        results.append(QuestionResult(question, verdict, evidence.get(question.number, Evidence(question.check))))
    return Report(
        title=settings.rubric.title,
        track=row.track,
        origin=row.key,
        digest=row.digest,
        results=tuple(results),
        isolation=row.isolation,
        notes=(*_late_note(late, results), *row.notes),
        seconds=row.seconds,
        complete=row.complete,
    )


def _late_note(late: Lateness, results: list[QuestionResult]) -> tuple[str, ...]:
    """What the policy says, with the points that count."""
    if not late.sentence or late.factor == 1:
        return (late.sentence,) if late.sentence else ()
    score = sum((r.verdict.points for r in results), Fraction(0))
    return (f"{late.sentence} So far {number(score * late.factor)} of your {number(score)} points count.",)
