"""The small change that makes a wrong answer right, looked for in one cheap model and confirmed in others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from grader.theory import tree as t
from grader.theory.chain import ChainEvaluator
from grader.theory.deciding import Plan, items_of, make_evaluator, make_model, scopes
from grader.theory.definitions import Definition
from grader.theory.elbo import forms_in
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.evaluate import Evaluator
from grader.theory.gaussians import moments
from grader.theory.models import Model
from grader.theory.near_misses import Change, changes
from grader.theory.questions import Family, family_of
from grader.theory.reference_answers import right_answer
from grader.theory.scope import Scope
from grader.theory.statements import Reading
from grader.theory.values import FIRST_DIGITS, Real, Value

MAX_VISITS = 800
"""Nodes that are evaluated in one search, and as many again through the definitions: some milliseconds."""

_PLANS: dict[Family, tuple[Plan, ...]] = {
    "gan": (Plan(1, 1, 1), Plan(1, 1, 1)),
    "diffusion": (Plan(4, 3, 1), Plan(5, 4, 2)),
    "score": (Plan(1, 1, 3), Plan(1, 1, 4)),
    "elbo": (Plan(2, 2, 1), Plan(3, 2, 1)),
}

Values = tuple[Real, ...]


class _Remembering(Evaluator):
    """Keeps the values of parts that stand at the top level: a changed formula shares all but one branch.

    Keys are identities, so the memory holds the nodes too: an identity must not pass on to another node.
    """

    memory: dict[int, tuple[t.Node, Value]]

    def eval(self, node: t.Node, s: Scope) -> Value:
        if s is not self.base or self.noises or self.probes:
            return super().eval(node, s)
        found = self.memory.get(id(node))
        if found is None:
            found = self.memory[id(node)] = (
                node,
                super().eval(node, s),
            )
        return found[1]


class _RememberingChain(_Remembering, ChainEvaluator):
    """The same over a discrete chain."""


def nearest_change(reading: Reading, node: t.Node) -> Change | None:
    """The first change of the formula, or of a definition, that makes it right; None when no single one does."""
    spent = 0
    for definitions, candidates in _candidates(reading, node):
        evaluator = _evaluator(reading.question, definitions)
        allowed = MAX_VISITS if definitions is reading.definitions else 2 * MAX_VISITS
        for changed, change in candidates:
            before = evaluator.steps
            if _right(reading.question, 0, changed, evaluator) and _confirmed(reading.question, changed, definitions):
                return change
            spent += evaluator.steps - before
            evaluator.steps = 0
            if spent > allowed:
                break
        if spent > 2 * MAX_VISITS:
            break
    return None


def _candidates(
    reading: Reading, node: t.Node
) -> Iterator[tuple[tuple[Definition, ...], Iterator[tuple[t.Node, Change]]]]:
    """Definitions, each with the formulas that are tried under them."""
    yield reading.definitions, ((change.node, change) for change in changes(node))
    for place, definition in enumerate(reading.definitions):
        if definition.law or definition.implicit:
            continue
        for change in changes(definition.body):
            others = (*reading.definitions[:place], *reading.definitions[place + 1 :])
            yield (*others, replace(definition, body=change.node)), iter([(node, change)])


def _evaluator(question: str, definitions: tuple[Definition, ...]) -> _Remembering:
    model, _ = _target(question, 0)
    cls = _RememberingChain if model.family == "elbo" else _Remembering
    evaluator = cls(model, definitions)
    evaluator.memory = {}
    return evaluator


def _confirmed(question: str, node: t.Node, definitions: tuple[Definition, ...]) -> bool:
    model, _ = _target(question, 1)
    return _right(question, 1, node, make_evaluator(model, definitions))


def _right(question: str, k: int, node: t.Node, evaluator: Evaluator) -> bool:
    model, accepted = _target(question, k)
    try:
        found = values_in(question, node, evaluator)
        if question == "2.1.weight" and "sigma" in evaluator.definitions:
            right = make_evaluator(model)
            right.sigma_source = evaluator  # the right weight holds for the σ_t that the student chose
            accepted = (values_in(question, right_answer(question), right),)
    except (EvaluationError, ReadError, RecursionError):
        return False
    return any(_equal(model, found, expected) for expected in accepted)


def _equal(model: Model, found: Values, expected: Values) -> bool:
    n = model.n
    return len(found) == len(expected) and all(n.close(a, b) for a, b in zip(found, expected, strict=True))


@cache
def _target(question: str, k: int) -> tuple[Model, tuple[Values, ...]]:
    """A fixed model, and the values that a right answer may have in it."""
    family = family_of(question)
    plan = _PLANS[family][k]
    model = make_model(family, f"nearest/{question}/{k}", plan, FIRST_DIGITS)
    model.discriminator_known = question == "1.2"
    if question == "2.3.beta_bar":
        model.free_beta_bar_from = plan.t
    if question == "2.1":
        return model, tuple((value,) for value in forms_in(ChainEvaluator(model)).values())
    return model, (values_in(question, right_answer(question), make_evaluator(model)),)


def values_in(question: str, node: t.Node, evaluator: Evaluator) -> Values:
    """The plain numbers that a formula stands for in one model. Raises EvaluationError or ReadError."""
    found: tuple[Any, ...]
    if question == "2.3":
        mean, variance = moments(node, evaluator, tuple(d for ds in evaluator.definitions.values() for d in ds))
        found = (*mean.items, *variance)
    else:
        kept = node.mean if question == "2.4" and isinstance(node, t.Gauss) else node
        places = [("", evaluator.base)] if question in ("1.1", "1.2") else scopes(evaluator, kept)
        found = tuple(x for _, scope in places for x in items_of(evaluator.value(kept, scope)))
    return tuple(evaluator.n.plain(x) for x in found)
