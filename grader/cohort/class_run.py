"""Grades a class into its store: what is missing is measured, what is finished stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from grader.checks.catalogue import find_check
from grader.cohort.executor import Executor, Listener
from grader.cohort.messages import Failed, Finished, Job
from grader.cohort.records import Cause, Grade, Row
from grader.cohort.review import settle_submission
from grader.cohort.settings import ClassSettings, keep_settings
from grader.cohort.store import Store

LEFT_OUT_BY_QUICK = ("training", "picture")


@dataclass(frozen=True, slots=True)
class ClassOptions:
    """How the submissions of a class are measured."""

    track: str = "auto"
    quick: bool = False
    pictures: bool = False
    """Whether the homework's own figures are drawn for the students' pages."""
    deadline_s: float | None = None
    """Wall seconds for one submission; None takes the rubric's container limit."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run did."""

    finished: int = 0
    failed: int = 0
    """Submissions that cannot be graded as they are."""
    ours: int = 0
    """Submissions that the grader failed on; the same command tries them again."""
    before: int = 0
    """Submissions that were finished before this run."""


def missing_questions(row: Row, grades: dict[str, Grade], settings: ClassSettings, *, quick: bool) -> tuple[str, ...]:
    """The questions of a graded submission that this run would measure: without evidence, or failed by the grader."""
    missing = []
    for question in settings.rubric.for_track(row.run.track):
        if quick and find_check(question.check).cost in LEFT_OUT_BY_QUICK:
            continue
        grade = grades.get(question.number)
        left = grade is None or (grade.verdict.outcome == "skipped" and grade.verdict.awaiting)
        if left or (grade is not None and grade.verdict.outcome == "grader_error"):
            missing.append(question.number)
    return tuple(missing)


def plan(store: Store, settings: ClassSettings, options: ClassOptions, keys: Iterable[str] | None = None) -> list[Job]:
    """The jobs that are left. `keys` limits them to some submissions."""
    wanted = None if keys is None else set(keys)
    jobs = []
    for row in store.rows():
        if (wanted is not None and row.key not in wanted) or row.state == "failed":
            continue
        only: tuple[str, ...] = ()
        if row.state == "done":
            only = missing_questions(row, store.grades(row.id).get(row.id, {}), settings, quick=options.quick)
            if not only:
                continue
        jobs.append(
            Job(
                key=row.key,
                path=str(row.path),
                track=row.run.track if only else options.track,
                only=only,
                quick=options.quick,
                pictures=options.pictures,
                deadline_s=options.deadline_s or settings.rubric.limits.container_minutes * 60,
            )
        )
    return jobs


def grade_class(
    store: Store,
    settings: ClassSettings,
    executor: Executor,
    jobs: list[Job],
    *,
    listener: Listener = lambda _: None,
    done: Callable[[Finished | Failed], None] = lambda _: None,
    cause: Cause = "graded",
) -> Tally:
    """Runs the jobs and stores every answer before the next. Raises GraderError when no job can be run at all."""
    keep_settings(store, settings)
    finished = failed = ours = 0
    running = executor.run(iter(jobs), listener)
    try:
        for answer in running:
            if isinstance(answer, Finished):
                store.keep(answer.measured, settings.stamp, cause)
                settle_submission(store, settings, answer.measured.key)
                finished += 1
            else:
                store.fail(answer.key, answer.error, ours=answer.ours)
                failed, ours = failed + (not answer.ours), ours + answer.ours
            done(answer)
    finally:
        close = getattr(running, "close", None)
        if close is not None:
            close()
    return Tally(finished, failed, ours)


def measure_missing(store: Store, settings: ClassSettings, missing: Mapping[str, tuple[str, ...]]) -> list[Job]:
    """Jobs for the questions that a regrade found without evidence; only these are measured."""
    deadline_s = settings.rubric.limits.container_minutes * 60
    return [
        Job(key=key, path=str(row.path), track=row.run.track, only=numbers, deadline_s=deadline_s)
        for key, numbers in missing.items()
        for row in (store.row(key),)
    ]
