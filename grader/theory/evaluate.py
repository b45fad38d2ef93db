"""The value of a tree in a concrete model. Bounded in steps; every failure has its own class."""

from __future__ import annotations

import itertools

from grader.theory import tree as t
from grader.theory.bounds import MAX_EVALUATION_STEPS, MAX_RANGE
from grader.theory.definitions import Definition
from grader.theory.derivatives import Derivatives
from grader.theory.errors import (
    EvaluationError,
    KindMismatch,
    NotEvaluated,
    Singular,
    TooMuchWork,
)
from grader.theory.models import Model
from grader.theory.scope import Scope
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

_EUCLIDEAN = frozenset({"2", "F", "ℓ2", "l2", t.BARS})


class Evaluator(Derivatives):
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
                if self.model.family == "score" and not self.mask_is_matrix:
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
                return vector  # diag(β̄_t) is β̄_t I
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
        if isinstance(base, t.Norm) and exponent == t.TWO and base.order in _EUCLIDEAN:
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
        if order in _EUCLIDEAN:
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
        if isinstance(node, t.Num) and node.value.denominator == 1 and abs(node.value) <= 10**6:
            return int(node.value)
        if isinstance(node, t.Sym) and not node.index and node.name in s.ints:
            return s.ints[node.name]
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
        for place, branch in enumerate(branches):
            if branch.left is None or branch.right is None:
                return self.eval(branch.value, s)
            left, right = self.eval(branch.left, s), self.eval(branch.right, s)
            if isinstance(left, Vec) and self.n.is_real(right) and self.model.family == "score":
                return self.by_entry(branches[place:], s)
            if kind_of(left) != "number" or kind_of(right) != "number":
                raise KindMismatch("A case is told apart by a vector; name the component, M_i = 1.")
            holds = self.n.close(self.n.plain(left), self.n.plain(right))
            if holds == (branch.relation == "="):
                return self.eval(branch.value, s)
        raise Singular("No case applies.")

    def by_entry(self, branches: tuple[t.Branch, ...], s: Scope) -> Value:
        """Cases told apart by the whole mask, M = 1: entry by entry, the first branch that applies."""
        chosen: dict[int, Real] = {}
        for branch in branches:
            holding = [True] * self.model.d
            if branch.left is not None and branch.right is not None:
                left, right = self.eval(branch.left, s), self.eval(branch.right, s)
                if not isinstance(left, Vec) or not self.n.is_real(right):
                    raise KindMismatch("The cases are told apart in different ways.")
                equal = [self.n.close(self.n.plain(x), self.n.plain(right)) for x in left.items]
                holding = [e == (branch.relation == "=") for e in equal]
            value = self.eval(branch.value, s)
            if self.n.is_real(value) and isinstance(branch.value, t.Num):
                value = Vec((value,) * self.model.d)
            if not isinstance(value, Vec):
                raise KindMismatch("A case is told apart by a vector, but its value is none.")
            for j, item in enumerate(value.items):
                if holding[j]:
                    chosen.setdefault(j, item)
        if len(chosen) < self.model.d:
            raise Singular("No case applies.")
        return Vec(tuple(chosen[j] for j in range(self.model.d)))


def _constant(node: t.Node) -> bool:
    return not any(isinstance(x, (t.Sym, t.Call)) for x in t.walk(node))


def refuse_outer_mask(factors: tuple[t.Node, ...]) -> None:
    """MᵀM is a number for a vector M and a mask for a diagonal matrix M: not decided here."""
    mask = t.Sym("M")
    for left, right in itertools.pairwise(factors):
        transposed = left == t.Transpose(mask) or left == t.Pow(mask, t.Sym("T"))
        if transposed and right == mask:
            raise NotEvaluated("MᵀM depends on whether M is a vector or a matrix.")
