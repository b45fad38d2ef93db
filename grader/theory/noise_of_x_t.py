"""Question 2.4 in terms of the noise: an ε that nothing defines may be the one in x_t = √(1 − β̄_t) x_0 + √β̄_t ε."""

from __future__ import annotations

from dataclasses import replace

from grader.theory import tree as t
from grader.theory.definitions import definition_of
from grader.theory.statements import Reading

_SURVIVAL = t.Big("prod", "i", t.ONE, t.Sym("t"), t.Add((t.ONE, t.Neg(t.Sym("beta", (t.Sym("i"),))))))
_NOISES = (t.Sym("epsilon"), t.Sym("epsilon", (t.Sym("t"),)), t.Sym("epsilon", (t.number(0),)))


def with_noise_of_x_t(reading: Reading) -> Reading | None:
    """The reading with ε defined by x_t and x_0; None where no undefined ε stands, or where it has another meaning.

    The relation is written with β only: it holds whatever the student calls β̄ or ᾱ. It serves for acceptance alone:
    an answer that is not right with this ε is as unreadable as without it.
    """
    if reading.question != "2.4" or any(d.name in ("x", "epsilon") for d in reading.definitions):
        return None
    trees = [s.final.node for s in reading.answers] + [d.body for d in reading.definitions]
    used = {n for tree in trees if tree is not None for n in t.walk(tree) if isinstance(n, t.Sym)} & set(_NOISES)
    if len(used) != 1:
        return None
    scaled = t.Mul((t.Fun("sqrt", _SURVIVAL), t.Sym("x", (t.number(0),))))
    noise = t.Mul((t.Fun("sqrt", t.Add((t.ONE, t.Neg(_SURVIVAL)))), used.pop()))
    definition = definition_of(t.Sym("x", (t.Sym("t"),)), t.Add((scaled, noise)))
    assert definition is not None
    return replace(reading, definitions=(*reading.definitions, definition))
