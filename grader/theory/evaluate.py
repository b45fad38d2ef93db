"""The value of a tree in a concrete model. Bounded in steps; every failure has its own class."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEFINITION_DEPTH, MAX_EVALUATION_STEPS, MAX_RANGE
from grader.theory.definitions import Definition
from grader.theory.errors import (
    CircularDefinition,
    EvaluationError,
    KindMismatch,
    NotEvaluated,
    Singular,
    TooMuchWork,
    UnknownSymbol,
)
from grader.theory.laws import Laws
from grader.theory.models import Model
from grader.theory.questions import FIXED
from grader.theory.scope import Scope
from grader.theory.typesetting import symbol_name
from grader.theory.values import (
    Dual,
    Matrix,
    Real,
    Row,
    Value,
    Vec,
    add_values,
    divide,
    kind_of,
    mapped,
    multiply,
    negate,
)

_INDEXED = frozenset({"beta", "beta_bar", "alpha", "alpha_bar", "sigma"})
_NOISE_BASES = ("epsilon",)


class Evaluator(Laws):
    """Evaluates trees in one model with one set of definitions."""

    def __init__(self, model: Model, definitions: tuple[Definition, ...] = (), *, standard_alpha: bool = False) -> None:
        self.model = model
        self.n = model.n
        self.definitions: dict[str, list[Definition]] = {}
        self.relations: list[Definition] = []
        """Equations of known quantities that hold an undefined one: x_t = … + … ε, β̄_t = 1 − ᾱ_t."""
        self.sort_definitions(definitions)
        declared = {
            n.name for d in self.relations for n in t.walk(d.body) if isinstance(n, t.Sym)
        } | self.definitions.keys()
        self.standard_alpha = standard_alpha or bool({"alpha", "alpha_bar"} & declared)
        self.sigma_source: Evaluator | None = None
        """Whose σ_t this evaluator uses: the right answer holds for the variance that the student chose."""
        self.noises: dict[t.Sym, Value] = {}
        """Values of random variables, by name and index: what a law comparison probes with."""
        self.probes: dict[str, Value] = {}
        """Trial values of a symbol that an equation is solved for."""
        self.steps = 0
        ints = {"t": model.t, "T": model.steps} if model.family in ("diffusion", "elbo") else {}
        self.points: list[str] = []
        """Names of unbound points, in the order met: p_r(x) and p_g(y) are values at two points."""
        self.base = Scope(ints=ints, states=self.base_states())

    def base_states(self) -> dict[int, int]:
        return {}

    def sort_definitions(self, definitions: tuple[Definition, ...]) -> None:
        """Definitions proper, and equations that determine a further symbol through a known one."""
        names = {d.name for d in definitions}
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

    def value(self, node: t.Node, scope: Scope | None = None) -> Value:
        """The value of a node. Raises an EvaluationError, or a ReadError for an unknown name."""
        return self.eval(node, self.base if scope is None else scope)

    def eval(self, node: t.Node, s: Scope) -> Value:
        self.steps += 1
        if self.steps > MAX_EVALUATION_STEPS:
            raise TooMuchWork("The formula takes more steps to evaluate than any answer needs.")
        n = self.n
        match node:
            case t.Num(value):
                return n.number(value)
            case t.Sym():
                return self.symbol(node, s)
            case t.Add(terms):
                return self.sum_of(terms, s)
            case t.Mul(factors):
                if self.model.family == "score":
                    refuse_outer_mask(factors)
                total = self.eval(factors[0], s)
                for factor in factors[1:]:
                    total = multiply(n, total, self.eval(factor, s))
                return total
            case t.Div(top, bottom):
                return divide(n, self.eval(top, s), self.eval(bottom, s))
            case t.Neg(arg):
                return negate(self.eval(arg, s))
            case t.Pow(base, exponent):
                return self.power(base, exponent, s)
            case t.Fun(name, arg):
                if name in self.definitions:
                    return self.defined_function(name, arg, s)
                return mapped(n, self.eval(arg, s), lambda x: n.apply(name, x))
            case t.Call():
                return self.call(node, s)
            case t.Big():
                return self.big(node, s)
            case t.Norm(arg, order):
                return self.norm(arg, order, s)
            case t.Grad(wrt, body):
                return self.gradient(wrt, body, s)
            case t.Diag(arg):
                vector = self.eval(arg, s)
                if isinstance(vector, (Vec, Matrix)):
                    return Matrix(vector.items)
                raise KindMismatch("diag(…) is taken of a number.")
            case t.Transpose(arg):
                vector = self.eval(arg, s)
                return Row(vector.items) if isinstance(vector, Vec) else vector
            case t.Inner(left, right):
                a, b = self.eval(left, s), self.eval(right, s)
                if isinstance(a, Vec) and isinstance(b, Vec):
                    return multiply(n, Row(a.items), b)
                raise KindMismatch("An inner product needs two vectors.")
            case t.Component(base, index):
                return self.component(base, index, s)
            case t.Cases(branches):
                return self.cases(branches, s)
            case t.Expect():
                return self.expectation(node, s)
            case t.Divergence():
                return self.divergence(node, s)
            case t.Integral(var, body):
                return self.integral(var, body, s)
            case t.Gauss():
                return self.density(node, s)
            case _:
                raise NotEvaluated("This form is not evaluated here.")

    # ------------------------------------------------------------------ arithmetic

    def sum_of(self, terms: tuple[t.Node, ...], s: Scope) -> Value:
        values = [self.eval(term, s) for term in terms]
        kinds = {kind_of(v) for v in values} - {"number"}
        if kinds and any(kind_of(v) == "number" for v in values):
            shape = next(v for v in values if kind_of(v) != "number")
            for place, term in enumerate(terms):
                if kind_of(values[place]) == "number":
                    if not _constant(term):
                        raise KindMismatch(f"A number and a {kind_of(shape)} are added.")
                    values[place] = type(shape)((values[place],) * len(shape.items))
        total = values[0]
        for value in values[1:]:
            total = add_values(self.n, total, value)
        return total

    def power(self, base: t.Node, exponent: t.Node, s: Scope) -> Value:
        if isinstance(base, t.Norm) and exponent == t.TWO and base.order in ("2", "F", "ℓ2", "l2"):
            return self.squared_norm(base.arg, s)
        value = self.eval(base, s)
        if isinstance(value, Vec) and isinstance(exponent, t.Sym) and exponent.name == "T" and not exponent.index:
            return Row(value.items)
        raised = self.eval(exponent, s)
        if not self.n.is_real(raised):
            raise KindMismatch(f"An exponent is a {kind_of(raised)}.")
        return mapped(self.n, value, lambda x: self.n.power(x, raised))

    def squared_norm(self, arg: t.Node, s: Scope) -> Real:
        value = self.eval(arg, s)
        items = value.items if isinstance(value, (Vec, Row)) else (value,)
        if isinstance(value, Matrix):
            raise KindMismatch("The norm of a matrix is not evaluated here.")
        total = items[0] * items[0]
        for x in items[1:]:
            total = total + x * x
        return total

    def norm(self, arg: t.Node, order: str, s: Scope) -> Real:
        if order in ("2", "F", "l2"):
            return self.n.apply("sqrt", self.squared_norm(arg, s))
        value = self.eval(arg, s)
        items = value.items if isinstance(value, Vec) else (value,)
        if order == "1":
            total = abs(items[0])
            for x in items[1:]:
                total = total + abs(x)
            return total
        raise NotEvaluated(f"The norm of order {order[:10]} is not evaluated here.")

    def integer(self, node: t.Node, s: Scope) -> int:
        value = self.eval(node, s)
        if not self.n.is_real(value) or isinstance(value, Dual) or value != self.n.mp.floor(value):
            raise EvaluationError("An index is no integer.")
        if abs(value) > 10**6:
            raise TooMuchWork("An index is far outside the model.")
        return int(value)

    def big(self, node: t.Big, s: Scope) -> Value:
        low, high = self.integer(node.low, s), self.integer(node.high, s)
        if high - low >= MAX_RANGE:
            raise TooMuchWork(f"A sum or product has more than {MAX_RANGE} terms in the model.")
        total: Value | None = None
        for k in range(low, high + 1):
            term = self.eval(node.body, s.with_int(node.var, k))
            if total is None:
                total = term
            else:
                total = add_values(self.n, total, term) if node.kind == "sum" else multiply(self.n, total, term)
        if total is not None:
            return total
        return self.n.mp.mpf(0 if node.kind == "sum" else 1)

    def component(self, base: t.Node, index: t.Node, s: Scope) -> Value:
        value = self.eval(base, s)
        k = self.integer(index, s) - 1
        if not isinstance(value, (Vec, Matrix)):
            raise KindMismatch("A component of a number is taken.")
        if not 0 <= k < len(value.items):
            raise EvaluationError("A component outside the vector is taken.")
        return value.items[k]

    def cases(self, branches: tuple[t.Branch, ...], s: Scope) -> Value:
        per_component = self.model.family == "score"
        for branch in branches:
            if branch.left is None or branch.right is None:
                return self.eval(branch.value, s)
            left, right = self.eval(branch.left, s), self.eval(branch.right, s)
            if kind_of(left) != "number" or kind_of(right) != "number":
                raise KindMismatch("A case is told apart by a vector; name the component, M_i = 1.")
            holds = self.n.close(self.n.plain(left), self.n.plain(right))
            if holds == (branch.relation == "="):
                return self.eval(branch.value, s)
        raise Singular("No case applies here." if per_component else "No case applies.")

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

    def binding_key(self, wrt: t.Sym, s: Scope) -> str:
        return wrt.name + "".join(f"[{self.integer(i, s)}]" for i in wrt.index)

    # ------------------------------------------------------------------ symbols and definitions

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
        if name == "M":
            vector = model.mask
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


def _constant(node: t.Node) -> bool:
    return not any(isinstance(x, (t.Sym, t.Call)) for x in t.walk(node))


def refuse_outer_mask(factors: tuple[t.Node, ...]) -> None:
    """MᵀM is a number for a vector M and a mask for a diagonal matrix M: not decided here."""
    mask = t.Sym("M")
    for left, right in itertools.pairwise(factors):
        transposed = left == t.Transpose(mask) or left == t.Pow(mask, t.Sym("T"))
        if transposed and right == mask:
            raise NotEvaluated("MᵀM depends on whether M is a vector or a matrix.")
