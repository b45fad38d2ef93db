"""Equality of a number or vector with the right one, at every point of every model that is drawn."""

from __future__ import annotations

from hashlib import blake2b

from grader.theory import tree as t
from grader.theory.deciding import (
    Difference,
    Plan,
    component_index,
    make_evaluator,
    make_model,
    plans_for,
    point,
    same,
    scopes,
    shown,
)
from grader.theory.errors import EvaluationError, Singular
from grader.theory.evaluate import Evaluator
from grader.theory.outcomes import Outcome
from grader.theory.questions import family_of
from grader.theory.statements import Reading
from grader.theory.values import kind_of
from grader.theory.verdict import AnswerPolicy


def seed_of(reading: Reading) -> str:
    """Fresh draws for every text, the same at every regrade."""
    return blake2b(f"{reading.question}\x00{reading.text}".encode(), digest_size=12).hexdigest()


def evaluators(reading: Reading, plan: Plan, k: int, digits: int, policy: AnswerPolicy) -> tuple[Evaluator, Evaluator]:
    """(the student's, the right answer's) evaluator over one model."""
    family = family_of(reading.question)
    model = make_model(family, f"{seed_of(reading)}/{k}", plan, digits)
    model.discriminator_known = reading.question == "1.2"
    mine = make_evaluator(model, reading.definitions, standard_alpha=policy.assume_standard_alpha)
    right = make_evaluator(model)
    right.sigma_source = mine
    return mine, right


def decide_value(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, policy: AnswerPolicy, digits: int
) -> Outcome:
    """Numbers and vectors: equal at every point of every model."""
    draws = 0
    expected_node = reference
    for k, plan in enumerate(plans_for(family_of(reading.question), node, *(d.body for d in reading.definitions))):
        mine, right = evaluators(reading, plan, k, digits, policy)
        if reading.question == "2.3.beta_bar":
            mine.model.free_beta_bar_from = plan.t
        compared, other = (node, expected_node)
        variance_note = False
        if reading.question == "2.4" and isinstance(node, t.Gauss):
            compared, variance_note = node.mean, True
        for where, scope in scopes(mine, compared):
            try:
                value = mine.value(compared, scope)
                if reading.question == "2.5" and kind_of(value) == "number" and _scalar_component(compared):
                    expected = right.value(_componentwise(other, compared), scope)
                else:
                    expected = right.value(other, scope)
            except (Singular, EvaluationError):
                if plan.edge:
                    continue
                raise
            verdict = same(mine.n, value, expected)
            draws += 1
            if verdict == "kind":
                kinds = {"number": "a number", "vector": "a vector", "matrix": "a matrix", "row": "a transposed vector"}
                sentence = f"The answer is {kinds[kind_of(value)]}, but {kinds[kind_of(expected)]} is asked for."
                return Outcome("incorrect", mistake="wrong_kind", sentence=sentence)
            if verdict == "different":
                found = Difference(
                    point(mine.model, where), shown(mine.n, value), shown(mine.n, expected), _where(mine, where)
                )
                return Outcome("incorrect", found)
        if variance_note:
            checked = _posterior_variance(mine, right, node)
            if checked is not None:
                return checked
    return Outcome("correct", draws=draws)


def _posterior_variance(mine: Evaluator, right: Evaluator, node: t.Node) -> Outcome | None:
    """A whole Gaussian where its mean is asked for: the variance must be right too, or a person looks."""
    assert isinstance(node, t.Gauss)
    before = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
    if node.variate is not None and node.variate != before:
        return Outcome("undecided", sentence="The mean is right, but the Gaussian is stated for another variable.")
    _, variance = mine.gaussian(node, mine.base)
    model = right.model
    if model.t == 1:
        return None
    expected = model.beta(model.t) * model.beta_bar(model.t - 1) / model.beta_bar(model.t)
    if all(mine.n.close(v, expected) for v in variance):
        return None
    return Outcome("undecided", sentence="The mean is right, but the Gaussian is stated with another variance.")


def _scalar_component(node: t.Node) -> bool:
    return bool(component_index(node))


def _componentwise(reference: t.Node, node: t.Node) -> t.Node:
    if isinstance(reference, t.Component):  # the left side is one component already
        return reference
    return t.Component(reference, t.Sym(component_index(node)))


def _where(evaluator: Evaluator, where: str) -> str:
    model = evaluator.model
    if model.family in ("diffusion", "elbo"):
        return f"T = {model.steps}, t = {model.t}"
    return where
