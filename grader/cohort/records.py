"""The rows of the store as data: submissions, grades with their stamps, decisions of reviewers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import msgspec

from grader.cohort.pack import PackedEvidence, PackedVerdict, unpack_verdict
from grader.model import Report, Verdict

Cause = Literal["graded", "regraded", "reviewed", "undone"]


class Stamp(msgspec.Struct, frozen=True):
    """What a grade came from: rubric, tolerances, version of the grader, and who caused it."""

    rubric_digest: str
    tolerances_digest: str
    grader_version: str
    by_whom: str = "grader"


class Run(msgspec.Struct, frozen=True):
    """How one submission was measured: what its report says apart from the questions."""

    digest: str = ""
    track: str = ""
    isolation: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    peak_bytes: int = 0
    complete: bool = False

    @classmethod
    def of(cls, report: Report) -> Run:
        """What a report says of the whole run."""
        return cls(
            report.digest,
            report.track,
            report.isolation,
            report.notes,
            report.warnings,
            report.seconds,
            report.peak_bytes,
            report.complete,
        )


class Measured(msgspec.Struct, frozen=True):
    """Everything one finished submission adds to the store."""

    key: str
    run: Run
    evidence: dict[str, PackedEvidence]
    """By question number; questions that were skipped have none."""
    verdicts: dict[str, PackedVerdict]
    partial: bool = False
    """Only questions that the store had no evidence of were measured."""


@dataclass(frozen=True, slots=True)
class Row:
    """One submission of the store, without its evidence."""

    id: int
    key: str
    path: Path
    stamp: str
    submitted_at: datetime | None
    state: str
    error: str
    run: Run

    @property
    def pseudonym(self) -> str:
        """A name that says nothing of the student, the same in every rendering."""
        return "s-" + hashlib.sha256(self.key.encode("utf-8", "surrogateescape")).hexdigest()[:6]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided of one answer to one question: for everyone who gave it, or for one submission."""

    id: int
    number: str
    answer: str
    """Key of the normalised answer."""
    share: Fraction
    """Share of the awaiting points that is given."""
    ticks: tuple[str, ...]
    comment: str
    by_whom: str
    at: str
    submission: str = ""
    """Key of the one submission that it holds for; empty for everyone who gave the answer and is not decided apart."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the grades of a class stood on from a moment on."""

    at: str
    rubric_digest: str
    tolerances_digest: str
    grader_version: str
    by_whom: str
    late_digest: str
    """Of the late policy's file; empty without one."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One line of a grade's history."""

    id: int
    submission_id: int
    number: str
    verdict: Verdict
    stamp: Stamp
    at: str
    cause: Cause


RUN_COLUMNS = "digest, track, isolation, notes, warnings, seconds, peak_bytes, complete"
ROW_COLUMNS = f"id, key, path, stamp, submitted_at, state, error, {RUN_COLUMNS}"
VERDICT_COLUMNS = "outcome, points, awaiting, mistake, mistakes, message, notes"
STAMP_COLUMNS = "rubric_digest, tolerances_digest, grader_version, by_whom"
GRADE_COLUMNS = f"id, submission_id, number, {VERDICT_COLUMNS}, {STAMP_COLUMNS}, at, cause"
DECISION_COLUMNS = "id, number, answer, share, ticks, comment, by_whom, at, submission"
RULES_COLUMNS = f"at, {STAMP_COLUMNS}, late_digest"


def now() -> str:
    """The time as every table writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def row_of(fields: Sequence[Any]) -> Row:
    identity, (digest, track, isolation, notes, warnings, *measures) = fields[:7], fields[7:]
    layers, said, warned = (tuple(json.loads(value)) for value in (isolation, notes, warnings))
    seconds, peak_bytes, complete = measures
    run = Run(digest, track, layers, said, warned, seconds, peak_bytes, bool(complete))
    number, key, path, stamp, submitted_at, state, error = identity
    when = datetime.fromisoformat(submitted_at) if submitted_at else None
    return Row(number, key, Path(path), stamp, when, state, error, run)


def grade_of(fields: Sequence[Any]) -> Grade:
    verdict = unpack_verdict(PackedVerdict(*fields[3:10]))
    return Grade(fields[0], fields[1], fields[2], verdict, Stamp(*fields[10:14]), fields[14], fields[15])


def decision_of(fields: Sequence[Any]) -> Decision:
    number, answer, share, ticks, *rest = fields[1:]
    return Decision(fields[0], number, answer, Fraction(share), tuple(json.loads(ticks)), *rest)
