"""Lateness: a pure function of the time of a hand-in and the policy's file. It is shown wherever it is applied.

due = 2024-04-12T23:59:00-05:00
grace_minutes = 15
per_day = "0.1"            # share of the points lost for each begun day
at_most = "0.5"            # never more than this share
closed_after_days = 5      # later is worth nothing; leave out for never

[extensions]               # by e-mail, student number, or name of the folder
"ada@example.edu" = 2026-04-15T23:59:00-05:00
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import msgspec

from grader.model import GraderError
from grader.report.standing import Lateness, Student

DAY_S = 86_400


class LatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a hand-in is late and what it costs."""

    due: datetime
    per_day: str = "0"
    grace_minutes: float = 0.0
    at_most: str = "1"
    closed_after_days: int | None = None
    extensions: dict[str, datetime] = {}


def read_late_policy(source: Path | str) -> LatePolicy:
    """The policy of a TOML file (a path) or of its text. Raises GraderError with the reason."""
    place = str(source) if isinstance(source, Path) else "the stored late policy"
    try:
        data = tomllib.loads(source.read_text("utf-8") if isinstance(source, Path) else source)
        policy = msgspec.convert(data, LatePolicy)
        shares = [Fraction(policy.per_day), Fraction(policy.at_most)]
    except OSError as error:
        raise GraderError(f"{place} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise GraderError(f"{place} is no late policy: {error}") from error
    except (ValueError, ZeroDivisionError) as error:
        raise GraderError(f'{place}: per_day and at_most are shares such as "0.1"; {error}') from error
    if any(not 0 <= share <= 1 for share in shares) or policy.grace_minutes < 0:
        raise GraderError(f"{place}: per_day and at_most are shares from 0 to 1, grace_minutes is not negative.")
    if any(when.tzinfo is None for when in (policy.due, *policy.extensions.values())):
        raise GraderError(f"{place}: every time needs its offset from UTC, such as 2024-04-12T23:59:00-05:00.")
    return policy


def lateness(
    policy: LatePolicy | None, submitted_at: datetime | None, key: str, students: Iterable[Student]
) -> Lateness:
    """What the policy takes off. A group has the latest extension of its members."""
    if policy is None or submitted_at is None:
        return Lateness()
    names = {key.lower(), *(n.lower() for s in students for n in (s.email, s.sid) if n)}
    extended = [when for name, when in policy.extensions.items() if name.lower() in names]
    due = max([policy.due, *extended])
    late_s = (submitted_at - due).total_seconds()
    until = due.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if late_s <= 0:
        return Lateness()
    if late_s <= policy.grace_minutes * 60:
        return Lateness(late_s, Fraction(1), f"Handed in {_span(late_s)} after {until}, within the grace period.")
    days = math.ceil(late_s / DAY_S)
    if policy.closed_after_days is not None and days > policy.closed_after_days:
        return Lateness(late_s, Fraction(0), f"Handed in {_span(late_s)} after {until}: too late to count.")
    lost = min(Fraction(policy.per_day) * days, Fraction(policy.at_most))
    return Lateness(
        late_s, 1 - lost, f"Handed in {_span(late_s)} after {until}: {float(lost):.0%} of the points are taken off."
    )


def _span(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
