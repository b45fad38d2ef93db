"""What a name stands for in a model: the homework's own quantities, and what the student defined."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEFINITION_DEPTH, MAX_RANGE
from grader.theory.definitions import Definition
from grader.theory.errors import (
    CircularDefinition,
    EvaluationError,
    KindMismatch,
    NotEvaluated,
    UnknownSymbol,
)
from grader.theory.laws import Laws
from grader.theory.questions import FIXED
from grader.theory.scope import Scope
from grader.theory.typesetting import symbol_name
from grader.theory.values import (
    Matrix,
    Value,
    Vec,
    add_values,
    divide,
    mapped,
    negate,
)

_INDEXED = frozenset({"beta", "beta_bar", "alpha", "alpha_bar", "sigma"})
_NOISE_BASES = ("epsilon",)
_TIMES = frozenset({"t", "s", "i", "k", "n", "tau"})
"""Parameters of a defined function that are times: SNR(t) = …"""


class Naming(Laws):
    """The part of the evaluator that looks names up."""

    definitions: dict[str, list[Definition]]
    relations: list[Definition]
    standard_alpha: bool
    sigma_source: Naming | None
    noises: dict[t.Sym, Value]
    probes: dict[str, Value]
    mask_is_matrix = False
    """Does the text say M = diag(…)?"""

    def value(self, node: t.Node, scope: Scope | None = None) -> Value:
        raise NotImplementedError

    def sort_definitions(self, definitions: tuple[Definition, ...]) -> None:
        """Definitions proper, and equations that determine a further symbol through a known one."""
        names = {d.name for d in definitions}
        self.mask_is_matrix = any(d.name == "M" and isinstance(d.body, t.Diag) for d in definitions)
        for definition in definitions:
            if definition.law or (
                definition.name == "sigma" and definition.lhs == definition.body
            ):  # σ_q² = σ_t²: two spellings of one name
                continue
            unsolved = {
                n.name
                for n in t.walk(definition.body)
                if isinstance(n, t.Sym) and (n.name in ("alpha", "alpha_bar") or n.name.startswith(_NOISE_BASES))
            } - names
            if definition.name in ("x", "beta") or (unsolved and definition.name == "beta_bar"):
                self.relations.append(definition)
            elif definition.name not in FIXED[self.model.family]:
                self.definitions.setdefault(definition.name, []).append(definition)

    def solved(self, node: t.Sym, s: Scope) -> Value | None:
        """A symbol that stands linearly in an equation for a known quantity, solved for."""
        for relation in self.relations:
            uses = [n for n in t.walk(relation.body) if isinstance(n, t.Sym) and n.name == node.name]
            if not uses or node.name in s.defining:
                continue
            k = [self.integer(i, s) for i in (node.index if node.name.startswith("alpha") else ())]
            if not k:
                k = [self.integer(i, s) for i in relation.index] if relation.index else [self.model.t]
            inner = self.matched(relation, k, t.Sym(node.name), s)
            if inner is None:
                continue
            left = self.known(t.Sym(relation.name, tuple(t.number(i) for i in k)), s)
            at_zero = self.probe(relation.body, node.name, 0, inner)
            at_one = self.probe(relation.body, node.name, 1, inner)
            slope = add_values(self.n, at_one, negate(at_zero))
            return divide(self.n, add_values(self.n, left, negate(at_zero)), slope)
        return None

    def probe(self, body: t.Node, name: str, value: int, s: Scope) -> Value:
        number = self.n.mp.mpf(value)
        self.probes[name] = Vec((number,) * self.model.d) if name.startswith(_NOISE_BASES) else number
        try:
            return self.eval(body, s)
        finally:
            del self.probes[name]

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

    def defined(self, node: t.Sym | t.Call, s: Scope) -> Value | None:
        """The value of a name that the student defined; None when it is not one."""
        found = self.definitions.get(node.name)
        if not found:
            return None
        if s.defining.count(node.name) > MAX_DEFINITION_DEPTH // 2 or len(s.defining) > MAX_DEFINITION_DEPTH:
            raise CircularDefinition(f"The definition of “{symbol_name(node.name)}” refers to itself.", node.column)
        indices = [self.integer(i, s) for i in node.index if not isinstance(i, t.Range)]
        if node.name in s.defining and indices and indices[0] <= 0 and node.name in ("beta_bar", "alpha_bar"):
            return self.n.mp.mpf(0 if node.name == "beta_bar" else 1)
        for definition in sorted(found, key=_generality):
            inner = self.matched(definition, indices, node, s)
            if inner is not None:
                return self.body_value(definition, inner)
        if node.name in ("beta_bar", "sigma", "alpha_bar", "alpha"):
            return None
        raise UnknownSymbol(
            f"“{symbol_name(node.name)}” is used with an index that its definition does not cover.", node.column
        )

    def defined_function(self, name: str, arg: t.Node, s: Scope) -> Value:
        """σ(…) as the student defined it."""
        definition = self.definitions[name][-1]
        if name in s.defining:
            raise CircularDefinition(f"The definition of “{name}” refers to itself.", 0)
        parameter = definition.parameters[0]
        inner = replace(s, defining=(*s.defining, name))
        return self.eval(t.substitute(definition.body, lambda node: arg if node == parameter else None), inner)

    def body_value(self, definition: Definition, s: Scope) -> Value:
        value = self.eval(definition.body, s)
        if definition.root:
            return mapped(self.n, value, lambda x: self.n.apply("sqrt", x))
        return value

    def matched(self, definition: Definition, indices: list[int], node: t.Sym | t.Call, s: Scope) -> Scope | None:
        """The scope in which a definition's body stands for this use of the name; None when the index does not fit."""
        ints = dict(self.base.ints)
        if definition.index and not indices:
            indices = [s.ints.get("default index", s.ints.get("t", self.model.t))]
        if not definition.index and indices:
            ints["default index"] = indices[0]
        for pattern, k in zip(definition.index, indices, strict=False):
            binding = self.solve_index(pattern, k)
            if binding is None:
                return None
            name, value = binding
            if name:
                ints[name] = value
        inner = replace(s, ints=ints, defining=(*s.defining, node.name))
        if "i" in s.ints and self.model.family == "score":
            inner = replace(inner, ints={**{v: s.ints[v] for v in ("i", "j", "k") if v in s.ints}, **ints})
        arguments = node.args if isinstance(node, t.Call) else ()
        if self.model.family in ("diffusion", "elbo"):
            times = {}
            for parameter, argument in zip(definition.parameters, arguments, strict=False):
                if isinstance(parameter, t.Sym) and not parameter.index and parameter.name in _TIMES:
                    times[parameter.name] = self.integer(argument, s)
            return replace(inner, ints={**inner.ints, **times}) if times else inner
        if self.model.family == "gan" and arguments and definition.parameters:
            parameter, argument = definition.parameters[0], arguments[0]
            if isinstance(parameter, t.Sym) and isinstance(argument, t.Sym):
                atom = self.atom_at(argument.name, s)
                return replace(inner, atoms={parameter.name: atom}, atom=atom)
        return inner

    def solve_index(self, pattern: t.Node, k: int) -> tuple[str, int] | None:
        """The running index of a definition's left side, so that the pattern equals k: t − 1 = 2 gives t = 3."""
        if isinstance(pattern, t.Num):
            return ("", 0) if pattern.value == k else None
        names = {n.name for n in t.walk(pattern) if isinstance(n, t.Sym)}
        if names == {"T"}:
            return ("", 0) if self.integer(pattern, self.base) == k else None
        if len(names) != 1:
            return None
        name = names.pop()
        at_zero = self.integer(pattern, self.base.with_int(name, 0))
        if self.integer(pattern, self.base.with_int(name, 1)) - at_zero != 1:
            return None
        return name, k - at_zero


def _generality(definition: Definition) -> int:
    """L_0 and L_T are meant before L_{t−1} where more than one definition covers an index."""
    running = {n.name for i in definition.index for n in t.walk(i) if isinstance(n, t.Sym)} - {"T"}
    return len(running)
