"""Question 2.1: any form of the evidence lower bound, decided in random discrete chains.

Accepted are the bound itself in every form (definition, factorised, L_0 / L_{t−1} / L_T, log p_θ − KL), and the form in
which the t-terms are squared distances of x̂_θ(x_t) and x_0, with or without the terms that do not depend on θ.
"""

from __future__ import annotations

from typing import Any

from grader.theory import tree as t
from grader.theory.chain import OVER_DATA, ChainEvaluator
from grader.theory.deciding import PLANS, Difference, Plan, make_model, point, shown
from grader.theory.definitions import Definition
from grader.theory.errors import KindMismatch, Singular
from grader.theory.reference_answers import elbo_forms, right_answer
from grader.theory.values import Real
from grader.theory.verdict import AnswerPolicy

_CONSTANTS = ("const", "C", "c")


def elbo_equal(
    node: t.Node, definitions: tuple[Definition, ...], seed: str, digits: int, policy: AnswerPolicy
) -> dict[str, Any]:
    """Fields of an Outcome. An expectation over x_0 too is read for the one x_0, and a right one left to a person."""
    result = _at_one_start(node, definitions, seed, digits, policy)
    if not _binds_the_data(node):
        return result
    mirrored = _at_one_start(t.Neg(node), definitions, seed, digits, policy)
    if "correct" in (result["verdict"], mirrored["verdict"]):
        return {"verdict": "undecided", "sentence": OVER_DATA}
    return result


def _binds_the_data(node: t.Node) -> bool:
    """E_{q(x_{0:T})}[…]"""
    start = t.Sym("x", (t.number(0),))
    for part in t.walk(node):
        for binder in part.under if isinstance(part, t.Expect) else ():
            if isinstance(binder.law, t.Call) and binder.law.name == "q" and not binder.law.given:
                indices = [i for arg in binder.law.args if isinstance(arg, t.Sym) for i in arg.index]
                if start in binder.law.args or any(isinstance(i, t.Range) and i.low == t.number(0) for i in indices):
                    return True
    return False


def _at_one_start(
    node: t.Node, definitions: tuple[Definition, ...], seed: str, digits: int, policy: AnswerPolicy
) -> dict[str, Any]:
    """Where a chosen σ_1 vanishes, the comparison is made for a small β̄_0 > 0."""
    try:
        return _decided(node, definitions, seed, digits, policy, soft=False)
    except Singular:
        if not any(d.name == "sigma" for d in definitions):
            raise
        result = _decided(node, definitions, seed, digits, policy, soft=True)
        if result["verdict"] == "incorrect":
            raise
        return result


def _decided(
    node: t.Node, definitions: tuple[Definition, ...], seed: str, digits: int, policy: AnswerPolicy, *, soft: bool
) -> dict[str, Any]:
    defined = {d.name for d in definitions}
    has_constant = any(isinstance(n, t.Sym) and n.name in _CONSTANTS and n.name not in defined for n in t.walk(node))
    if has_constant:
        return _up_to_constant(node, definitions, seed, digits, policy, soft)
    alive = list(FORMS)
    point_mass = False
    difference: Difference | None = None
    for k, plan in enumerate(PLANS["elbo"]):
        mine, right = _pair(f"{seed}/{k}", plan, digits, definitions, soft)
        value, forms = _number(mine, node), Forms(right)
        point_mass = mine.point_mass
        if "bound" in alive and mine.n.close(value, forms.value("bound")):
            alive = ["bound"]
            continue
        alive = [name for name in alive if mine.n.close(value, forms.value(name))]
        if not alive:
            expected = shown(mine.n, forms.value("bound"))
            difference = Difference(point(mine.model, ""), shown(mine.n, value), expected, f"T = {plan.steps}")
            break
    if alive and point_mass:
        return {"verdict": "undecided", "sentence": "At t = 1 it holds the KL divergence from a point mass."}
    if alive:
        shortened = not _WHOLE & set(alive)
        return {
            "verdict": "correct",
            "draws": len(PLANS["elbo"]),
            "credit_hint": "up_to_constant" if shortened else None,
        }
    return {"verdict": "incorrect", "difference": difference}


def _pair(
    seed: str, plan: Plan, digits: int, definitions: tuple[Definition, ...], soft: bool, theta: str = ""
) -> tuple[ChainEvaluator, ChainEvaluator]:
    """(the student's, the right answer's) evaluator over the same chain."""
    model = make_model("elbo", seed, plan, digits, theta)
    model.soft_start = soft
    mine, right = ChainEvaluator(model, definitions), ChainEvaluator(model)
    right.tables, right.sigma_source = mine.chain, mine
    return mine, right


def _number(evaluator: ChainEvaluator, node: t.Node) -> Real:
    value = evaluator.value(node)
    if not evaluator.n.is_real(value):
        raise KindMismatch("The bound is a number, and here a vector stands.")
    return value


FORMS: dict[str, tuple[str, ...]] = {
    "bound": ("bound",),
    "prediction": ("prediction",),
    "prediction with prior": ("prediction", "prior"),
    "prediction with scale": ("prediction", "scale"),
    "prediction with prior with scale": ("prediction", "prior", "scale"),
    "mixed": ("reconstruction", "prior", "prediction_from_2"),
    "mixed without prior": ("reconstruction", "prediction_from_2"),
}
"""The accepted forms and their terms; the bound itself is tried first, and alone where it fits."""
_WHOLE = frozenset({"bound", "mixed"})
"""Forms that leave out no term without θ."""


class Forms:
    """Values of the accepted forms in one model, each term computed when it is first asked for."""

    def __init__(self, evaluator: ChainEvaluator) -> None:
        self.evaluator = evaluator
        self.terms: dict[str, Real] = {}

    def term(self, name: str) -> Real:
        if name not in self.terms:
            form = right_answer("2.1") if name == "bound" else elbo_forms()[name]
            self.terms[name] = _number(self.evaluator, form)
        return self.terms[name]

    def value(self, name: str) -> Real:
        first, *others = (self.term(part) for part in FORMS[name])
        return sum(others, first)


def forms_in(evaluator: ChainEvaluator) -> dict[str, Real]:
    """The values of every accepted form in one model."""
    forms = Forms(evaluator)
    return {name: forms.value(name) for name in FORMS}


def _close(a: Real, b: Real, digits: int) -> bool:
    from grader.theory.deciding import numbers

    return numbers(digits).close(a, b)


def _gaps(
    node: t.Node, definitions: tuple[Definition, ...], seed: str, digits: int, constant: int, soft: bool
) -> list[dict[str, Real]]:
    """answer − form in two models that agree in everything but θ."""
    out = []
    for theta in ("first", "second"):
        mine, right = _pair(seed, PLANS["elbo"][0], digits, definitions, soft, theta)
        mine.constant = constant
        value = _number(mine, node)
        out.append({name: value - form for name, form in forms_in(right).items()})
    return out


def _up_to_constant(
    node: t.Node, definitions: tuple[Definition, ...], seed: str, digits: int, policy: AnswerPolicy, soft: bool
) -> dict[str, Any]:
    if policy.constant_in_elbo != "accept":
        return {"verdict": "incorrect", "mistake": "constant", "sentence": "The bound is asked for without a constant."}
    first, second = _gaps(node, definitions, seed, digits, 0, soft)
    shifted, _ = _gaps(node, definitions, seed, digits, 1, soft)
    one = shifted["bound"] - first["bound"]
    if not (_close(one, one * 0 + 1, digits) or _close(one, one * 0 - 1, digits)):
        return {"verdict": "undecided", "sentence": "The constant is not simply added; a person looks at it."}
    if any(_close(first[name], second[name], digits) for name in first):
        return {"verdict": "correct", "draws": 2, "credit_hint": "up_to_constant"}
    mine, right = _pair(seed, PLANS["elbo"][0], digits, definitions, soft, "first")
    value, expected = _number(mine, node), Forms(right).value("bound")
    found = Difference(
        point(mine.model, ""), shown(mine.n, value), shown(mine.n, expected), "T = 3, with the constant 0"
    )
    return {"verdict": "incorrect", "difference": found}
