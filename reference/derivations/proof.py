"""What a proof is here: a list of steps, none of which exists unless sympy has checked it.

A `Step` states ``lhs relation rhs`` and checks it when it is made, so a proof that can be imported is a proof
that holds. The left side is kept unevaluated (a `Derivative`, a `Limit`, a `Sum`, a `Subs`), and a step whose
two sides are the same expression to begin with is refused: it would show nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sympy as sp

from reference.derivations.symbols import BITS, OPEN_UNIT

RELATIONS: Final = ("=", "<", ">")


class ProofError(Exception):
    """A step of a derivation does not hold, or shows nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One checked line of a derivation.

    claim: the line in words.
    lhs, relation, rhs: the line as mathematics; relation is one of ``=``, ``<``, ``>``.
    how: what makes it true.
    """

    claim: str
    lhs: Any
    relation: str
    rhs: Any
    how: str

    def __post_init__(self) -> None:
        check(self.lhs, self.relation, self.rhs, self.claim)


@dataclass(frozen=True, slots=True)
class Proof:
    """A result of the homework with the checked steps that lead to it.

    result_id: the handout's number; title: the result in words; assumptions: what is given.
    """

    result_id: str
    title: str
    assumptions: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ProofError(f"{self.result_id}: a proof without steps shows nothing")


def check(lhs: Any, relation: str, rhs: Any, claim: str) -> None:
    """Raise `ProofError` unless sympy proves ``lhs relation rhs`` on the homework's domain."""
    lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
    if relation not in RELATIONS:
        raise ProofError(f"{claim}: the relation {relation!r} is none of {', '.join(RELATIONS)}")
    if lhs == rhs:
        raise ProofError(f"{claim}: both sides are the same expression, so the step shows nothing")
    if relation == "=":
        holds = _equal(lhs, rhs)
    elif relation == ">":
        holds = _positive(lhs.doit() - rhs.doit())
    else:
        holds = _positive(rhs.doit() - lhs.doit())
    if not holds:
        raise ProofError(f"{claim}: not proved: {lhs} {relation} {rhs}")


def _equal(lhs: Any, rhs: Any) -> bool:
    left, right = lhs.doit(), rhs.doit()
    if left == right:  # also where both are infinite and have no difference
        return True
    return all(_vanishes(case) for case in _cases(left - right))


def _cases(expr: Any) -> list[Any]:
    """The expression for both values of every mask bit in it."""
    cases = [expr]
    for bit in BITS & expr.free_symbols:
        cases = [case.subs(bit, value) for case in cases for value in (0, 1)]
    return cases


def _vanishes(expr: Any) -> bool:
    """Zero for all symbols in their domains, decided by rewriting; each rewriting is an identity there."""
    if sp.expand(expr) == 0 or sp.expand_log(expr) == 0:
        return True
    on_domain = expr.subs(OPEN_UNIT)
    split = on_domain.replace(sp.log, lambda argument: sp.expand_log(sp.log(sp.factor(argument))))
    if sp.cancel(sp.together(split)) == 0:
        return True
    rewritings = (sp.simplify, lambda e: sp.simplify(sp.expand_log(e)))
    return any(rewrite(on_domain) == 0 for rewrite in rewritings)


def _positive(expr: Any) -> bool:
    on_domain = expr.subs(OPEN_UNIT)
    return any(rewrite(on_domain).is_positive is True for rewrite in (lambda e: e, sp.expand, sp.simplify, sp.factor))
