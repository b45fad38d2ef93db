"""What a student declares: “where ᾱ_t = ∏ α_s”, “m(x) = ½(p_r + p_g)”, “ε ∼ N(0, I)”."""

from __future__ import annotations

from dataclasses import dataclass

from grader.theory import tree as t


@dataclass(frozen=True, slots=True)
class Definition:
    """name with its index pattern or parameters stands for body."""

    name: str
    lhs: t.Node
    body: t.Node
    index: tuple[t.Node, ...] = ()
    """Index pattern of the left side, (t − 1,) for L_{t−1} = …"""
    parameters: tuple[t.Node, ...] = ()
    """Arguments of the left side, (x,) for m(x) = …"""
    root: bool = False
    """The left side is the square of the name: σ_t² = … defines σ_t > 0."""
    law: bool = False
    """The name is a random variable with the Gaussian `body` as its law."""
    implicit: bool = False
    """The left side is a compound or known quantity; the body holds the new symbol, linearly."""


def definition_of(lhs: t.Node | None, rhs: t.Node | None, *, law: bool = False) -> Definition | None:
    """The definition that lhs = rhs makes; None when the left side is nothing that can be defined."""
    if lhs is None or rhs is None:
        return None
    if isinstance(lhs, t.Sym):
        return Definition(lhs.name, lhs, rhs, index=lhs.index, law=law)
    if isinstance(lhs, t.Fun) and lhs.name == "sigmoid" and isinstance(lhs.arg, t.Sym):
        return Definition(lhs.name, lhs, rhs, parameters=(lhs.arg,))
    if isinstance(lhs, t.Call):
        name = lhs.name
        if lhs.name == "law" and lhs.args and isinstance(lhs.args[0], t.Sym):
            return Definition(lhs.args[0].name, lhs, rhs, index=lhs.args[0].index, law=True)
        return Definition(name, lhs, rhs, index=lhs.index, parameters=(*lhs.args, *lhs.given), law=law)
    if isinstance(lhs, t.Pow) and isinstance(lhs.base, t.Sym) and lhs.exponent == t.TWO:
        return Definition(lhs.base.name, lhs, rhs, index=lhs.base.index, root=True)
    if isinstance(rhs, t.Sym) and not law:
        return Definition(rhs.name, rhs, lhs, index=rhs.index)
    return None
