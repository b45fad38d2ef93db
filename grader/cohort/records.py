"""The rows of the store as data: submissions, grades with their stamps, decisions of reviewers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec

from grader.cohort.pack import PackedEvidence, PackedVerdict, unpack_verdict
from grader.model import Verdict

Cause = Literal["graded", "regraded", "reviewed", "undone"]


class Stamp(msgspec.Struct, frozen=True):
    """What a grade came from: rubric, tolerances, version of the grader, and who caused it."""

    rubric_digest: str
    tolerances_digest: str
    grader_version: str
    by_whom: str = "grader"


class Measured(msgspec.Struct, frozen=True):
    """Everything one finished submission adds to the store."""

    key: str
    digest: str
    title: str
    track: str
    isolation: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    peak_bytes: int
    complete: bool
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
    digest: str
    submitted_at: datetime | None
    state: str
    error: str
    title: str
    track: str
    isolation: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    peak_bytes: int
    complete: bool

    @property
    def pseudonym(self) -> str:
        """A name that says nothing of the student, the same in every rendering."""
        return "s-" + hashlib.sha256(self.key.encode("utf-8", "surrogateescape")).hexdigest()[:6]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided of one answer to one question, for everyone who gave it."""

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


ROW_COLUMNS = (
    "id, key, path, stamp, digest, submitted_at, state, error, title, track, isolation, notes, seconds, "
    "peak_bytes, complete"
)
VERDICT_COLUMNS = "outcome, points, awaiting, mistake, mistakes, message, notes"
STAMP_COLUMNS = "rubric_digest, tolerances_digest, grader_version, by_whom"
GRADE_COLUMNS = f"id, submission_id, number, {VERDICT_COLUMNS}, {STAMP_COLUMNS}, at, cause"
DECISION_COLUMNS = "id, number, answer, share, ticks, comment, by_whom, at"


def now() -> str:
    """The time as every table writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def row_of(fields: Sequence[object]) -> Row:
    values = list(fields)
    values[2] = Path(str(values[2]))
    values[5] = datetime.fromisoformat(str(values[5])) if values[5] else None
    values[10] = tuple(json.loads(str(values[10])))
    values[11] = tuple(json.loads(str(values[11])))
    values[14] = bool(values[14])
    return Row(*values)  # type: ignore[arg-type]


def grade_of(fields: Sequence[object]) -> Grade:
    values = list(fields)
    verdict = unpack_verdict(PackedVerdict(*values[3:10]))  # type: ignore[arg-type]
    stamp = Stamp(*values[10:14])  # type: ignore[arg-type]
    return Grade(values[0], values[1], values[2], verdict, stamp, values[14], values[15])  # type: ignore[arg-type]


def decision_of(fields: Sequence[object]) -> Decision:
    values = list(fields)
    values[3], values[4] = Fraction(str(values[3])), tuple(json.loads(str(values[4])))
    return Decision(*values)  # type: ignore[arg-type]
