"""Values of what involves distributions: expectations, divergences, densities, conditional laws of the chain."""

from __future__ import annotations

import itertools
from typing import Any

from grader.theory import tree as t
from grader.theory.bounds import MAX_JOINT
from grader.theory.errors import EvaluationError, KindMismatch, NotEvaluated, TooMuchWork, UnknownSymbol
from grader.theory.models import ATOMS, Model
from grader.theory.scope import Scope
from grader.theory.values import Matrix, Numbers, Real, Value, Vec


class NotADensity(EvaluationError):
    """A divergence or expectation over something that does not integrate to one."""


class Laws:
    """The part of the evaluator that knows p_r and p_g, and what is common to all laws."""

    model: Model
    n: Numbers
    base: Scope
    points: list[str]

    def eval(self, node: t.Node, s: Scope) -> Value:
        raise NotImplementedError

    def defined(self, node: t.Sym | t.Call, s: Scope) -> Value | None:
        raise NotImplementedError

    def unknown(self, node: t.Sym | t.Call) -> UnknownSymbol:
        raise NotImplementedError

    def integer(self, node: t.Node, s: Scope) -> int:
        raise NotImplementedError

    # ------------------------------------------------------------------ densities on atoms

    def gan_symbol(self, node: t.Sym, s: Scope) -> Value:
        if node.name in ("p_r", "p_g", "D") and not node.index:
            return self.model.densities[node.name][s.atom]
        if node.name == "D_star" and self.model.discriminator_known:
            return self.optimal_discriminator(s.atom)
        raise self.unknown(node)

    def optimal_discriminator(self, atom: int) -> Real:
        p, q = self.model.densities["p_r"][atom], self.model.densities["p_g"][atom]
        return p / (p + q)

    def call(self, node: t.Call, s: Scope) -> Value:
        found = self.defined(node, s)
        if found is not None:
            return found
        family = self.model.family
        if family == "gan":
            return self.density_call(node, s)
        if family == "score":
            return self.score_call(node, s)
        return self.chain_call(node, s)

    def density_call(self, node: t.Call, s: Scope) -> Value:
        if node.name not in ("p_r", "p_g", "D", "D_star") or node.given or node.index:
            raise self.unknown(node)
        if len(node.args) != 1 or not isinstance(node.args[0], t.Sym):
            raise NotEvaluated("A density is taken at something that is no point x.")
        atom = self.atom_at(node.args[0].name, s)
        if node.name == "D_star":
            if not self.model.discriminator_known:
                raise self.unknown(node)
            return self.optimal_discriminator(atom)
        return self.model.densities[node.name][atom]

    def atom_at(self, name: str, s: Scope) -> int:
        """The atom that a point variable stands for; two unbound names stand for two points."""
        if name in s.atoms:
            return s.atoms[name]
        if name not in self.points:
            self.points.append(name)
        return (s.atom + self.points.index(name)) % ATOMS

    def score_call(self, node: t.Call, s: Scope) -> Value:
        if node.name not in ("s_theta", "s"):
            raise self.unknown(node)
        first = self.eval(node.args[0], s)
        for other in node.args[1:]:
            if not isinstance(other, t.Sym):
                raise NotEvaluated("The second argument of the score is its noise level δ.")
        if node.given:
            return self.model.function("conditional score", (first,))
        vector = self.model.function("s_theta", (first,))
        if node.index:
            k = self.integer(node.index[0], s) - 1
            if not 0 <= k < self.model.d:
                raise EvaluationError("A component outside the vector is taken.")
            return vector.items[k]
        return vector

    def chain_call(self, node: t.Call, s: Scope) -> Value:
        raise NotEvaluated(f"“{node.name}” is not evaluated here.")

    def elbo_symbol(self, node: t.Sym, s: Scope) -> Value:
        raise self.unknown(node)

    def known_gradient(self, wrt: t.Node, body: t.Node, s: Scope) -> Value | None:
        """∇_x log p_θ(x, δ) is the score by definition; ∇_x log p(x_known | x) left as it is answers nothing."""
        if self.model.family != "score" or wrt != t.Sym("x"):
            return None
        if isinstance(body, t.Fun) and body.name == "log" and isinstance(body.arg, t.Call):
            law = body.arg
            if self.defined_name(law.name) or law.given or not law.args or law.args[0] != t.Sym("x"):
                return None
            if law.name in ("p", "p_theta", "p_delta"):
                return self.model.function("s_theta", (self.eval(t.Sym("x"), s),))
        return None

    def defined_name(self, name: str) -> bool:
        return False

    def atoms_of(self, node: t.Node, s: Scope, what: str) -> list[Real]:
        """A density at every atom; it must sum to one."""
        values = []
        for k in range(ATOMS):
            value = self.eval(node, s.everywhere(k))
            if not self.n.is_real(value):
                raise KindMismatch(f"{what} is no density.")
            values.append(self.n.plain(value))
        total = sum(values[1:], values[0])
        if not self.n.close(total, self.n.mp.mpf(1)):
            raise NotADensity(f"{what} is not a density: it does not integrate to 1.")
        return values

    def divergence(self, node: t.Divergence, s: Scope) -> Value:
        if self.model.family != "gan":
            return self.chain_divergence(node, s)
        n = self.n
        p = self.atoms_of(node.p, s, "The first argument of a divergence")
        if node.q is None:
            return -_total(x * n.apply("log", x) for x in p)
        q = self.atoms_of(node.q, s, "The second argument of a divergence")
        if node.kind == "CE":
            return -_total(x * n.apply("log", y) for x, y in zip(p, q, strict=True))
        if node.kind == "KL":
            return self.kl(p, q)
        m = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
        return (self.kl(p, m) + self.kl(q, m)) / 2

    def kl(self, p: list[Real], q: list[Real]) -> Real:
        return _total(x * self.n.apply("log", x / y) for x, y in zip(p, q, strict=True))

    def chain_divergence(self, node: t.Divergence, s: Scope) -> Value:
        raise NotEvaluated("This divergence is not evaluated here.")

    def integral(self, var: t.Node, body: t.Node, s: Scope) -> Value:
        if self.model.family != "gan" or not isinstance(var, t.Sym):
            raise NotEvaluated("This integral is not evaluated here.")
        return _total(self.number(body, s.at_atom(var.name, k)) for k in range(ATOMS))

    def number(self, node: t.Node, s: Scope) -> Real:
        value = self.eval(node, s)
        if not self.n.is_real(value):
            raise KindMismatch("A number is expected under an integral or expectation.")
        return value

    def expectation(self, node: t.Expect, s: Scope) -> Value:
        if self.model.family != "gan":
            return self.chain_expectation(node, s)
        if not node.under:
            raise NotEvaluated("The expectation does not say under which distribution.")
        bindings: list[tuple[str, list[Real]]] = []
        for binder in node.under:
            var = binder.var
            if var is None and isinstance(binder.law, t.Call) and len(binder.law.args) == 1:
                var = binder.law.args[0]
            if var is None:
                var = t.Sym("x")
            if not isinstance(var, t.Sym):
                raise NotEvaluated("The variable of an expectation is no symbol.")
            bindings.append((var.name, self.atoms_of(binder.law, s, "The distribution of an expectation")))
        if len(bindings) > MAX_JOINT:
            raise TooMuchWork(f"An expectation binds more than {MAX_JOINT} variables.")
        total: Real = self.n.mp.mpf(0)
        for choice in itertools.product(range(ATOMS), repeat=len(bindings)):
            inner, weight = s, self.n.mp.mpf(1)
            for (name, law), atom in zip(bindings, choice, strict=True):
                inner, weight = inner.at_atom(name, atom), weight * law[atom]
            total = total + weight * self.number(node.body, inner)
        return total

    def chain_expectation(self, node: t.Expect, s: Scope) -> Value:
        raise NotEvaluated("This expectation is not evaluated here.")

    # ------------------------------------------------------------------ Gaussians

    def gaussian(self, node: t.Gauss, s: Scope) -> tuple[Vec, tuple[Real, ...]]:
        """Mean and the diagonal of the covariance."""
        mean = self.eval(node.mean, s)
        spread = self.eval(node.spread, s)
        if self.n.is_real(mean):
            if not self.n.is_zero(mean):
                raise KindMismatch("The mean of a Gaussian in R^d is a number.")
            mean = Vec((mean,) * self.model.d)
        if not isinstance(mean, Vec):
            raise KindMismatch("The mean of a Gaussian is no vector.")
        if isinstance(spread, Matrix):
            items = spread.items
        elif self.n.is_real(spread):
            items = (spread,) * self.model.d
        else:
            raise KindMismatch("The covariance of a Gaussian is a vector.")
        if node.deviation:
            items = tuple(x * x for x in items)
        return mean, items

    def density(self, node: t.Gauss, s: Scope) -> Value:
        """N(x; μ, Σ) as a number: the density at its variate."""
        if node.variate is None:
            raise NotEvaluated("A Gaussian without its variate has no value.")
        mean, variance = self.gaussian(node, s)
        at = self.eval(node.variate, s)
        if not isinstance(at, Vec):
            raise KindMismatch("The variate of a Gaussian is no vector.")
        return self.normal_density(at, mean, variance)

    def normal_density(self, at: Vec, mean: Vec, variance: tuple[Real, ...]) -> Real:
        n = self.n
        total: Any = n.mp.mpf(1)
        for x, m, v in zip(at.items, mean.items, variance, strict=True):
            exponent = n.divide((x - m) * (x - m), -2 * v)
            total = total * n.divide(n.apply("exp", exponent), n.apply("sqrt", 2 * n.mp.pi * v))
        return total


def _total(values: Any) -> Real:
    items = list(values)
    return sum(items[1:], items[0])
