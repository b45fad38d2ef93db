"""Does one relation of a derivation hold? Evaluated in several models; three-valued, with the point of difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grader.theory import tree as t
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.scope import Scope
from grader.theory.step_bench import Bench, Outcome, Pair, broadcast, equal_pair, numeric, sentence_of
from grader.theory.step_models import StepModel
from grader.theory.values import Real, Value

VARIED: Final = 3
"""Further values of the variable of a “∝”."""


def identity(
    bench: Bench, left: t.Node, right: t.Node, bound: Callable[[StepModel], Scope | None] | None = None
) -> Outcome:
    """left = right in every model, perhaps at a bound value of the unknown."""
    pairs = []
    not_densities = False
    for model in bench.models:
        evaluator = bench.evaluator(model)
        evaluator.variate = variate_of(left) or variate_of(right)
        try:
            scope = bound(model) if bound is not None else None
            values = [numeric(evaluator.value(side, scope)) for side in (left, right)]
        except (EvaluationError, ReadError) as error:
            return Outcome("unknown", sentence_of(error))
        pair = broadcast(model, *values)
        if pair is None:
            return Outcome("unknown", "one side is a vector, the other a number")
        not_densities = not_densities or evaluator.not_densities
        pairs.append(pair)
    equal = all(equal_pair(bench.numbers, pair) for pair in pairs)
    return Outcome("holds" if equal else "fails", "", tuple(pairs), not_densities)


def ordered(bench: Bench, left: t.Node, relation: str, right: t.Node) -> Outcome:
    """left ≤ right (≥, <, >) in every model; a violation in one is a counterexample."""
    outcome = identity(bench, left, right)
    if outcome.truth == "unknown":
        return outcome
    holds = True
    for pair in outcome.pairs:
        for a, b in zip(pair.left, pair.right, strict=True):
            same = bench.numbers.close(a, b)
            below = a < b and not same
            holds = (
                holds and {"≤": below or same, "<": below, "≥": same or not below, ">": not (same or below)}[relation]
            )
    return Outcome("holds" if holds else "fails", "", outcome.pairs)


def proportional(bench: Bench, left: t.Node, right: t.Node) -> Outcome:
    """left/right does not change with the question's variable; the pairs are the factors by which the sides change."""
    return _as_it_moves(bench, left, right, lambda moved, start: moved / start)


def shifted(bench: Bench, left: t.Node, right: t.Node) -> Outcome:
    """left − right does not change with the question's variable: equal up to an additive constant."""
    return _as_it_moves(bench, left, right, lambda moved, start: moved - start)


def _as_it_moves(bench: Bench, left: t.Node, right: t.Node, change: Callable[[Real, Real], Real]) -> Outcome:
    """Both sides change alike when only the question's variable moves."""
    pairs = []
    for model in bench.models:
        places: list[tuple[Real, Real]] = []
        for place in range(VARIED):
            evaluator = bench.evaluator(model)
            evaluator.variate = variate_of(left) or variate_of(right)
            scope = evaluator.base.with_value(bench.variable, varied(bench, model, place))
            try:
                values = [numeric(evaluator.value(side, scope)) for side in (left, right)]
            except (EvaluationError, ReadError) as error:
                return Outcome("unknown", sentence_of(error))
            if any(len(v) != 1 or not v[0] for v in values):
                return Outcome("unknown", "vectors are not compared up to a constant")
            places.append((values[0][0], values[1][0]))
        start = places[0]
        for moved in places[1:]:
            pairs.append(Pair(model, (change(moved[0], start[0]),), (change(moved[1], start[1]),)))
    equal = all(equal_pair(bench.numbers, pair) for pair in pairs)
    return Outcome("holds" if equal else "fails", "", tuple(pairs))


def states_density(node: t.Node) -> bool:
    """Does it name a density, q(…), p(…) or a Gaussian, rather than write it out?"""
    return any(
        isinstance(n, t.Gauss) or (isinstance(n, t.Call) and n.name in ("q", "p", "p_theta")) for n in t.walk(node)
    )


def varied(bench: Bench, model: StepModel, place: int) -> Value:
    """Another value of the variable of a “∝”."""
    if bench.variable == "x":
        return model.vector(f"varied{place}", -1.5, 1.5)
    return model.uniform(f"varied{place}", -1.5, 1.5)


def variate_of(node: t.Node) -> t.Node | None:
    """x_t of q(x_t | …): the variate that a Gaussian on the other side may leave out."""
    if isinstance(node, t.Call) and node.name == "q" and len(node.args) == 1:
        return node.args[0]
    return None
