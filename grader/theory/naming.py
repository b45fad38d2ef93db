"""What a name stands for in a model: the homework's own quantities, and what the student defined."""

from __future__ import annotations

from typing import Any

from grader.theory import tree as t
from grader.theory.bounds import MAX_RANGE
from grader.theory.defined import Defined
from grader.theory.errors import (
    EvaluationError,
    KindMismatch,
    NotEvaluated,
    UnknownSymbol,
)
from grader.theory.scope import Scope
from grader.theory.typesetting import symbol_name
from grader.theory.values import (
    Matrix,
    Value,
    Vec,
)

_INDEXED = frozenset({"beta", "beta_bar", "alpha", "alpha_bar", "sigma"})
_NOISE_BASES = ("epsilon",)


class Naming(Defined):
    """The part of the evaluator that looks names up."""

    standard_alpha: bool
    sigma_source: Naming | None
    noises: dict[t.Sym, Value]

    def value(self, node: t.Node, scope: Scope | None = None) -> Value:
        raise NotImplementedError

    def binding_key(self, wrt: t.Sym, s: Scope) -> str:
        return wrt.name + "".join(f"[{self.integer(i, s)}]" for i in wrt.index)

    def symbol(self, node: t.Sym, s: Scope) -> Value:
        name = node.name
        if not node.index and name in s.ints:
            return self.n.mp.mpf(s.ints[name])
        if self.noises and node in self.noises:
            return self.noises[node]
        if name in self.probes:
            return self.probes[name]
        found = self.defined(node, s)
        if found is not None:
            return found
        if s.values:
            bound = (
                s.values.get(self.binding_key(node, s)) if all(not isinstance(i, t.Range) for i in node.index) else None
            )
            if bound is not None:
                return bound
        constants: dict[str, Any] = {"pi": lambda: +self.n.mp.pi, "e": lambda: +self.n.mp.e, "I": self.model.ones}
        if name == "e" and node.index:
            return self.unit_vector(node, s)
        if name in constants:
            return constants[name]()
        if name == "d" and not node.index:
            return self.n.mp.mpf(self.model.d)
        return self.known(node, s)

    def unit_vector(self, node: t.Sym, s: Scope) -> Vec:
        """e_i"""
        k = self.integer(node.index[0], s)
        if self.model.family != "score" or not 1 <= k <= self.model.d:
            raise self.unknown(node)
        return Vec(tuple(self.n.mp.mpf(int(j == k)) for j in range(1, self.model.d + 1)))

    def known(self, node: t.Sym, s: Scope) -> Value:
        """A symbol of the homework itself, by family."""
        name, model = node.name, self.model
        family = model.family
        if family in ("diffusion", "elbo"):
            if name in _INDEXED:
                return self.schedule(node, s)
            if name == "x" and len(node.index) in (1, 2):
                return self.x_symbol(node, s)
            if name.startswith(_NOISE_BASES):
                return self.noise(node, s)
        if family == "elbo":
            return self.elbo_symbol(node, s)
        if family == "gan":
            return self.gan_symbol(node, s)
        if family == "score":
            return self.score_symbol(node, s)
        raise self.unknown(node)

    def unknown(self, node: t.Sym | t.Call) -> UnknownSymbol:
        return UnknownSymbol(
            f"“{symbol_name(node.name)}” is not a symbol of this question and the answer does not define it.",
            node.column,
        )

    def schedule(self, node: t.Sym, s: Scope) -> Value:
        """β_k, β̄_k, σ_k; α_k and ᾱ_k where they may be read."""
        name = node.name
        if len(node.index) > 1 or (node.index and isinstance(node.index[0], t.Range)):
            raise NotEvaluated(f"“{symbol_name(name)}” has one index.")
        if node.index:
            k = self.integer(node.index[0], s)
        elif name == "sigma":
            k = s.ints["t"]
        elif "default index" in s.ints:
            k = s.ints["default index"]
        else:
            raise UnknownSymbol(f"“{symbol_name(name)}” stands without its index t.", node.column)
        if name == "beta":
            return self.model.beta(k)
        if name == "beta_bar":
            return self.model.beta_bar(k)
        if name == "sigma":
            source = self.sigma_source
            return self.model.sigma(k) if source is None else source.value(t.Sym("sigma", (t.number(k),)))
        solved = self.solved(t.Sym(name, (t.number(k),), node.column), s) if self.relations else None
        if solved is not None:
            return solved
        if self.standard_alpha:
            return self.alpha(name, k, s)
        raise self.unknown(node)

    def alpha(self, name: str, k: int, s: Scope) -> Value:
        if name == "alpha":
            return 1 - self.model.beta(k)
        product = self.n.mp.mpf(1)
        for i in range(1, min(k, MAX_RANGE) + 1):
            product = product * self.symbol(t.Sym("alpha", (t.number(i),)), s)
        return product

    def x_symbol(self, node: t.Sym, s: Scope) -> Value:
        vector: Value = self.x_value(self.integer(node.index[0], s), s)
        if len(node.index) == 2:
            if not isinstance(vector, Vec):
                raise KindMismatch("A component of a number is taken.")
            return vector.items[(self.integer(node.index[1], s) - 1) % len(vector.items)]
        return vector

    def x_value(self, k: int, s: Scope) -> Value:
        return self.model.x(k)

    def noise(self, node: t.Sym, s: Scope) -> Value:
        solved = self.solved(node, s) if self.relations else None
        if solved is None:
            raise self.unknown(node)
        return solved

    def score_symbol(self, node: t.Sym, s: Scope) -> Value:
        model = self.model
        vectors = {"x": "x", "x_known": "x_known", "M": "M", "m": "M", "s": "s_theta", "s_theta": "s_theta"}
        name = vectors.get(node.name)
        if name is None:
            if node.name == "delta":
                return model.scalar_symbols("delta")
            raise self.unknown(node)
        vector: Any
        if name == "M":
            vector = Matrix(model.mask.items) if self.mask_is_matrix else model.mask
        elif name == "s_theta":
            vector = model.function("s_theta", (self.score_symbol(t.Sym("x"), s),))
        else:
            vector = s.values.get(name) or model.vector(name)
        if not node.index:
            return vector
        if len(node.index) == 2 and node.name == "M" and node.index[0] != node.index[1]:
            raise NotEvaluated("An off-diagonal entry of the mask is not evaluated here.")
        k = self.integer(node.index[0], s) - 1
        if not 0 <= k < model.d:
            raise EvaluationError("A component outside the vector is taken.")
        return vector.items[k]
