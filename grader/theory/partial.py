"""What is right about a wrong answer: the last resort for a name, when no known mistake and no small change fits.

Each question has properties that its right answer has in every model (a probability, right at t = 1, a mean linear in
x_t and x_0, …). The first one that the answer lacks, or the part of it that is right, is the name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.theory import tree as t
from grader.theory.chain import ChainEvaluator
from grader.theory.deciding import Plan, items_of, make_evaluator, make_model, scopes
from grader.theory.definitions import Definition
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.evaluate import Evaluator
from grader.theory.gaussians import moments
from grader.theory.models import Model
from grader.theory.questions import family_of
from grader.theory.reference_answers import right_answer
from grader.theory.statements import Reading
from grader.theory.values import FIRST_DIGITS, Real, Vec

Name = tuple[str, str]

_FIRST_STEP_ONLY = ("right_at_first_step", "It is right at t = 1 and wrong beyond: try t = 2.")
_LATER_STEPS = Plan(4, 3, 2)
_FIRST_STEP = Plan(3, 1, 2)


def what_is_right(reading: Reading, node: t.Node) -> Name | None:
    """(id, sentence) of the first thing that tells a wrong answer from the right one; None when nothing does."""
    find = _FINDERS.get(reading.question)
    if find is None:
        return None
    try:
        return find(reading, node)
    except (EvaluationError, ReadError, RecursionError, ZeroDivisionError):
        return None


def _model(question: str, plan: Plan, seed: str = "partial") -> Model:
    model = make_model(family_of(question), f"{seed}/{question}", plan, FIRST_DIGITS)
    model.discriminator_known = question == "1.2"
    return model


def _values(evaluator: Evaluator, node: t.Node) -> list[Real]:
    return [
        evaluator.n.plain(x) for _, scope in scopes(evaluator, node) for x in items_of(evaluator.value(node, scope))
    ]


def _agree(model: Model, first: list[Real], second: list[Real]) -> bool:
    return len(first) == len(second) and all(model.n.close(a, b) for a, b in zip(first, second, strict=True))


# ---------------------------------------------------------------------- 1.1 and 1.2


def _densities(reading: Reading, node: t.Node, *, equal: bool = False, shrunk: int = 1, seed: str = "a") -> list[Real]:
    """The values at every atom, with p_g = p_r or both densities made smaller where this is asked for."""
    model = _model(reading.question, Plan(1, 1, 1), seed)
    drawn = dict(model.densities)
    if equal:
        drawn["p_g"] = drawn["p_r"]
    model.__dict__["densities"] = {
        name: tuple(value / shrunk for value in row) if name != "D" else row for name, row in drawn.items()
    }
    return _values(make_evaluator(model, reading.definitions), node)


def _discriminator(reading: Reading, node: t.Node) -> Name | None:
    model = _model(reading.question, Plan(1, 1, 1), "a")
    plain, half = _densities(reading, node), model.n.mp.mpf(1) / 2
    if _agree(model, plain, plain[:1] * len(plain)):
        return "no_dependence", "The value is the same at every x: it does not depend on the densities there."
    if not _agree(model, plain, _densities(reading, node, shrunk=3)):
        sentence = "Multiplying both densities by one factor changes the value: only their ratio can matter."
        return "not_a_ratio", sentence
    if any(value < 0 or value > 1 for value in plain):
        return "not_a_probability", "The value leaves [0, 1] in a concrete case: D(x) is a probability."
    balanced = _densities(reading, node, equal=True)
    if not _agree(model, balanced, [half] * len(balanced)):
        return "wrong_where_equal", "Try p_g = p_r: there the discriminator cannot tell the two apart."
    return "wrong_elsewhere", "It is right where p_g = p_r, and wrong elsewhere."


def _objective(reading: Reading, node: t.Node) -> Name | None:
    model = _model(reading.question, Plan(1, 1, 1), "a")
    gaps = []
    for seed in ("a", "b"):
        mine = _densities(reading, node, seed=seed)
        gaps.append(mine[0] - _densities(reading, right_answer("1.2"), seed=seed)[0])
    if _agree(model, gaps[:1], gaps[1:]):
        return "constant", "The divergence is right, the constant beside it is not."
    balanced = _densities(reading, node, equal=True)[0]
    if not model.n.close(balanced, -model.n.mp.log(4)):
        return "wrong_where_equal", "Try p_g = p_r: the value of the objective there is another."
    return "divergence", "It is right where p_g = p_r, and wrong elsewhere: the divergence or its factor is wrong."


# ---------------------------------------------------------------------- 2.1


def _bound(reading: Reading, node: t.Node) -> Name | None:
    if any(isinstance(part, t.Norm) for part in t.walk(node)):
        return "weights", "The terms or the weights of the squared distances are wrong."
    below = True
    for seed in ("a", "b"):
        model = _model("2.1", Plan(2, 2, 1), seed)
        mine, right = ChainEvaluator(model, reading.definitions), ChainEvaluator(model)
        right.tables = mine.chain
        value, bound = model.n.plain(mine.value(node)), right.value(right_answer("2.1"))
        evidence = model.n.mp.log(mine.chain.probability("p", frozenset({0}), frozenset(), mine.base.states))
        if value > evidence and not model.n.close(value, evidence):
            sentence = "In a concrete model the value is larger than log p_θ(x_0): this is no lower bound."
            return "not_a_lower_bound", sentence
        below = below and value < bound
    if below:
        return "loose", "The value stays below the evidence lower bound: a term is lost, or stands twice."
    return (
        "not_the_bound",
        "It is not the evidence lower bound: a term is lost, or a wrong one stands.",
    )


# ---------------------------------------------------------------------- diffusion


def _weight(reading: Reading, node: t.Node) -> Name | None:
    ratios = []
    for plan in (_LATER_STEPS, Plan(5, 4, 2)):
        model = _model(reading.question, plan)
        mine, right = make_evaluator(model, reading.definitions), make_evaluator(model)
        right.sigma_source = mine
        ratios.append(_values(mine, node)[0] / _values(right, right_answer(reading.question))[0])
    if not any(ratios):
        return "zero", "The value is 0 in every concrete case: all terms cancel."
    if _agree(model, ratios[:1], ratios[1:]):
        if model.n.close(ratios[0], -model.n.mp.mpf(1)):
            return "sign", "The sign of the whole is wrong."
        return "factor", "A constant factor is wrong."
    if any(d.name == "sigma" for d in reading.definitions):
        return "weight", "It is another weight: compare the coefficients of x_0 in the two means, squared."
    if not any(d.name == "sigma" for d in reading.definitions):
        sigma = t.Sym("sigma", (t.Sym("t"),))
        spans = []
        for value in (1, 2):
            chosen = Definition("sigma", sigma, t.number(value), index=(t.Sym("t"),))
            spans.append(_values(make_evaluator(model, (*reading.definitions, chosen)), node)[0])
        if not model.n.close(spans[0], 4 * spans[1]):
            return "power_of_sigma", "The dependence on σ_t is wrong: which power of it divides a squared distance?"
    return _by_first_step(reading, node)


def _by_first_step(reading: Reading, node: t.Node) -> Name | None:
    model = _model(reading.question, _FIRST_STEP)
    right = _values(make_evaluator(model), right_answer(reading.question))
    if _agree(model, _values(make_evaluator(model, reading.definitions), node), right):
        return _FIRST_STEP_ONLY
    return "wrong_at_first_step", "Try t = 1, where there is a single step: it is wrong there already."


def _noise_share(reading: Reading, node: t.Node) -> Name | None:
    model = _model(reading.question, _LATER_STEPS)
    value = _values(make_evaluator(model, reading.definitions), node)[0]
    if not 0 < value < 1:
        return "outside_0_1", "The value leaves (0, 1) in a concrete case: it is the share of noise."
    return _by_first_step(reading, node)


def _transition(reading: Reading, node: t.Node) -> Name | None:
    if isinstance(node, t.Big) and any(isinstance(part, t.Gauss) for part in t.walk(node)):
        return "joint", "The product of the steps is the law of x_1, …, x_t together, not of x_t alone."
    found: dict[str, tuple[bool, bool]] = {}
    for key, plan in (("later", _LATER_STEPS), ("first", _FIRST_STEP)):
        model = _model("2.3", plan)
        evaluator = make_evaluator(model, reading.definitions)
        try:
            mean, variance = moments(node, evaluator, reading.definitions)
        except EvaluationError:
            return _written_density(reading, node)
        if any(model.n.plain(value) <= 0 for value in variance):
            return "variance_not_positive", "The variance is not positive in a concrete case."
        right_mean, right_variance = moments(right_answer("2.3"), make_evaluator(model), ())
        found[key] = (
            _agree(model, list(mean.items), list(right_mean.items)),
            _agree(model, list(variance), list(right_variance)),
        )
    if found["later"][0]:
        return "variance_wrong", "The mean is right, the variance is not."
    if found["later"][1]:
        return "mean_wrong", "The variance is right, the mean is not."
    if all(found["first"]):
        return _FIRST_STEP_ONLY
    return "both_moments", "Neither the mean nor the variance is right: try t = 1."


def _written_density(reading: Reading, node: t.Node) -> Name | None:
    """A density written out: is it right up to its constant?"""
    ratios, values = [], []
    for variant in range(2):
        model = _model("2.3", _LATER_STEPS)
        if variant:
            model.overrides[f"x{model.t}"] = model.vector("another x_t")
        mine = make_evaluator(model, reading.definitions).value(node)
        right = make_evaluator(model).value(right_answer("2.3"))
        if isinstance(mine, Vec) or isinstance(right, Vec):
            return "no_law", "A law is asked for: a Gaussian with mean and variance, or x_t as a sum with noise."
        ratios.append(model.n.plain(mine) / model.n.plain(right))
        values.append(mine)
    if _agree(model, ratios[:1], ratios[1:]):
        return "normalisation", "The constant in front is wrong: as it stands the density does not integrate to 1."
    return "exponent", "The exponent of the density is wrong: its sign, its centre or its scale."


def _posterior_mean(reading: Reading, node: t.Node) -> Name | None:
    kept = node.mean if isinstance(node, t.Gauss) else node
    if any(part == t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),)) for part in t.walk(kept)):
        return "x_previous", "x_{t−1} itself stands in its own mean."
    mine, right = _slopes(reading.definitions, kept), _slopes((), right_answer("2.4"))
    if mine is None or right is None:
        return "not_linear", "The mean of a Gaussian posterior is linear in x_t and x_0; this is not."
    model = _model("2.4", _LATER_STEPS)
    same = [_agree(model, [a], [b]) for a, b in zip(mine, right, strict=True)]
    for place, (name, lost) in enumerate((("x_t", "x_0"), ("x_0", "x_t"))):
        if same[place]:
            return f"coefficient_of_{lost}", f"The coefficient of {name} is right, that of {lost} is not."
    for place, name in enumerate(("x_t", "x_0")):
        if model.n.is_zero(mine[place]):
            return f"{name}_lost", f"{name} does not enter, although the mean depends on it."
    ratio = [a / b for a, b in zip(mine, right, strict=True)]
    if _agree(model, ratio[:1], ratio[1:]):
        return "denominator", "Both coefficients are wrong by one and the same factor: the normalising denominator."
    return "both_coefficients", "Neither the coefficient of x_t nor that of x_0 is right."


def _slopes(definitions: tuple[Definition, ...], node: t.Node) -> list[Real] | None:
    """The coefficients of x_t and x_0 in a linear form; None when it is none."""

    def at(now: int, start: int) -> Any:
        model = _model("2.4", _LATER_STEPS)
        for k, value in ((model.t, now), (0, start)):
            model.overrides[f"x{k}"] = Vec((model.n.mp.mpf(value),) * model.d)
        return items_of(make_evaluator(model, definitions).value(node))[0]

    zero, now, start, both = at(0, 0), at(1, 0), at(0, 1), at(2, 3)
    model = _model("2.4", _LATER_STEPS)
    linear = model.n.is_zero(zero) and model.n.close(both, 2 * now + 3 * start)
    return [now, start] if linear else None


# ---------------------------------------------------------------------- 2.5


def _score(reading: Reading, node: t.Node) -> Name | None:
    model = _model("2.5", Plan(1, 1, 4))
    mine, right = make_evaluator(model, reading.definitions), make_evaluator(model)
    found, expected = items_of(mine.value(node)), items_of(right.value(right_answer("2.5")))
    if len(found) != len(expected):
        return None
    pairs = [(m, model.n.close(model.n.plain(a), model.n.plain(b)))
             for m, a, b in zip(model.mask.items, found, expected, strict=True)]  # fmt: skip
    if all(same for m, same in pairs if m == 0):
        return "observed_entries", "It is right where M = 0, and wrong where M = 1."
    if all(same for m, same in pairs if m == 1):
        return "unobserved_entries", "It is right where M = 1, and wrong where M = 0."
    return "every_entry", "It is wrong where M = 1 and where M = 0: the unconditional score itself must survive."


_FINDERS: dict[str, Callable[[Reading, t.Node], Name | None]] = {
    "1.1": _discriminator,
    "1.2": _objective,
    "2.1": _bound,
    "2.1.weight": _weight,
    "2.3": _transition,
    "2.3.beta_bar": _noise_share,
    "2.4": _posterior_mean,
    "2.5": _score,
}
