"""One submission of a class: who handed in, when, and the report. Class page and tables are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from grader.late import IN_TIME, Lateness
from grader.model import Report


@dataclass(frozen=True, slots=True)
class Student:
    """Who handed in. Any field may be empty: exports leave e-mails and numbers out."""

    name: str = ""
    email: str = ""
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A submission of a class with the students that it belongs to."""

    key: str
    """Name of the folder or archive, 'submission_1234'."""
    pseudonym: str
    students: tuple[Student, ...]
    report: Report | None
    """None when nothing could be graded; `error` says why."""
    error: str = ""
    theirs: bool = False
    """Whether the error is the submission's own: a sentence for the student. Else it waits for another run."""
    submitted_at: datetime | None = None
    lateness: Lateness = IN_TIME

    @property
    def score(self) -> Fraction:
        """The points that count: after the late policy; 0 without a report."""
        return self.score_before_lateness * self.lateness.factor

    @property
    def score_before_lateness(self) -> Fraction:
        """The points of the report; 0 without one."""
        return self.report.score if self.report else Fraction(0)
