"""The late policy of a class: when it was due, who has an extension, what lateness costs.

due = 2024-04-12T23:59:00-05:00
grace_minutes = 15
per_day = "0.1"            # share of the points lost for each begun day
at_most = "0.5"            # never more than this share
closed_after_days = 5      # later is worth nothing; leave out for never

[extensions]               # by e-mail, student number, or name of the folder
"ada@example.edu" = 2024-04-15T23:59:00-05:00

What the file leaves out is as the rubric's [feedback] has it (late_grace_minutes, late_loss_per_day, late_at_most,
late_closed_after_days): the same terms as on Gradescope.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from grader import late
from grader.late import Lateness, LateTerms
from grader.model import GraderError
from grader.report.standing import Student
from grader.rubric import Feedback


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    due: datetime
    per_day: str | None = None
    grace_minutes: float | None = None
    at_most: str | None = None
    closed_after_days: int | None = None
    extensions: dict[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class LatePolicy:
    """When a hand-in is late and what it costs."""

    due: datetime
    terms: LateTerms
    extensions: dict[str, datetime]
    """By e-mail, student number or key of the submission, in lower case."""
    text: str
    """The file as it was written."""


def read_late_policy(source: Path | str, feedback: Feedback = Feedback()) -> LatePolicy:  # noqa: B008 - frozen
    """The policy of a TOML file (a path) or of its text. Raises GraderError with the reason."""
    place = str(source) if isinstance(source, Path) else "the stored late policy"
    try:
        text = source.read_text("utf-8") if isinstance(source, Path) else source
        file = msgspec.convert(tomllib.loads(text), _File)
        terms = late.late_terms(
            file.per_day if file.per_day is not None else feedback.late_loss_per_day,
            file.grace_minutes if file.grace_minutes is not None else feedback.late_grace_minutes,
            file.at_most if file.at_most is not None else feedback.late_at_most,
            file.closed_after_days if file.closed_after_days is not None else feedback.late_closed_after_days,
        )
    except OSError as error:
        raise GraderError(f"{place} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise GraderError(f"{place} is no late policy: {error}") from error
    except ValueError as error:
        raise GraderError(f"{place}: {error}.") from error
    if any(when.tzinfo is None for when in (file.due, *file.extensions.values())):
        raise GraderError(f"{place}: every time needs its offset from UTC, such as 2024-04-12T23:59:00-05:00.")
    extensions = {name.strip().lower(): when for name, when in file.extensions.items()}
    return LatePolicy(file.due, terms, extensions, text)


def names_of(key: str, students: Iterable[Student]) -> set[str]:
    """What an extension may call a submission: its key, or an e-mail or number of who handed it in."""
    return {key.lower(), *(name.strip().lower() for s in students for name in (s.email, s.sid) if name)}


def lateness(
    policy: LatePolicy | None, submitted_at: datetime | None, key: str, students: Iterable[Student]
) -> Lateness:
    """What the policy takes off. A group has the latest extension of its members; none is earlier than the rest."""
    if policy is None:
        return late.IN_TIME
    names = names_of(key, students)
    extended = [when for name, when in policy.extensions.items() if name in names]
    return late.lateness(max([policy.due, *extended]), submitted_at, policy.terms)


def unused_extensions(policy: LatePolicy, hand_ins: Iterable[tuple[str, Iterable[Student]]]) -> list[str]:
    """The names under [extensions] that no hand-in of the class (its key, its students) answers to."""
    known = {name for key, students in hand_ins for name in names_of(key, students)}
    return [name for name in policy.extensions if name not in known]
