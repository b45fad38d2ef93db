"""Equality of two trees by their values in random concrete models.

Why a few draws suffice. Both sides are built from rational operations, roots, logarithms and exponentials of the drawn
numbers, so their difference is an analytic function of the draws: it is zero everywhere or only on a null set. Draws
have 160 random bits; after clearing roots and denominators an answer of the permitted size has a degree below 10^6 in
them, so that (Schwartz and Zippel) a single draw hits the null set with probability below 10^6/2^160 < 10^-40, and the
values are computed to 60 digits (420 where literals have many digits) and must agree in all but the last 20. Sums in
which a term could hide below that are refused (`Numbers.guard`). The stated bound of 10^-12 is far on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from grader.theory import tree as t
from grader.theory.chain import ChainEvaluator
from grader.theory.definitions import Definition
from grader.theory.evaluate import Evaluator
from grader.theory.models import ATOMS, Model
from grader.theory.questions import Family
from grader.theory.scope import Scope
from grader.theory.values import FIRST_DIGITS, Numbers, Value, kind_of

ERROR_BOUND = "1e-12"

_NUMBERS: dict[int, Numbers] = {}


def numbers(digits: int = FIRST_DIGITS) -> Numbers:
    """The arithmetic of this precision; contexts are costly to make and kept."""
    found = _NUMBERS.get(digits)
    if found is None:
        found = _NUMBERS[digits] = Numbers(digits)
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """One model to be drawn: T, t and the dimension."""

    steps: int
    t: int
    dimensions: int
    edge: bool = False
    """t = 1, where a right formula may be 0/0: skipped when it is singular there."""


PLANS: dict[Family, tuple[Plan, ...]] = {
    "gan": (Plan(1, 1, 1), Plan(1, 1, 1)),
    "diffusion": (Plan(5, 3, 2), Plan(4, 2, 3), Plan(6, 5, 2), Plan(3, 1, 2, edge=True)),
    "score": (Plan(1, 1, 3), Plan(1, 1, 4)),
    "elbo": (Plan(3, 2, 2), Plan(2, 2, 1)),
}


SIGN_DRAWS = 16
"""Times the models are drawn for formulas that may hide a sign: 50 coordinates or more, wrongly equal with 2^−50."""


def plans_for(family: Family, *nodes: t.Node) -> tuple[Plan, ...]:
    """The models to be drawn: many more where a formula may hide a sign, |v| or √(v²), and is not analytic."""
    plans = PLANS[family]
    return plans * SIGN_DRAWS if any(_hides_sign(part) for node in nodes for part in t.walk(node)) else plans


def _hides_sign(part: t.Node) -> bool:
    """Absolute values, signs, and roots of what holds a coordinate (β and densities are positive, x is not)."""
    if isinstance(part, t.Norm):
        return part.order in (t.BARS, "1")
    if isinstance(part, t.Fun) and part.name in ("abs", "sign"):
        return True
    root = (isinstance(part, t.Fun) and part.name == "sqrt") or (
        isinstance(part, t.Pow) and not (isinstance(part.exponent, t.Num) and part.exponent.value.denominator == 1)
    )
    return root and any(isinstance(n, t.Sym) and n.name.split("_")[0] in ("x", "epsilon") for n in t.walk(part))


@dataclass(frozen=True, slots=True)
class Difference:
    """A point where two trees differ."""

    point: dict[str, Any]
    left: str
    right: str
    where: str


def models(family: Family, seed: str, digits: int = FIRST_DIGITS) -> Iterator[tuple[Plan, Model]]:
    """The models of a family, drawn from a seed."""
    for k, plan in enumerate(PLANS[family]):
        yield plan, make_model(family, f"{seed}/{k}", plan, digits)


def make_model(family: Family, seed: str, plan: Plan, digits: int = FIRST_DIGITS, theta: str = "") -> Model:
    """One model of a plan."""
    return Model(family, seed, numbers(digits), steps=plan.steps, t=plan.t, dimensions=plan.dimensions, theta=theta)


def make_evaluator(
    model: Model, definitions: tuple[Definition, ...] = (), *, standard_alpha: bool = False
) -> Evaluator:
    """The evaluator that fits the model's family."""
    cls = ChainEvaluator if model.family == "elbo" else Evaluator
    return cls(model, definitions, standard_alpha=standard_alpha)


def scopes(evaluator: Evaluator, *nodes: t.Node) -> list[tuple[str, Scope]]:
    """Where in one model the nodes are compared: every atom, every component, or once."""
    family = evaluator.model.family
    if family == "gan":
        names = {n.name for node in nodes for n in t.walk(node) if isinstance(n, (t.Sym, t.Call))}
        count = ATOMS if names & {"p_r", "p_g", "D", "D_star"} else 1
        return [(f"x = x_{k + 1}", Scope(ints=dict(evaluator.base.ints), atom=k)) for k in range(count)]
    if family == "score":
        variable = component_index(*nodes)
        if variable:
            return [
                (f"{variable} = {k}", evaluator.base.with_int(variable, k)) for k in range(1, evaluator.model.d + 1)
            ]
    return [("", evaluator.base)]


def component_index(*nodes: t.Node) -> str:
    """The free component index of a formula, i in M_i (x_i − …); empty when there is none."""
    bound = {n.var for node in nodes for n in t.walk(node) if isinstance(n, t.Big)}
    for node in nodes:
        for part in t.walk(node):
            index: tuple[t.Node, ...] = ()
            if (isinstance(part, t.Sym) and part.name in ("x", "x_known", "M", "m", "s", "s_theta")) or isinstance(
                part, t.Call
            ):
                index = part.index
            elif isinstance(part, t.Component):
                index = (part.index,)
            for i in index:
                if isinstance(i, t.Sym) and i.name not in bound and not i.index:
                    return i.name
    return ""


def items_of(value: Value) -> tuple[Any, ...]:
    """The coordinates of a value."""
    return tuple(getattr(value, "items", (value,)))


def same(n: Numbers, a: Value, b: Value) -> Literal["equal", "different", "kind"]:
    """Are two values equal in every coordinate?"""
    if kind_of(a) != kind_of(b):
        return "kind"
    pairs = zip(items_of(a), items_of(b), strict=True)
    return "equal" if all(n.close(n.plain(x), n.plain(y)) for x, y in pairs) else "different"


def shown(n: Numbers, value: Value) -> str:
    """A value in six digits, for a counterexample."""
    texts = [n.mp.nstr(n.plain(x), 6) for x in items_of(value)]
    return texts[0] if kind_of(value) == "number" else "(" + ", ".join(texts) + ")"


def point(model: Model, where: str) -> dict[str, Any]:
    """The public side of a concrete model: what a student needs to check the value by hand."""
    n = model.n

    def short(value: Any) -> float:
        return float(n.mp.nstr(value, 6))

    if model.family == "gan":
        out: dict[str, Any] = {name: [short(v) for v in model.densities[name]] for name in ("p_r", "p_g")}
        if where:
            out["at"] = where
        return out
    if model.family == "score":
        return {
            "x": [short(v) for v in model.vector("x").items],
            "x_known": [short(v) for v in model.vector("x_known").items],
            "M": [int(v) for v in model.mask.items],
            "s_theta(x, δ)": [short(v) for v in model.function("s_theta", (model.vector("x"),)).items],
        } | ({"at": where} if where else {})
    out = {"T": model.steps, "t": model.t, "beta": [short(model.beta(k)) for k in range(1, model.steps + 1)]}
    if model.family == "diffusion":
        out["x_0"] = [short(v) for v in model.x(0).items]
        out["x_t"] = [short(v) for v in model.x(model.t).items]
    return out


def many_digits(node: t.Node) -> bool:
    """Do the literals of a formula have so many digits that it could agree with a right one in the first forty?"""
    total = 0
    for part in t.walk(node):
        if isinstance(part, t.Num):
            size = len(str(part.value.numerator)) + len(str(part.value.denominator))
            total += size if size > 4 else 0
    return total > 12
