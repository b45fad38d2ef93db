"""Question 2.3: a Gaussian in any spelling, compared by mean and covariance.

N(x_t; μ, Σ), x_t ∼ N(μ, Σ), the reparameterisation x_t = μ + A ε with declared or standard noise, or a written-out
density (equal, or proportional in x_t).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grader.theory import tree as t
from grader.theory.deciding import PLANS, Difference, make_evaluator, make_model, plans_for, point, shown
from grader.theory.definitions import Definition
from grader.theory.errors import EvaluationError, KindMismatch, NotEvaluated, Singular
from grader.theory.evaluate import Evaluator
from grader.theory.values import Matrix, Real, Vec, add_values, negate
from grader.theory.verdict import AnswerPolicy

if TYPE_CHECKING:
    from grader.theory.statements import Reading

Moments = tuple[Vec, tuple[Real, ...]]


def noise_symbols(node: t.Node, definitions: tuple[Definition, ...]) -> dict[t.Sym, Definition | None]:
    """Random symbols of a formula: every ε, and what the text declares as Gaussian."""
    declared = {d.name: d for d in definitions if d.law and isinstance(d.body, t.Gauss)}
    names: dict[t.Sym, Definition | None] = {}
    for part in t.walk(node):
        if isinstance(part, t.Sym):
            if part.name in declared:
                names[part] = declared[part.name]
            elif part.name.split("_")[0] == "epsilon" and part.name != "epsilon_theta":
                names[part] = None
    return names


def moments(node: t.Node, evaluator: Evaluator, definitions: tuple[Definition, ...]) -> Moments:
    """Mean and diagonal covariance of a Gaussian or of an affine function of noises. Raises EvaluationError."""
    if isinstance(node, t.Gauss):
        return evaluator.gaussian(node, evaluator.base)
    names = noise_symbols(node, definitions)
    if not names:
        raise NotEvaluated("This is neither a Gaussian nor a sum with noise.")
    n, d = evaluator.n, evaluator.model.d
    zero, one = n.mp.mpf(0), n.mp.mpf(1)
    centre: dict[t.Sym, Vec] = {}
    scales: dict[t.Sym, tuple[Real, ...]] = {}
    for name, definition in names.items():
        mean, variance = Vec((zero,) * d), (one,) * d
        if definition is not None:
            assert isinstance(definition.body, t.Gauss)
            mean, variance = evaluator.gaussian(definition.body, evaluator.base)
        centre[name], scales[name] = mean, tuple(n.apply("sqrt", v) for v in variance)
    evaluator.noises.update(centre)
    middle = _vector(evaluator, node)
    total = [zero] * d
    for name in names:
        slope = _slope(evaluator, node, name, centre[name], middle)
        for j in range(d):
            total[j] = total[j] + (slope[j] * scales[name][j]) ** 2
    return middle, tuple(total)


def with_noise_symbols(node: t.Node, definitions: tuple[Definition, ...]) -> tuple[t.Node, tuple[Definition, ...]]:
    """“μ + N(0, Σ)”: a Gaussian inside a sum is a random variable of its own."""
    added: list[Definition] = []

    def named(part: t.Node) -> t.Node | None:
        if not isinstance(part, t.Gauss) or part.variate is not None:
            return None
        symbol = t.Sym(f"epsilon_N{len(added)}")
        added.append(Definition(symbol.name, symbol, part, law=True))
        return symbol

    changed = t.substitute(node, named)
    return changed, (*definitions, *added)


def _slope(evaluator: Evaluator, node: t.Node, name: t.Sym, centre: Vec, middle: Vec) -> tuple[Real, ...]:
    """The coefficient of one noise, coordinate by coordinate; the dependence must be linear."""
    n, d = evaluator.n, evaluator.model.d
    steps = []
    for factor in (1, 2):
        shift = tuple(n.mp.mpf(factor) for _ in range(d))
        evaluator.noises[name] = Vec(tuple(c + s for c, s in zip(centre.items, shift, strict=True)))
        moved = add_values(n, _vector(evaluator, node), negate(middle))
        steps.append(moved.items)
    evaluator.noises[name] = centre
    if not all(n.close(2 * a, b) for a, b in zip(*steps, strict=True)):
        raise KindMismatch("The noise does not enter linearly.")
    return tuple(steps[0])


def _vector(evaluator: Evaluator, node: t.Node) -> Vec:
    value = evaluator.value(node)
    if not isinstance(value, Vec):
        raise KindMismatch("A vector is asked for.")
    return value


def transition_equal(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, seed: str, digits: int, policy: AnswerPolicy
) -> dict[str, Any]:
    """Fields of an Outcome."""
    definitions = reading.definitions
    if not isinstance(node, t.Gauss):
        node, definitions = with_noise_symbols(node, definitions)
    if not isinstance(node, t.Gauss) and not noise_symbols(node, definitions):
        return _density_equal(reading, node, reference, relation, seed, digits, policy)
    if relation == "∝" and not isinstance(node, t.Gauss):
        return {"verdict": "undecided", "sentence": "A sum with noise is stated with “∝”."}
    draws = 0
    for k, plan in enumerate(plans_for("diffusion", node, *(d.body for d in definitions))):
        model = make_model("diffusion", f"{seed}/{k}", plan, digits)
        mine = make_evaluator(model, definitions, standard_alpha=policy.assume_standard_alpha)
        right = make_evaluator(model)
        try:
            wrong_variate = _variate(node, mine, right, reference)
            if wrong_variate:
                return {"verdict": "incorrect", "mistake": "variate", "sentence": wrong_variate}
            found, expected = moments(node, mine, definitions), moments(reference, right, ())
        except (Singular, EvaluationError):
            if plan.edge:
                continue
            raise
        n = mine.n
        same_mean = all(n.close(a, b) for a, b in zip(found[0].items, expected[0].items, strict=True))
        same_variance = all(n.close(a, b) for a, b in zip(found[1], expected[1], strict=True))
        draws += 1
        if not (same_mean and same_variance):
            what = "mean" if not same_mean else "variance"
            pair = (found[0], expected[0]) if not same_mean else (Matrix(found[1]), Matrix(expected[1]))
            where = f"T = {model.steps}, t = {model.t}, {what}"
            return {
                "verdict": "incorrect",
                "difference": Difference(point(model, ""), shown(n, pair[0]), shown(n, pair[1]), where),
            }
    return {"verdict": "correct", "draws": draws}


def _variate(node: t.Node, mine: Evaluator, right: Evaluator, reference: t.Node) -> str:
    """A sentence when the Gaussian is stated for another variable than x_t."""
    if not isinstance(node, t.Gauss) or node.variate is None or not isinstance(reference, t.Gauss):
        return ""
    assert reference.variate is not None
    value, expected = mine.value(node.variate), right.value(reference.variate)
    if isinstance(value, Vec) and all(mine.n.close(a, b) for a, b in zip(value.items, expected.items, strict=True)):
        return ""
    return "The Gaussian is stated for another variable than x_t."


def _density_equal(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, seed: str, digits: int, policy: AnswerPolicy
) -> dict[str, Any]:
    """A density written out: equal to the Gaussian's, or (with ∝) proportional to it in x_t."""
    draws = 0
    for k, plan in enumerate(PLANS["diffusion"][:3]):
        ratios = []
        for variant in range(2):
            model = make_model("diffusion", f"{seed}/{k}", plan, digits)
            if variant:
                model.overrides[f"x{plan.t}"] = model.vector("another x_t")
            mine = make_evaluator(model, reading.definitions, standard_alpha=policy.assume_standard_alpha)
            value, expected = mine.value(node), make_evaluator(model).value(reference)
            if not mine.n.is_real(value):
                raise KindMismatch("A density is a number, and here a vector stands.")
            ratios.append((mine, value, expected))
        mine, value, expected = ratios[0]
        n = mine.n
        other = ratios[1]
        equal = n.close(value, expected) and n.close(other[1], other[2])
        proportional = n.close(value * other[2], other[1] * expected)
        draws += 2
        if not (equal or (relation == "∝" and proportional)):
            where = f"T = {plan.steps}, t = {plan.t}"
            return {
                "verdict": "incorrect",
                "difference": Difference(point(mine.model, ""), shown(n, value), shown(n, expected), where),
            }
    return {"verdict": "correct", "draws": draws}
