"""What deciding one member gives, and how the failures of an evaluation become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grader.theory.deciding import Difference
from grader.theory.errors import (
    EvaluationError,
    ExtremeNumber,
    KindMismatch,
    NotEvaluated,
    Singular,
    TooMuchWork,
)
from grader.theory.laws import NotADensity
from grader.theory.values import FIRST_DIGITS, MORE_DIGITS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comparing one member with the right answer gave."""

    verdict: str
    difference: Difference | None = None
    mistake: str | None = None
    sentence: str = ""
    draws: int = 0
    credit_hint: str | None = None


def guarded(decide: Callable[[int], Outcome]) -> Outcome:
    """Runs a decision, again with more digits where the first ones did not suffice, and sorts what went wrong."""
    try:
        try:
            return decide(FIRST_DIGITS)
        except ExtremeNumber:
            return decide(MORE_DIGITS)
    except NotADensity as error:
        return Outcome("incorrect", mistake="not_a_density", sentence=error.sentence)
    except KindMismatch as error:
        return Outcome(
            "incorrect", mistake="kind_mismatch", sentence=f"The formula does not fit together: {error.sentence}"
        )
    except Singular as error:
        return Outcome("incorrect", mistake="no_value", sentence=f"The formula has no value: {error.sentence}")
    except (NotEvaluated, TooMuchWork, ExtremeNumber) as error:
        return Outcome("undecided", sentence=f"The answer was read but not decided: {error.sentence}")
    except EvaluationError as error:
        return Outcome("incorrect", mistake="no_value", sentence=f"The formula has no value: {error.sentence}")
