"""Lateness: what a late policy takes off a hand-in. One home for Gradescope's run and for a class.

The grace moves the deadline: who is within it loses nothing, and a late day begins where the grace of the day before
ends. With 15 minutes of grace, one day is lost from 15 minutes after the due date on, two from 24 h 15 min on. How late
a hand-in is said to be is counted from the due date itself, as the student's clock has it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
MOST_GRACE_MINUTES = 60 * 24 * 366


@dataclass(frozen=True, slots=True)
class LateTerms:
    """What lateness costs."""

    per_day: Fraction = Fraction(0)
    """Share of the points that each begun day takes."""
    grace: timedelta = timedelta(0)
    at_most: Fraction = Fraction(1)
    """No more than this share is taken while the hand-in is open."""
    closed_after_days: int | None = None
    """Later than so many days after the grace is worth nothing; None never closes."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """What the late policy says of one hand-in. Without a policy or a time, nothing is taken off."""

    late_s: float = 0.0
    """Seconds after the due date, with extensions and before grace; 0 when in time."""
    factor: Fraction = Fraction(1)
    """Share of the points that counts."""
    sentence: str = ""
    """What the student reads about it; empty when there is nothing to say."""


IN_TIME = Lateness()


def late_terms(per_day: str, grace_minutes: float, at_most: str, closed_after_days: int | None) -> LateTerms:
    """Terms from the words of a file. Raises ValueError with a sentence for what is no share or no duration."""
    try:
        shares = Fraction(per_day), Fraction(at_most)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f'what lateness takes is a share such as "0.1"; found {per_day!r} and {at_most!r}') from None
    if any(not 0 <= share <= 1 for share in shares):
        raise ValueError(f'what lateness takes is a share from "0" to "1"; found {per_day!r} and {at_most!r}')
    if not 0 <= grace_minutes <= MOST_GRACE_MINUTES:
        raise ValueError(f"the minutes of grace are from 0 to {MOST_GRACE_MINUTES}; found {grace_minutes}")
    if closed_after_days is not None and closed_after_days < 0:
        raise ValueError(f"the days after which nothing counts are 0 or more; found {closed_after_days}")
    return LateTerms(shares[0], timedelta(minutes=grace_minutes), shares[1], closed_after_days)


def lateness(due: datetime | None, submitted_at: datetime | None, terms: LateTerms) -> Lateness:
    """What the terms take off a hand-in that was due at a time (its extension, where there is one)."""
    if due is None or submitted_at is None or submitted_at <= due:
        return IN_TIME
    late = submitted_at - due
    late_s = late.total_seconds()
    said = f"Handed in {duration(late_s)} after {due.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if late <= terms.grace:
        return Lateness(late_s, Fraction(1), f"{said}, within the grace period.")
    days = -((terms.grace - late) // DAY)
    if terms.closed_after_days is not None and days > terms.closed_after_days:
        return Lateness(late_s, Fraction(0), f"{said}: too late to count.")
    lost = min(terms.per_day * days, terms.at_most)
    if not lost:
        return Lateness(late_s, Fraction(1), f"{said}.")
    return Lateness(late_s, 1 - lost, f"{said}: {percent(lost)} of the points are taken off.")


def percent(share: Fraction) -> str:
    """A share as people say it: 10%, 12.5%."""
    return f"{float(share * 100):.3g}%"


def duration(seconds: float) -> str:
    """A span of time, begun minutes counted: 17 min, 26 h 05 min, 3 d 4 h."""
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
