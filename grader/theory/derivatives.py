"""Derivatives by dual numbers: ∇_x of a number, and of a vector coordinate by coordinate."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.errors import (
    KindMismatch,
    NotEvaluated,
)
from grader.theory.naming import Naming
from grader.theory.scope import Scope
from grader.theory.values import (
    Dual,
    Real,
    Value,
    Vec,
    mapped,
)


class Derivatives(Naming):
    """The part of the evaluator that differentiates."""

    def gradient(self, wrt: t.Node, body: t.Node, s: Scope) -> Value:
        special = self.known_gradient(wrt, body, s)
        if special is not None:
            return special
        if not isinstance(wrt, t.Sym):
            raise NotEvaluated("The derivative with respect to an expression is not evaluated here.")
        start = self.symbol(wrt, s)
        key = self.binding_key(wrt, s)
        if self.n.is_real(start):
            slope = self.eval(body, s.with_value(key, Dual(start, self.n.mp.mpf(1))))
            return mapped(self.n, slope, self.slope_of)
        if not isinstance(start, Vec):
            raise NotEvaluated("The derivative with respect to this symbol is not evaluated here.")
        columns: list[Value] = []
        for j in range(len(start.items)):
            items = tuple(Dual(x, self.n.mp.mpf(int(k == j))) for k, x in enumerate(start.items))
            columns.append(self.eval(body, s.with_value(key, Vec(items))))
        if all(self.n.is_real(c) for c in columns):
            return Vec(tuple(self.slope_of(c) for c in columns))
        return Vec(tuple(self.diagonal(c, j, len(columns)) for j, c in enumerate(columns)))

    def diagonal(self, column: Value, j: int, size: int) -> Real:
        """The derivative of a vector taken coordinate by coordinate, where no coordinate depends on another."""
        if not isinstance(column, Vec):
            raise NotEvaluated("This derivative is not evaluated here.")
        for k, item in enumerate(column.items):
            if k != j and not self.n.is_zero(self.slope_of(item)):
                raise KindMismatch("The gradient of a vector is taken.")
        return self.slope_of(column.items[j])

    def slope_of(self, value: Real) -> Real:
        return value.slope if isinstance(value, Dual) else self.n.mp.mpf(0)
