"""Does one relation of a derivation hold? Evaluated in several models; three-valued, with the point of difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from grader.theory import tree as t
from grader.theory.definitions import Definition
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.questions import family_of
from grader.theory.scope import Scope
from grader.theory.step_models import StepEvaluator, StepModel
from grader.theory.values import Matrix, Numbers, Real, Row, Value, Vec

MODELS: Final = 3
"""Draws of sixty digits, of which forty are compared: one already tells wrong from right."""
VARIED: Final = 3
"""Further values of the variable of a “∝”."""

Truth = Literal["holds", "fails", "unknown"]
Numeric = tuple[Real, ...]


@dataclass(slots=True)
class Bench:
    """The models of one derivation and what the student has defined so far."""

    question: str
    definitions: list[Definition] = field(default_factory=list)
    numbers: Numbers = field(default_factory=Numbers)
    models: tuple[StepModel, ...] = ()
    exponent: t.Node | None = None
    """Argument of the last exponential: what “the polynomial in the exponential” names."""

    def __post_init__(self) -> None:
        family = family_of(self.question)
        self.models = tuple(StepModel(family, f"steps {self.question} {k}", self.numbers) for k in range(MODELS))

    def evaluator(self, model: StepModel) -> StepEvaluator:
        return StepEvaluator(self.question, model, tuple(self.definitions))

    def define(self, definition: Definition) -> None:
        """A later definition of a name replaces an earlier one."""
        self.definitions = [d for d in self.definitions if (d.name, d.index) != (definition.name, definition.index)]
        self.definitions.append(definition)

    @property
    def variable(self) -> str:
        """What a “∝” of this question leaves free, as the key of a binding."""
        return {"2.3": f"x[{self.models[0].t}]", "2.4": f"x[{self.models[0].t - 1}]"}.get(self.question, "x")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a relation in one model."""

    model: StepModel
    left: Numeric
    right: Numeric


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of a relation. why: for unknown; pairs: the values that were compared."""

    truth: Truth
    why: str = ""
    pairs: tuple[Pair, ...] = ()
    not_densities: bool = False
    note: str = ""


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
            return Outcome("unknown", _sentence(error))
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
                return Outcome("unknown", _sentence(error))
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


def in_law(bench: Bench, left: t.Node, right: t.Node) -> Outcome:
    """Both sides have the same Gaussian law, the noises being independent standard normals.

    Each side is linear in some x_k and in noises. Given the earliest x_k in either, every later state has a known
    law, so that two numbers decide: the factor of that x_k, and the variance.
    """
    pairs = []
    for model in bench.models:
        try:
            forms = [linear_form(bench, model, side) for side in (left, right)]
        except (EvaluationError, ReadError) as error:
            return Outcome("unknown", _sentence(error))
        states = [set(form.states) for form in forms]
        if not states[0] or not states[1] or any(len(s) != 1 for s in states):
            return Outcome("unknown", "a side holds several states at once")
        first, last = min(states[0] | states[1]), max(states[0] | states[1])
        alone = [form for form, s in zip(forms, states, strict=True) if s == {last}]
        if first != last and any(form.noises and form.pure is None for form in alone) and not _forward(forms, last):
            return Outcome("unknown", "a noise that is not independent of its state")
        laws = [law_given(model, form, first) for form in forms]
        pairs.append(Pair(model, laws[0], laws[1]))
    if all(equal_pair(bench.numbers, pair) for pair in pairs):
        return Outcome("holds", "", tuple(pairs))
    apart = tuple(told_apart(bench, side) for side in (left, right))
    if apart != (left, right):
        outcome = in_law(bench, *apart)
        if outcome.truth == "holds":
            return Outcome("holds", note="one letter stands for several independent noises")
    return Outcome("fails", "", tuple(pairs))


def told_apart(bench: Bench, node: t.Node) -> t.Node:
    """The member with every occurrence of a repeated noise under a name of its own."""
    laws = {d.name for d in bench.definitions if d.law}
    seen: dict[t.Node, int] = {}

    def renamed(n: t.Node) -> t.Node | None:
        if not isinstance(n, t.Sym) or not (n.name.startswith("epsilon") or n.name in laws):
            return None
        seen[n] = seen.get(n, 0) + 1
        return n if seen[n] == 1 else t.Sym(f"epsilon_{n.name}_{seen[n]}", n.index)

    return t.substitute(node, renamed)


@dataclass(frozen=True, slots=True)
class LinearForm:
    """Σ_k states[k]·x_k + Σ noises[e]·e; pure: a stated variance in place of noises."""

    states: dict[int, Real]
    noises: dict[str, Real]
    pure: Real | None = None


def _forward(forms: Sequence[LinearForm], last: int) -> bool:
    """The side with the later state is that state alone, or adds noise that came after it."""
    later = next(form for form in forms if last in form.states)
    return not later.noises or later.states[last] > 0


def linear_form(bench: Bench, model: StepModel, node: t.Node) -> LinearForm:
    """The coefficients of a member that is linear in states and noises. Raises EvaluationError when it is not."""
    evaluator = bench.evaluator(model)
    spread: Real | None = None
    if isinstance(node, t.Gauss):
        spread = numeric(evaluator.value(node.spread))[0]
        spread = spread * spread if node.deviation else spread
        node = node.mean
    zero, one = bench.numbers.mp.mpf(0), bench.numbers.mp.mpf(1)

    def at(states: dict[int, Real], noises: dict[str, Real]) -> Real:
        evaluator.state_values, evaluator.noise_values = states, noises
        value = numeric(evaluator.value(node))
        if len(value) != 1:
            raise EvaluationError("A number is expected.")
        return value[0]

    if not bench.numbers.close(at({}, {}), zero):
        raise EvaluationError("There is a term without a state or a noise.")
    keys, noises = sorted(evaluator.used_states), sorted(evaluator.used_noises)
    form = LinearForm({k: at({k: one}, {}) for k in keys}, {e: at({}, {e: one}) for e in noises}, spread)
    probe = {k: one * (k + 2) / 3 for k in keys}, {e: one * (j + 2) / 7 for j, e in enumerate(noises)}
    expected = sum((form.states[k] * v for k, v in probe[0].items()), zero)
    expected += sum((form.noises[e] * v for e, v in probe[1].items()), zero)
    if not bench.numbers.close(at(*probe), expected):
        raise EvaluationError("A side is not linear in its states and noises.")
    return form


def law_given(model: StepModel, form: LinearForm, first: int) -> Numeric:
    """(factor of x_first in the mean, variance) of the form, given x_first."""
    (state, factor), *_ = form.states.items()
    decay = model.decay(first, state)
    variance = factor * factor * (1 - decay) + sum((c * c for c in form.noises.values()), model.n.mp.mpf(0))
    if form.pure is not None:
        variance = variance + form.pure
    return (factor * model.n.mp.sqrt(decay), variance)


def root_of(bench: Bench, model: StepModel, left: t.Node, right: t.Node) -> Real | None:
    """The value of the question's unknown (D in 1.1, x_{t−1} in 2.4) at which left = right; None when not found."""
    key = unknown_key(bench)
    if key is None:
        return None
    mp = bench.numbers.mp

    def gap(u: Any) -> Real:
        evaluator = bench.evaluator(model)
        scope = evaluator.base.with_value(key, mp.mpf(u))
        first, second = (numeric(evaluator.value(side, scope)) for side in (left, right))
        return first[0] - second[0]

    try:
        quarter, half, most = gap(0.25), gap(0.5), gap(0.75)
        if bench.numbers.close(quarter + most, 2 * half):
            slope = (most - quarter) * 2
            return mp.mpf(0.5) - half / slope if slope else None
        low, high = mp.mpf(1) / 10**6, 1 - mp.mpf(1) / 10**6
        root = mp.findroot(gap, (low, high), solver="anderson", tol=mp.mpf(10) ** -90, maxsteps=200, verify=False)
        return root if abs(gap(root)) < mp.mpf(10) ** -30 else None
    except (EvaluationError, ReadError, ValueError, ZeroDivisionError):
        return None


def unknown_key(bench: Bench) -> str | None:
    """The binding of the unknown that a question's equations are solved for."""
    return {"1.1": "D", "2.4": f"x[{bench.models[0].t - 1}]"}.get(bench.question)


def is_unknown(bench: Bench, node: t.Node) -> bool:
    """Is this the question's unknown by itself?"""
    if bench.question == "1.1":
        return isinstance(node, (t.Sym, t.Call)) and node.name == "D"
    before = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
    return bench.question == "2.4" and node == before


def mentions_unknown(bench: Bench, node: t.Node) -> bool:
    """Does the unknown occur in it?"""
    return any(is_unknown(bench, n) for n in t.walk(node))


def is_algebraic(bench: Bench, node: t.Node) -> bool:
    """Only arithmetic of the question's quantities: no derivative, density, expectation or exponential."""
    claims = (t.Grad, t.Integral, t.Expect, t.Divergence, t.Gauss)
    calls = {"D", "p_r", "p_g"} if bench.question == "1.1" else set()
    return not any(
        isinstance(n, claims)
        or (isinstance(n, t.Fun) and n.name != "sqrt")
        or (isinstance(n, t.Call) and n.name not in calls)
        or (isinstance(n, t.Sym) and n.name.startswith(("mu", "epsilon", "D_star")))
        for n in t.walk(node)
    )


def variate_of(node: t.Node) -> t.Node | None:
    """x_t of q(x_t | …): the variate that a Gaussian on the other side may leave out."""
    if isinstance(node, t.Call) and node.name == "q" and len(node.args) == 1:
        return node.args[0]
    return None


def numeric(value: Value) -> Numeric:
    """A value as plain numbers."""
    items = value.items if isinstance(value, (Vec, Matrix, Row)) else (value,)
    return tuple(item.value if hasattr(item, "slope") else item for item in items)


def broadcast(model: StepModel, left: Numeric, right: Numeric) -> Pair | None:
    """Sides of equal length; a zero stands for the zero vector."""
    if len(left) != len(right):
        if len(left) == 1 and not left[0]:
            left = left * len(right)
        elif len(right) == 1 and not right[0]:
            right = right * len(left)
        else:
            return None
    return Pair(model, left, right)


def equal_pair(numbers: Numbers, pair: Pair) -> bool:
    """Equal in every coordinate to all digits but the last twenty."""
    return all(numbers.close(a, b) for a, b in zip(pair.left, pair.right, strict=True))


def _sentence(error: Exception) -> str:
    return str(getattr(error, "sentence", error))
