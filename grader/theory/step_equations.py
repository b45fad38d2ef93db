"""Equations of a derivation: which symbol is unknown in them, and where they hold."""

from __future__ import annotations

from typing import Any

from grader.theory import tree as t
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.step_bench import Bench, numeric
from grader.theory.step_models import StepModel
from grader.theory.values import Real


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
