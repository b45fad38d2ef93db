"""Whether two expressions stand in a relation, in every concrete model that is drawn: the step checker's tool.

"=" numbers, vectors, Gaussians (by mean and covariance), sums with noise (equal in law given x_0, where every x_s is
replaced by its own law and differently named noises are independent); "∝" with respect to a variable: the ratio does
not change when only that variable is drawn anew; "≤", "≥" by sign. "unknown" means that this grader has no rule for
one of the sides: it is never evidence against a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from grader.theory import tree as t
from grader.theory.deciding import PLANS, Difference, Plan, items_of, make_evaluator, make_model, point, scopes, shown
from grader.theory.densities import DensityEvaluator
from grader.theory.errors import EvaluationError, ExtremeNumber, KindMismatch, ReadError, Singular
from grader.theory.evaluate import Evaluator
from grader.theory.gaussians import moments, noise_symbols
from grader.theory.laws import NotADensity
from grader.theory.questions import family_of
from grader.theory.scope import Scope
from grader.theory.statements import Context
from grader.theory.values import FIRST_DIGITS, MORE_DIGITS, Value, Vec, kind_of

Relation = Literal["=", "∝", "≤", "≥", "<", ">", "≈"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """equal (the relation holds in every model), different (with a point), or unknown (with the reason)."""

    outcome: Literal["equal", "different", "unknown"]
    counterexample: Difference | None = None
    reason: str = ""
    draws: int = 0


def compare(lhs: t.Node, rhs: t.Node, context: Context, relation: str = "=", wrt: t.Node | None = None) -> Comparison:
    """Does `lhs relation rhs` hold in the question's models under the student's definitions?

    wrt: the variable of a "∝" (a node such as x_{t−1}); without it, proportionality in the question's own variate is
    tried (x_t in 2.3, x_{t−1} in 2.4, x in the others). Never raises on what `read` returned.
    """
    family = family_of(context.question)
    seed = blake2b(repr((context.question, lhs, rhs)).encode(), digest_size=12).hexdigest()
    unknown = ""
    for dimensions in (None, 1):
        try:
            try:
                return _in_models(lhs, rhs, context, relation, wrt, seed, FIRST_DIGITS, dimensions)
            except ExtremeNumber:
                return _in_models(lhs, rhs, context, relation, wrt, seed, MORE_DIGITS, dimensions)
        except (KindMismatch, _KindsDiffer) as error:
            unknown = str(error)
            if family == "gan":
                break
        except NotADensity as error:
            return Comparison("different", reason=error.sentence)
        except ReadError as error:
            return Comparison("unknown", reason=error.sentence)
        except EvaluationError as error:
            return Comparison("unknown", reason=error.sentence)
        except RecursionError:
            return Comparison("unknown", reason="The formula is nested too deeply.")
    return Comparison("unknown", reason=unknown)


class _KindsDiffer(Exception):
    """One side is a number and the other a vector; in one dimension they may still be compared."""


def _in_models(
    lhs: t.Node, rhs: t.Node, context: Context, relation: str, wrt: t.Node | None, seed: str, digits: int,
    dimensions: int | None,
) -> Comparison:  # fmt: skip
    family = family_of(context.question)
    draws = 0
    for k, plan in enumerate(PLANS[family]):
        chosen = plan if dimensions is None else Plan(plan.steps, plan.t, dimensions, plan.edge)
        try:
            found, count = _in_model(lhs, rhs, context, relation, wrt, f"{seed}/{k}", chosen, digits)
        except Singular:
            if plan.edge or draws:
                continue
            raise
        except EvaluationError:
            if plan.edge:
                continue
            raise
        draws += count
        if found is not None:
            return Comparison("different", found, draws=draws)
    return Comparison("equal", draws=draws)


def _in_model(
    lhs: t.Node, rhs: t.Node, context: Context, relation: str, wrt: t.Node | None, seed: str, plan: Plan, digits: int
) -> tuple[Difference | None, int]:
    family = family_of(context.question)
    evaluator = _evaluator(family, seed, plan, digits, context)
    if family == "diffusion" and relation in ("=", "≈") and _random(lhs, rhs, context):
        return _laws(lhs, rhs, context, evaluator), 1
    if relation == "∝":
        return _proportional(lhs, rhs, context, wrt, seed, plan, digits), 2
    places = scopes(evaluator, lhs, rhs)
    for where, scope in places:
        a, b = _value(evaluator, lhs, scope), _value(evaluator, rhs, scope)
        if kind_of(a) != kind_of(b) and plan.dimensions == 1:
            a, b = items_of(a)[0], items_of(b)[0]
        if kind_of(a) != kind_of(b):
            raise _KindsDiffer(f"One side is a {kind_of(a)}, the other a {kind_of(b)}.")
        if not _holds(evaluator, a, b, relation):
            n = evaluator.n
            return Difference(
                point(evaluator.model, where), shown(n, a), shown(n, b), where or f"T = {plan.steps}, t = {plan.t}"
            ), 1
    return None, len(places)


def _evaluator(family: Any, seed: str, plan: Plan, digits: int, context: Context, redraw: str = "") -> Evaluator:
    model = make_model(family, seed, plan, digits)
    model.discriminator_known = context.question == "1.2"
    if redraw:
        model.overrides[redraw] = model.vector(f"another {redraw}")
    if family == "diffusion":
        return DensityEvaluator(model, context.definitions)
    return make_evaluator(model, context.definitions)


def _value(evaluator: Evaluator, node: t.Node, scope: Scope) -> Value:
    return evaluator.value(node, scope)


def _holds(evaluator: Evaluator, a: Value, b: Value, relation: str) -> bool:
    n = evaluator.n
    for x, y in zip(items_of(a), items_of(b), strict=True):
        left, right = n.plain(x), n.plain(y)
        close = n.close(left, right)
        if relation in ("=", "≈"):
            holds = close
        elif relation in ("≤", "<"):
            holds = (close and relation == "≤") or left < right
        elif relation in ("≥", ">"):
            holds = (close and relation == "≥") or left > right
        else:
            raise EvaluationError(f"The relation “{relation}” is not checked.")
        if not holds:
            return False
    return True


def _random(lhs: t.Node, rhs: t.Node, context: Context) -> bool:
    """Do the sides describe laws: Gaussians without a variate in common, or sums with noise?"""
    if noise_symbols(lhs, context.definitions) or noise_symbols(rhs, context.definitions):
        return True
    return isinstance(rhs, t.Gauss) and rhs.variate is None


def _laws(lhs: t.Node, rhs: t.Node, context: Context, evaluator: Evaluator) -> Difference | None:
    """Equality in law given x_0: every x_s, s ≥ 1, stands for its own Gaussian."""
    first, second = law_of(lhs, context, evaluator), law_of(rhs, context, evaluator)
    n = evaluator.n
    for what, a, b in (("mean", first[0].items, second[0].items), ("variance", first[1], second[1])):
        if not all(n.close(x, y) for x, y in zip(a, b, strict=True)):
            model = evaluator.model
            where = f"T = {model.steps}, t = {model.t}, {what} given x_0"
            return Difference(point(model, ""), shown(n, Vec(tuple(a))), shown(n, Vec(tuple(b))), where)
    return None


def law_of(node: t.Node, context: Context, evaluator: Evaluator) -> tuple[Vec, tuple[Any, ...]]:
    """Mean and diagonal covariance given x_0 of a sum with noise, each x_s replaced by its marginal law."""
    if isinstance(node, t.Gauss):
        return evaluator.gaussian(node, evaluator.base)
    times = sorted(
        {
            evaluator.integer(part.index[0], evaluator.base)
            for part in t.walk(node)
            if isinstance(part, t.Sym) and part.name == "x" and len(part.index) == 1
        }
        - {0}
    )
    if len(times) > 1:
        raise EvaluationError("A sum holds x at two times, which are not independent.")
    names = noise_symbols(node, context.definitions)
    model, n = evaluator.model, evaluator.n
    start = model.x(0)
    variance = tuple(n.mp.mpf(0) for _ in range(model.d))
    for k in times:
        root = n.apply("sqrt", 1 - model.beta_bar(k))
        centre = Vec(tuple(root * x for x in start.items))
        model.overrides[f"x{k}"] = centre
        low = _mean(node, names, context, evaluator)
        model.overrides[f"x{k}"] = Vec(tuple(c + 1 for c in centre.items))
        high = _mean(node, names, context, evaluator)
        model.overrides[f"x{k}"] = centre
        bar = model.beta_bar(k)
        variance = tuple(v + (h - m) ** 2 * bar for v, h, m in zip(variance, high.items, low.items, strict=True))
    if names:
        mean, noise = moments(node, evaluator, context.definitions)
        variance = tuple(v + w for v, w in zip(variance, noise, strict=True))
    else:
        mean = _mean(node, names, context, evaluator)
    for k in times:
        model.overrides.pop(f"x{k}", None)
    evaluator.noises.clear()
    return mean, variance


def _mean(node: t.Node, names: dict[t.Sym, Any], context: Context, evaluator: Evaluator) -> Vec:
    zero = evaluator.n.mp.mpf(0)
    for name in names:
        evaluator.noises[name] = Vec((zero,) * evaluator.model.d)
    value = evaluator.value(node)
    if not isinstance(value, Vec):
        raise KindMismatch("A vector is asked for.")
    return value


def _proportional(
    lhs: t.Node, rhs: t.Node, context: Context, wrt: t.Node | None, seed: str, plan: Plan, digits: int
) -> Difference | None:
    family = family_of(context.question)
    variable = wrt if wrt is not None else _own_variable(context.question)
    base = _evaluator(family, seed, plan, digits, context)
    key = "x"
    if isinstance(variable, t.Sym) and variable.name == "x" and variable.index and family == "diffusion":
        key = f"x{base.integer(variable.index[0], base.base)}"
    ratios = []
    for redraw in ("", key):
        evaluator = base if not redraw else _evaluator(family, seed, plan, digits, context, redraw)
        scope = evaluator.base
        if redraw == "x" and family == "score":
            scope = scope.with_value("x", evaluator.model.vector("another x"))
        if family == "gan":
            scope = Scope(ints=dict(scope.ints), atom=1 if redraw else 0)
        a, b = _value(evaluator, lhs, scope), _value(evaluator, rhs, scope)
        ratios.append((evaluator, items_of(a), items_of(b)))
    (first, a0, b0), (_, a1, b1) = ratios
    if not len(a0) == len(b0) == len(a1) == len(b1):
        raise _KindsDiffer("The two sides of ∝ are of different kinds.")
    n = first.n
    for x0, y0, x1, y1 in zip(a0, b0, a1, b1, strict=True):
        if not n.close(x0 * y1, x1 * y0):
            before, after = n.mp.nstr(x0 / y0, 6), n.mp.nstr(x1 / y1, 6)
            where = f"the ratio changes from {before} to {after} when only the variable changes"
            return Difference(point(first.model, ""), n.mp.nstr(x0, 6), n.mp.nstr(y0, 6), where)
    return None


def _own_variable(question: str) -> t.Node:
    if question.startswith("2.3"):
        return t.Sym("x", (t.Sym("t"),))
    if question == "2.4":
        return t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
    return t.Sym("x")
