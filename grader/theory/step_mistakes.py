"""Names for steps that do not follow: found from how the two sides differ. A name explains, it never decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grader.theory import tree as t
from grader.theory.step_bench import Bench, Pair, equal_pair
from grader.theory.values import Real

MESSAGES: Final[dict[str, str]] = {
    "joint_for_marginal": "A product of the conditionals is the joint density of x_1, …, x_t, not the marginal of x_t: "
    "the states between would have to be integrated out.",
    "exponent_sign": "The exponent has the wrong sign: a density must fall off, exp(−…), or it has no integral.",
    "kl_second_argument": "The second argument of a KL divergence must be a density; this one does not integrate to 1.",
    "lost_log_4": "A constant is lost: compare both sides at p_r = p_g.",
    "lost_log_2": "A part of the constant is lost: compare both sides at p_r = p_g.",
    "mask_only_on_known": "The mask multiplies only x_known; "
    "in the given likelihood it multiplies the whole difference.",
    "sign": "The two sides differ by their sign.",
    "factor": "The two sides differ by a constant factor.",
    "constant": "The two sides differ by a constant.",
    "square": "One side is the square of the other.",
    "variance": "The variances of the two sides differ; the factors of the state agree.",
    "mean": "The factors of the state differ; the variances agree.",
}


def name_of(bench: Bench, left: t.Node, right: t.Node, relation: str, pairs: Sequence[Pair]) -> str | None:
    """The mistake's identifier, or None."""
    if not pairs:
        return None
    if relation == "∝":
        return "exponent_sign" if _all(bench, pairs, lambda a, b: a * b, None) else None
    if relation == "law":
        same = [
            all(bench.numbers.close(pair.left[k], pair.right[k]) for pair in pairs) for k in range(len(pairs[0].left))
        ]
        return {(True, False): "variance", (False, True): "mean"}.get((same[0], same[-1]))
    if bench.question == "2.3" and _joint(left) != _joint(right):
        return "joint_for_marginal"
    log_2 = bench.numbers.mp.log(2)
    if bench.question == "1.2":
        for name, constant in (("lost_log_4", 2 * log_2), ("lost_log_2", log_2)):
            if _all(bench, pairs, lambda a, b: abs(a - b), constant):
                return name
    if bench.question == "2.5" and _mask(bench, pairs):
        return "mask_only_on_known"
    if _all(bench, pairs, lambda a, b: a + b, bench.numbers.mp.mpf(0)):
        return "sign"
    if _all(bench, pairs, lambda a, b: a / b if b else a * 0, None):
        return "factor"
    if _all(bench, pairs, lambda a, b: a - b, None):
        return "constant"
    if _all(bench, pairs, lambda a, b: a - b * b, bench.numbers.mp.mpf(0)) or _all(
        bench, pairs, lambda a, b: a * a - b, bench.numbers.mp.mpf(0)
    ):
        return "square"
    return None


def _all(bench: Bench, pairs: Sequence[Pair], combine: object, constant: Real | None) -> bool:
    """Has the combination of both sides that constant (or any one constant, but no zero) everywhere?"""
    values = [combine(a, b) for pair in pairs for a, b in zip(pair.left, pair.right, strict=True)]  # type: ignore[operator]
    if constant is None:
        constant = values[0]
        if not constant:
            return False
    if constant == 0:
        size = max(abs(a) for pair in pairs for a in pair.left)
        return all(abs(value) <= bench.numbers.tolerance * size for value in values)
    return all(bench.numbers.close(value, constant) for value in values)


def _joint(node: t.Node) -> bool:
    """A product over time of densities."""
    return any(
        isinstance(n, t.Big)
        and n.kind == "prod"
        and any(isinstance(m, t.Gauss) or (isinstance(m, t.Call) and m.name == "q") for m in t.walk(n.body))
        for n in t.walk(node)
    )


def _mask(bench: Bench, pairs: Sequence[Pair]) -> bool:
    """The sides differ by ±2 x ⊙ (1 − M), or for the squared norms by Σ x² (1 − M)."""
    expected, norms = [], []
    for pair in pairs:
        x = pair.model.vector("x").items
        rest = [u * (1 - m) for u, m in zip(x, pair.model.mask.items, strict=True)]
        differences = [a - b for a, b in zip(pair.left, pair.right, strict=True)]
        if len(differences) == len(rest):
            for sign in (1, -1):
                expected.append(Pair(pair.model, tuple(differences), tuple(2 * sign * r for r in rest)))
        elif len(differences) == 1:
            total = sum((r * r for r in rest), bench.numbers.mp.mpf(0))
            norms.append(bench.numbers.close(abs(differences[0]), total))
    if expected:
        return any(all(equal_pair(bench.numbers, p) for p in expected[k::2]) for k in (0, 1))
    return bool(norms) and all(norms)
