"""What the student's definitions make of a name: α_t = 1 − β_t, m(x) = …; equations solved for a symbol."""

from __future__ import annotations

from dataclasses import replace

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEFINITION_DEPTH
from grader.theory.definitions import Definition
from grader.theory.errors import (
    CircularDefinition,
    UnknownSymbol,
)
from grader.theory.laws import Laws
from grader.theory.questions import FIXED
from grader.theory.scope import Scope
from grader.theory.typesetting import symbol_name
from grader.theory.values import (
    Value,
    Vec,
    add_values,
    divide,
    mapped,
    negate,
)

_NOISE_BASES = ("epsilon",)
_TIMES = frozenset({"t", "s", "i", "k", "n", "tau"})
"""Parameters of a defined function that are times: SNR(t) = …"""


class Defined(Laws):
    """The part of the evaluator that knows the definitions of the text."""

    definitions: dict[str, list[Definition]]
    relations: list[Definition]
    probes: dict[str, Value]
    mask_is_matrix = False
    """Does the text say M = diag(…)?"""

    def known(self, node: t.Sym, s: Scope) -> Value:
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
