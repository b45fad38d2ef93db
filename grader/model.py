"""What everything speaks: questions, evidence, verdicts, results, reports. All frozen; points are exact fractions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = Any  # None, bool, int, float, str, list of Json, dict of str to Json: what json.dumps takes
Array: TypeAlias = NDArray[np.generic]
Outcome = Literal["passed", "partial", "failed", "needs_review", "skipped", "grader_error"]
Visibility = Literal["hidden", "after_due_date", "after_published", "visible"]

NO_TIME = "no_time"
"""Kind of a failure: the time of the whole run was up, whatever the student's code would have done."""

WHOLE = "all"
"""Name of the only part of a question that the rubric does not split."""


class SubmissionError(Exception):
    """Theirs: something is wrong with the submission. The text is a sentence for the student."""


class GraderError(Exception):
    """Ours: the grader, its files or its machine failed. The text is for the instructor; no point is lost."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of the rubric: what is asked, what it is worth, which check decides it."""

    number: str
    """The handout's number, '2.4.result' or '5.1'."""
    title: str
    points: Fraction
    check: str
    """Name of the registered check, 'theory.result' or 'gan.dnet'."""
    parts: Mapping[str, Fraction] = field(default_factory=dict)
    """Points of each separately judged part; they sum to `points`. Unsplit questions have the one part 'all'."""
    topic: str | None = None
    """For theory: the handout's item that this question belongs to, '2.4'."""
    track: str | None = None
    """Graded only on this track (ddpm or score); None on every track."""
    visibility: Visibility = "visible"
    tags: tuple[str, ...] = ()
    hint: str = ""
    """Shown to the student with a wrong answer: where to look, never the answer."""
    expected: bool | None = None
    """For true/false questions: the right verdict."""
    look_for: tuple[Mapping[str, Json], ...] = ()
    """For free text: what a reviewer looks for, each with id, text and words."""
    policy: Mapping[str, Json] = field(default_factory=dict)
    """Switches of this question only; they override the rubric's [policy]."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a measurement ended early."""

    kind: str
    """missing_file, import, timeout, … (the student's), or ours: grader, no_time (the whole run's time was up)."""
    sentence: str
    where: str = ""
    """The place in the student's file, 'hw5_gan.py:31, in forward'; empty when unknown."""
    detail: str = ""
    """A traceback or the like: for the instructor (ours) or the student (theirs)."""

    @property
    def ours(self) -> bool:
        return self.kind in ("grader", NO_TIME)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one question: complete enough to judge from, without the student's code."""

    check: str
    facts: Mapping[str, Json] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    """By part; a failure under 'all' ended the whole measurement."""
    notes: tuple[str, ...] = ()
    output: str = ""
    """What the student's code printed: first and last kilobytes, control characters escaped."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """A judge's finding that costs something: how much of which part, which mistake, what the student reads."""

    mistake: str
    """Short identifier of the named mistake, 'leaky_relu_slope'; 'unnamed' when only the difference is known."""
    message: str
    part: str = WHOLE
    fraction: Fraction = Fraction(1)
    """Share of the part's points that is lost; several findings add up to at most 1."""


@dataclass(frozen=True, slots=True)
class Note:
    """A judge's finding that costs nothing: advice, or what a policy accepted."""

    message: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A judge's finding that a person must decide: nothing is lost, the points of the part await review."""

    message: str
    part: str = WHOLE
    reason: str = "review"


Finding: TypeAlias = Lost | Note | Undecided


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one question, in points."""

    outcome: Outcome
    points: Fraction
    awaiting: Fraction = Fraction(0)
    """Points that a person still decides."""
    mistake: str | None = None
    mistakes: tuple[str, ...] = ()
    message: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """A question, what was seen, what was decided."""

    question: Question
    verdict: Verdict
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Report:
    """One graded submission: everything a rendering needs, and nothing left to compute but layout."""

    title: str
    track: str
    origin: str
    digest: str
    results: tuple[QuestionResult, ...]
    isolation: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the person who runs the grader should know of this machine before student code runs."""
    seconds: float = 0.0
    complete: bool = True
    peak_bytes: int = 0
    """Most resident memory of a process that ran the student's code; 0 when none did."""
    waiting: frozenset[str] = frozenset()
    """Numbers of the questions that a run which has not ended has still to come to."""

    @property
    def score(self) -> Fraction:
        return sum((r.verdict.points for r in self.results), Fraction(0))

    @property
    def max_score(self) -> Fraction:
        return sum((r.question.points for r in self.results), Fraction(0))

    @property
    def awaiting(self) -> Fraction:
        """Points that await a person."""
        return sum((r.verdict.awaiting for r in self.results), Fraction(0))

    @property
    def decided_max(self) -> Fraction:
        """The most that the machine could have given: what does not await a person."""
        return self.max_score - self.awaiting
