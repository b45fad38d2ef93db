"""Products written with dots: (1 − β_1)(1 − β_2) ⋯ (1 − β_t), upwards or downwards."""

from __future__ import annotations

from collections.abc import Sequence

from grader.theory import tree as t


def product_with_dots(factors: Sequence[t.Node], last: t.Node) -> t.Node | None:
    """factors ⋯ last as a product over the index that runs; None when no index runs through the factors."""
    used = {part.name for part in t.walk(last) if isinstance(part, t.Sym)}
    running = t.Sym(next(name for name in ("k", "j", "n", "m", "running") if name not in used))
    rising = _rising(factors, last, running)
    return rising if rising is not None else _falling(factors, last, running)


def _rising(factors: Sequence[t.Node], last: t.Node, running: t.Sym) -> t.Node | None:
    for index in dict.fromkeys(i for part in t.walk(last) if isinstance(part, t.Sym) for i in part.index):
        for place in range(len(factors)):
            for start in (0, 1):
                expected = (_at(last, index, t.number(start + k)) for k in range(len(factors) - place))
                if all(a == b for a, b in zip(factors[place:], expected, strict=True)):
                    body = _at(last, index, running)
                    return _after(factors[:place], t.Big("prod", running.name, t.number(start), index, body))
    return None


def _falling(factors: Sequence[t.Node], last: t.Node, running: t.Sym) -> t.Node | None:
    """(1 − β_t)(1 − β_{t−1}) ⋯ (1 − β_1): the same product, written from its end."""
    for place in range(len(factors) - 1):
        for index in dict.fromkeys(i for part in t.walk(factors[place]) if isinstance(part, t.Sym) for i in part.index):
            body = _at(factors[place], index, running)
            steps = range(1, len(factors) - place)
            falling = all(
                factors[place + k] == _at(factors[place], index, t.Add((index, t.Neg(t.number(k))))) for k in steps
            )
            for end in (0, 1):
                if falling and last == _at(body, running, t.number(end)):
                    return _after(factors[:place], t.Big("prod", running.name, t.number(end), index, body))
    return None


def _after(others: Sequence[t.Node], whole: t.Node) -> t.Node:
    """The product, behind the factors that are no part of it."""
    return t.Mul((*others, whole)) if others else whole


def _at(node: t.Node, index: t.Node, value: t.Node) -> t.Node:
    """The node with one of its indices replaced."""
    return t.substitute(node, lambda part: value if part == index else None)
