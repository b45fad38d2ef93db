"""“E[x_t | x_0] = …, Var[x_t | x_0] = …”: a Gaussian by its moments, each in a statement of its own."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.definitions import Definition
from grader.theory.statements import Member, Reading, Statement

_X_NOW, _X_START = t.Sym("x", (t.Sym("t"),)), t.Sym("x", (t.number(0),))
_SQUARED = t.Pow(t.Sym("sigma"), t.TWO)


def moments_apart(statements: tuple[Statement, ...]) -> t.Gauss | None:
    """The Gaussian of a mean and a variance that are stated one after the other, and nothing else; else None."""
    means, spreads = [], []
    for statement in statements:
        left, right = statement.left, statement.final.node
        if right is None or left is None or statement.relations[-1] != "=":
            if statement.role == "prose":
                continue
            return None
        if any(isinstance(part, t.Gauss) for part in t.walk(right)):
            return None
        if _names_moment(left, ("E", "mu", "mean")):
            means.append(right)
        elif _names_moment(left, ("Var", "var", "Cov", "cov", "Sigma", "variance")) or left == _SQUARED:
            spreads.append(right)
    return t.Gauss(means[0], spreads[0]) if len(means) == len(spreads) == 1 else None


def _names_moment(left: t.Node, names: tuple[str, ...]) -> bool:
    if isinstance(left, t.Call):
        return left.name in names and left.args == (_X_NOW,) and set(left.given) <= {_X_START}
    return isinstance(left, t.Sym) and left.name in names and left.index in ((), (t.Sym("t"),))


def reading_of_moments(
    question: str, lang: str, text: str, statements: tuple[Statement, ...], gauss: t.Gauss,
    definitions: tuple[Definition, ...],
) -> Reading:  # fmt: skip
    """“E[x_t | x_0] = …, Var[x_t | x_0] = …” as the Gaussian with these moments."""
    answer = Statement((Member(text, 0, len(text), gauss),), ())
    kept = tuple(d for d in definitions if d.body not in (gauss.mean, gauss.spread))
    return Reading(question, lang, text, statements, kept, (answer,))
