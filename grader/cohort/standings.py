"""The store's submissions as standings: what the student pages, the class page and the tables are rendered from."""

from __future__ import annotations

from collections.abc import Iterator

from grader.cohort.late import LatePolicy, lateness
from grader.cohort.records import Row
from grader.cohort.settings import ClassSettings
from grader.cohort.store import Store
from grader.judge import skipped
from grader.model import Evidence, QuestionResult, Report
from grader.report.standing import Standing

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
            report=_report(store, settings, row) if row.state == "done" else None,
            error="" if row.state == "done" else row.error or NOT_GRADED,
            theirs=row.state == "failed",
            submitted_at=row.submitted_at,
            lateness=late,
        )


def _report(store: Store, settings: ClassSettings, row: Row) -> Report:
    evidence = store.evidence(row.id)
    grades = store.grades(row.id).get(row.id, {})
    results = []
    for question in settings.rubric.for_track(row.run.track):
        grade = grades.get(question.number)
        verdict = grade.verdict if grade else skipped(question, NOT_GRADED)
        results.append(QuestionResult(question, verdict, evidence.get(question.number, Evidence(question.check))))
    return Report(
        title=settings.rubric.title,
        track=row.run.track,
        origin=row.key,
        digest=row.run.digest,
        results=tuple(results),
        isolation=row.run.isolation,
        notes=row.run.notes,
        warnings=row.run.warnings,
        seconds=row.run.seconds,
        complete=row.run.complete,
        peak_bytes=row.run.peak_bytes,
    )
