"""One submission: plan, measure, judge. Results are reported after every check: a kill keeps what was earned."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from grader.checks.catalogue import find_check, is_coding
from grader.checks.registry import Check, OutOfTime, Record, StudentFailure
from grader.desk import Desk
from grader.judge import NOT_ENOUGH_TIME, JudgeSettings, judge, skipped
from grader.lab import Lab
from grader.model import NO_TIME, WHOLE, Evidence, Failure, Question, QuestionResult, Report, Verdict
from grader.rubric import Rubric
from grader.scoring.tolerances import Tolerance
from grader.student import StudentSession
from grader.student.remote import DESTROYED
from grader.submission import NOT_ASKED_FOR, Submission
from grader.tracks import choose_track

log = logging.getLogger(__name__)

COST_ORDER = {"instant": 0, "cheap": 1, "training": 2, "picture": 3}
CLOSING_S = 15.0
"""Wall seconds kept for judging and writing the report before the container's limit …"""
CLOSING_SHARE = 0.25
"""… but never more than this share of the limit."""
MOST_NAMES = 8
"""Files that are named as not used."""
NOT_GRADED_YET = (
    "Not graded: the grader was stopped before it had decided this question. "
    "This is ours to fix, not yours; a person decides."
)
LEAST_S = {"instant": 0.5, "cheap": 5.0, "training": 20.0, "picture": 60.0}
"""A check of this cost is not begun with less wall time left."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one submission is graded."""

    track: Literal["auto", "ddpm", "score"] = "auto"
    only: tuple[str, ...] = ()
    """Question numbers or their beginnings ('2', '2.4', '2.4.steps'); empty means all."""
    quick: bool = False
    pictures: bool = False
    """Also the homework's own figures (digits, CS446), about a minute more; they decide nothing."""
    device: str = "cpu"
    deadline_s: float | None = None
    """Wall seconds for the whole run; None takes the rubric's container limit."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a display is told: the question begun, or the results so far."""

    done: int
    total: int
    current: str
    report: Report


Listener = Callable[[Progress], None]


@dataclass(slots=True)
class _Run:
    submission: Submission
    rubric: Rubric
    tolerances: Mapping[str, Tolerance]
    options: Options
    track: str
    questions: tuple[Question, ...]
    notes: list[str]
    started: float = field(default_factory=time.monotonic)
    results: dict[str, QuestionResult] = field(default_factory=dict)
    isolation: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    peak_bytes: int = 0

    def report(self, *, complete: bool) -> Report:
        waiting = frozenset(() if complete else {q.number for q in self.questions} - self.results.keys())
        return Report(
            title=self.rubric.title,
            track=self.track,
            origin=self.submission.origin,
            digest=self.submission.digest,
            results=tuple(
                self.results.get(q.number)
                or QuestionResult(q, skipped(q, NOT_GRADED_YET), Evidence(q.check, failures={}))
                for q in self.questions
            ),
            isolation=self.isolation,
            notes=tuple(self.notes),
            warnings=self.warnings,
            seconds=time.monotonic() - self.started,
            complete=complete,
            peak_bytes=self.peak_bytes,
            waiting=waiting,
        )

    @property
    def deadline_s(self) -> float:
        limit = self.options.deadline_s or self.rubric.limits.container_minutes * 60
        return self.started + limit - min(CLOSING_S, CLOSING_SHARE * limit)


def select(questions: Sequence[Question], only: Sequence[str]) -> tuple[Question, ...]:
    """The questions whose number is, or begins with, one of `only`; all of them when it is empty."""
    if not only:
        return tuple(questions)
    return tuple(q for q in questions if any(q.number == o or q.number.startswith(f"{o}.") for o in only))


def grade(
    submission: Submission,
    rubric: Rubric,
    tolerances: Mapping[str, Tolerance],
    options: Options = Options(),
    listener: Listener = lambda _: None,
    session: StudentSession | None = None,
) -> Report:
    """Grades one submission, in a running student process where one is given.

    Raises GraderError only when nothing at all can be graded.
    """
    track, notes = choose_track(submission, rubric, options.track)
    questions = select(rubric.for_track(track), options.only)
    run = _Run(submission, rubric, tolerances, options, track, questions, [*notes, *_ignored(submission)])
    desk = Desk(submission)
    run.notes.extend(desk.notes)
    coding = [q for q in questions if is_coding(q.check)]
    total = len(questions)
    listener(Progress(0, total, "starting", run.report(complete=False)))
    with Lab.opened(submission, rubric, options, run.deadline_s, needed=bool(coding), session=session) as lab:
        for question in _in_order(questions):
            check = find_check(question.check)
            done = len(run.results)
            listener(Progress(done, total, f"{question.number} {question.title}", run.report(complete=False)))
            if check.module and not run.isolation:
                run.isolation, run.warnings = lab.isolation(), tuple(lab.warnings())
                listener(Progress(done, total, f"{question.number} {question.title}", run.report(complete=False)))
            run.results[question.number] = _one(run, desk, lab, question, check)
            run.peak_bytes = lab.peak_bytes
            listener(Progress(done + 1, total, question.title, run.report(complete=False)))
        run.notes.extend(dict.fromkeys(lab.notes))
    report = run.report(complete=True)
    listener(Progress(total, total, "", report))
    return report


def _in_order(questions: Sequence[Question]) -> Iterator[Question]:
    """Theory first, while the student process warms up; then coding, the cheapest first.

    What students don't see comes after all that they see, so that the time that it takes cannot change what they see.
    The coding checks are imported, with torch, only when the theory is done.
    """
    for shown in (True, False):
        some = [q for q in questions if (q.visibility == "visible") is shown]
        yield from (q for q in some if not is_coding(q.check))
        coding = [q for q in some if is_coding(q.check)]
        yield from sorted(coding, key=lambda q: COST_ORDER[find_check(q.check).cost])


def _ignored(submission: Submission) -> list[str]:
    """What was not used: refused files with the reason, the rest in one line."""
    refused = [
        f"{item.name} was not used: {item.reason}." for item in submission.ignored if item.reason != NOT_ASKED_FOR
    ]
    other = [item.name for item in submission.ignored if item.reason == NOT_ASKED_FOR]
    if other:
        shown = ", ".join(other[:MOST_NAMES]) + (
            f" and {len(other) - MOST_NAMES} more" if len(other) > MOST_NAMES else ""
        )
        refused.append(f"Not part of the homework, so not used: {shown}.")
    if len(refused) > MOST_NAMES:
        refused = [*refused[:MOST_NAMES], f"{len(refused) - MOST_NAMES} more files were not used."]
    return [*submission.notes, *refused]


def _one(run: _Run, desk: Desk, lab: Lab, question: Question, check: Check) -> QuestionResult:
    settings = JudgeSettings(question, run.rubric.policy, run.tolerances)
    reason = _not_begun(run, question, check)
    if reason is not None:
        return QuestionResult(question, reason, Evidence(check.name))
    evidence = measure(check, question, desk, lab)
    if any(failure.sentence == DESTROYED for failure in evidence.failures.values()):
        evidence = measure(check, question, desk, lab)  # the kernel may have taken it for memory that others held
    return QuestionResult(question, judge(check, evidence, settings), evidence)


def _not_begun(run: _Run, question: Question, check: Check) -> Verdict | None:
    if run.options.quick and check.cost in ("training", "picture"):
        return skipped(question, "Not measured: the quick mode leaves trainings out.")
    if run.deadline_s - time.monotonic() < LEAST_S[check.cost]:
        return skipped(question, NOT_ENOUGH_TIME)
    return None


def measure(check: Check, question: Question, desk: Desk, lab: Lab) -> Evidence:
    """Runs one check's measurement and writes down what it saw, whatever happens. Never raises."""
    record = Record()
    begun = time.perf_counter()
    output = ""
    try:
        if check.module is None:
            check.measure(desk.bench(question), record)
        else:
            with lab.bench(question, check) as bench:
                try:
                    check.measure(bench, record)
                finally:
                    bench.close()
                    output = bench.output
                    _keep_notes([_about(f"{check.module}.py", n) for n in bench.notes], question, lab, record)
                if bench.unusable is not None:
                    record.failures[WHOLE] = bench.unusable
    except StudentFailure as fault:
        record.failures[WHOLE] = fault.failure
    except OutOfTime as error:
        record.failures[WHOLE] = Failure(NO_TIME, str(error))
    except Exception as error:
        log.exception("the check %s failed", check.name)
        sentence = f"{type(error).__name__}: {error}"
        record.failures[WHOLE] = Failure("grader", sentence, detail=traceback.format_exc())
    return Evidence(
        check=check.name,
        facts=record.facts,
        arrays=record.arrays,
        failures=record.failures,
        notes=tuple(dict.fromkeys(record.notes)),
        output=output,
        seconds=time.perf_counter() - begun,
    )


def _keep_notes(notes: list[str], question: Question, lab: Lab, record: Record) -> None:
    """What was seen of a module goes to the whole report; what only a hidden question saw of it, to that question."""
    if question.visibility == "visible":
        lab.notes.extend(notes)
    else:
        record.notes.extend(note for note in notes if note not in lab.notes)


def _about(file: str, note: str) -> str:
    return note if note.startswith(file) else f"{file}: {note}"


def default_paths() -> tuple[Path, Path]:
    """The rubric and the tolerances that ship with the grader."""
    folder = Path(__file__).resolve().parent.parent / "reference"
    return folder / "rubric.toml", folder / "tolerances.toml"
