"""Equality in law: sums with noise, compared by mean and variance given one state of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.theory import tree as t
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.step_bench import Bench, Numeric, Outcome, Pair, equal_pair, numeric, sentence_of
from grader.theory.step_models import StepModel
from grader.theory.values import Real


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
            return Outcome("unknown", sentence_of(error))
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
