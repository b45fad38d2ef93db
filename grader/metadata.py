"""Gradescope's submission_metadata.json: when it was handed in, what came before, what lateness and haste mean.

Fields as Gradescope documents them: created_at, assignment.due_date, users[].assignment.due_date (an extension),
previous_submissions[].submission_time, .score, .results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from grader.late import DAY, Lateness, lateness
from grader.model import Json
from grader.report.document import points
from grader.rubric import Feedback

LARGEST = 64_000_000
"""Bytes; the file holds the results of every earlier try."""


@dataclass(frozen=True, slots=True)
class Previous:
    """An earlier try of the same student."""

    submitted_at: datetime
    results: Mapping[str, Json]

    @property
    def counts(self) -> bool:
        """Whether it was really graded: neither refused for frequency nor lost by a fault of ours."""
        extra = self.results.get("extra_data")
        return bool(self.results.get("tests")) and isinstance(extra, Mapping) and extra.get("complete") is True


@dataclass(frozen=True, slots=True)
class Metadata:
    """What Gradescope says about a hand-in."""

    submitted_at: datetime
    due: datetime | None
    previous: tuple[Previous, ...]

    @property
    def attempt(self) -> int:
        """Which try this is, counted from 1."""
        return len(self.previous) + 1


def read_metadata(path: Path) -> Metadata | None:
    """The metadata of a hand-in; None where there are none, or none that can be read: lateness is then no concern."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        document = json.loads(path.read_text("utf-8"))
        return _metadata(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _metadata(document: Mapping[str, Any]) -> Metadata:
    assignment = document.get("assignment") or {}
    own = [user.get("assignment") or {} for user in document.get("users") or ()]
    dates = [d for d in (_time(a.get("due_date")) for a in [assignment, *own]) if d is not None]
    previous = []
    for item in document.get("previous_submissions") or ():
        when, results = _time(item.get("submission_time")), item.get("results")
        if when is not None:
            previous.append(Previous(when, results if isinstance(results, Mapping) else {}))
    submitted_at = _time(document["created_at"])
    if submitted_at is None:
        raise ValueError("created_at")
    return Metadata(submitted_at, max(dates, default=None), tuple(sorted(previous, key=lambda p: p.submitted_at)))


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def late_by(metadata: Metadata, feedback: Feedback) -> Lateness:
    """What the late policy takes. The day of an extension is the due date of who has one."""
    return lateness(metadata.due, metadata.submitted_at, feedback.late_terms)


def refused(metadata: Metadata, feedback: Feedback) -> dict[str, Json] | None:
    """The results of the last valid try with a word on top, when today's tries are used up; else None."""
    if not feedback.attempts_per_day:
        return None
    today = [p for p in metadata.previous if p.counts and metadata.submitted_at - p.submitted_at < DAY]
    if len(today) < feedback.attempts_per_day:
        return None
    last = today[-1]
    again = today[-feedback.attempts_per_day].submitted_at + DAY
    tries = "try" if feedback.attempts_per_day == 1 else "tries"
    sentence = (
        f"This hand-in was not graded: {feedback.attempts_per_day} {tries} within 24 hours are graded, and they are "
        f"used up. What you see is your last graded one. The next one is graded from {again:%Y-%m-%d %H:%M %Z}."
    )
    kept = dict(last.results)
    extra = dict(kept.get("extra_data") or {})
    return {
        **kept,
        "output": sentence,
        "output_format": "text",
        "extra_data": {**extra, "complete": False, "refused_for_frequency": True},
    }


def with_lateness(results: Mapping[str, Json], metadata: Metadata, feedback: Feedback) -> dict[str, Json]:
    """The results with the number of the try, and with what the late policy takes and says."""
    late = late_by(metadata, feedback)
    extra = {**results.get("extra_data", {}), "attempt": metadata.attempt, "late_s": round(late.late_s)}
    document = {**results, "extra_data": extra}
    if late.sentence:
        document["output"] = f"{late.sentence}\n{results.get('output', '')}"
    if late.factor < 1:
        document["score"] = points(Fraction(str(results["score"])) * late.factor)
        extra["score_before_lateness"] = results["score"]
    return document
