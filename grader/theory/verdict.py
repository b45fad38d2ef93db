"""What is said of one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

AnswerVerdict = Literal["correct", "incorrect", "unreadable", "undecided"]


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What the rubric leaves to the instructor."""

    constant_in_elbo: Literal["accept", "reject"] = "accept"
    """Question 2.1: may the bound be stated up to an additive constant that does not depend on θ?"""
    assume_standard_alpha: bool = False
    """Read α_t and ᾱ_t without a definition as 1 − β_t and ∏(1 − β_s)? Otherwise they are not read, by name."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of one answer; plain data, ready to be stored as evidence."""

    verdict: AnswerVerdict
    mistake: str | None = None
    """Short identifier of the named mistake; None when the answer is right or the mistake has no name."""
    message: str = ""
    """One or two sentences for the student; never holds the right answer."""
    proof: str | None = None
    """For a right answer: how equality was shown, with the error bound."""
    counterexample: Mapping[str, Any] | None = None
    """For a wrong answer: a point of a concrete model, the student's value there and (for the record) the right one."""
    reading: str = ""
    """How the answer was understood, typeset as plain text."""
    column: int | None = None
    """Where reading stopped, counted from 0, when the answer could not be read."""
    credit_hint: str | None = None
    """'up_to_constant' when the answer is right only up to an additive constant."""
