"""A diffusion with finitely many states: laws of q and p_θ are tables, so that any form of the ELBO is a finite sum.

q(x_0), q(x_t | x_{t−1}), p(x_T) and p_θ(x_{t−1} | x_t) are drawn at random; joints, marginals and conditionals follow
by summation. States carry random vectors, x̂_θ is a random function of the state. An identity between forms of the
bound holds in every such chain or it is not an identity. The squared distances of the x_0-prediction form keep their
Gaussian weights: there only the linearity of E_{q(x_t|x_0)} matters, for which any table of q serves.
"""

from __future__ import annotations

import itertools

from grader.theory import tree as t
from grader.theory.errors import EvaluationError, KindMismatch, NotEvaluated
from grader.theory.evaluate import Evaluator
from grader.theory.laws import NotADensity
from grader.theory.models import Model
from grader.theory.scope import Scope
from grader.theory.values import Real, Value, Vec, add_values, multiply

STATES = 2
"""States of each x_t: identities that hold for random tables of two states hold for all."""

OVER_DATA = "The expectation is over x_0 too: the bound is asked for one x_0."
_Q, _P = "q", "p"
_FAMILY = {"q": _Q, "p": _P, "p_theta": _P}


class ChainTables:
    """Joint tables of q(x_{0:T}) and p_θ(x_{0:T}), with marginals computed on demand."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.times = tuple(range(model.steps + 1))
        self.joint = {_Q: self.build(_Q), _P: self.build(_P)}
        self.marginals: dict[tuple[str, tuple[int, ...]], dict[tuple[int, ...], Real]] = {}

    def row(self, key: str, *, theta: bool) -> list[Real]:
        raw = [self.model.uniform(f"{key}->{k}", 0.15, 1.0, theta=theta) for k in range(STATES)]
        total = sum(raw[1:], raw[0])
        return [value / total for value in raw]

    def build(self, family: str) -> dict[tuple[int, ...], Real]:
        """The joint over (x_0, …, x_T): forward from x_0 for q, backward from x_T for p_θ."""
        last = self.model.steps
        table: dict[tuple[int, ...], Real] = {}
        forward = family == _Q
        start = self.row("q0" if forward else "prior", theta=False)
        rows = {
            (k, state): self.row(f"{family}{k}|{state}", theta=not forward)
            for k in range(1, last + 1)
            for state in range(STATES)
        }
        for path in itertools.product(range(STATES), repeat=last + 1):
            if forward:
                weight = start[path[0]]
                for k in range(1, last + 1):
                    weight = weight * rows[k, path[k - 1]][path[k]]
            else:
                weight = start[path[last]]
                for k in range(last, 0, -1):
                    weight = weight * rows[k, path[k]][path[k - 1]]
            table[path] = weight
        return table

    def marginal(self, family: str, times: tuple[int, ...], states: tuple[int, ...]) -> Real:
        key = (family, times)
        table = self.marginals.get(key)
        if table is None:
            table = {}
            for path, weight in self.joint[family].items():
                short = tuple(path[k] for k in times)
                table[short] = table[short] + weight if short in table else weight
            self.marginals[key] = table
        return table[states]

    def probability(self, family: str, of: frozenset[int], given: frozenset[int], states: dict[int, int]) -> Real:
        """family(x_of | x_given) at these states."""
        both = tuple(sorted(of | given))
        top = self.marginal(family, both, tuple(states[k] for k in both))
        if not given:
            return top
        below = tuple(sorted(given))
        return top / self.marginal(family, below, tuple(states[k] for k in below))


class ChainEvaluator(Evaluator):
    """The evaluator for question 2.1: its laws are the tables of a discrete chain."""

    tables: ChainTables | None = None
    constant: int = 0
    """Value of “const”: the judgement asks whether it is added, once."""

    def base_states(self) -> dict[int, int]:
        return {k: (k + 1) % STATES if k else 0 for k in range(self.model.steps + 1)}

    @property
    def chain(self) -> ChainTables:
        if self.tables is None:
            self.tables = ChainTables(self.model)
        return self.tables

    # ------------------------------------------------------------------ symbols

    def x_value(self, k: int, s: Scope) -> Vec:
        if k not in s.states:
            raise EvaluationError(f"There is no x at the time {k} in a chain of {self.model.steps} steps.")
        return self.model.vector(f"x{k} in state {s.states[k]}")

    def elbo_symbol(self, node: t.Sym, s: Scope) -> Value:
        name = node.name
        if name in ("const", "C", "c"):
            return self.n.mp.mpf(self.constant)
        if name in ("x_hat_theta", "x_hat") and all(i in (t.number(0), t.Sym("t")) for i in node.index):
            return self.prediction(s.ints["t"], s)
        if name in ("mu_theta", "mu_tilde", "mu_q") and len(node.index) <= 1:
            return self.mean(name, s.ints["t"], s)
        raise self.unknown(node)

    def prediction(self, k: int, s: Scope) -> Vec:
        if k not in s.states:
            raise EvaluationError(f"There is no x at the time {k} in a chain of {self.model.steps} steps.")
        return self.model.vector(f"x_hat {k} in state {s.states[k]}", theta=True)

    def noise(self, node: t.Sym, s: Scope) -> Value:
        """ε is what separates x_t from its mean given x_0; ε_θ the same for the predicted x_0."""
        k = s.ints["t"]
        source = self.prediction(k, s) if node.name == "epsilon_theta" else self.x_value(0, s)
        if node.name not in ("epsilon", "epsilon_theta"):
            raise self.unknown(node)
        n = self.n
        bar = self.model.beta_bar(k)
        shifted = add_values(n, self.x_value(k, s), multiply(n, -n.apply("sqrt", 1 - bar), source))
        return multiply(n, 1 / n.apply("sqrt", bar), shifted)

    def mean(self, name: str, k: int, s: Scope) -> Value:
        """Mean of q(x_{t−1} | x_t, x_0), and the same with x̂_θ in the place of x_0."""
        n, model = self.n, self.model
        bar, before, beta = model.beta_bar(k), model.beta_bar(k - 1), model.beta(k)
        source = self.prediction(k, s) if name == "mu_theta" else self.x_value(0, s)
        first = multiply(n, before * n.apply("sqrt", 1 - beta) / bar, self.x_value(k, s))
        return add_values(n, first, multiply(n, beta * n.apply("sqrt", 1 - before) / bar, source))

    def chain_call(self, node: t.Call, s: Scope) -> Value:
        if node.name in _FAMILY:
            of, given = self.times(node.args, s), self.times(node.given, s)
            return self.chain.probability(_FAMILY[node.name], of, given, s.states)
        if node.name in ("x_hat_theta", "x_hat", "epsilon_theta", "mu_theta", "mu_tilde", "mu_q"):
            k = self.time_of(node, s)
            inner = s.with_int("t", k)
            if node.name == "epsilon_theta":
                return self.noise(t.Sym("epsilon_theta"), inner)
            if node.name.startswith("mu"):
                return self.mean(node.name, k, inner)
            return self.prediction(k, inner)
        raise self.unknown(node)

    def time_of(self, node: t.Call, s: Scope) -> int:
        """The t of x̂_θ(x_t, t), also where x_t is written out as √(1 − β̄_t) x_0 + √β̄_t ε."""
        first = node.args[0]
        if isinstance(first, t.Sym) and first.name == "x" and len(first.index) == 1:
            return self.integer(first.index[0], s)
        k = s.ints["t"]
        value = self.eval(first, s)
        expected = self.x_value(k, s)
        if isinstance(value, Vec) and all(self.n.close(a, b) for a, b in zip(value.items, expected.items, strict=True)):
            return k
        raise NotEvaluated("A network is taken at something that is not x_t.")

    # ------------------------------------------------------------------ laws

    def times(self, args: tuple[t.Node, ...], s: Scope) -> frozenset[int]:
        """Which x are meant: x_t, x_{1:T}, or x_1, …, x_T."""
        found: list[int] = []
        dots = False
        for arg in args:
            if isinstance(arg, t.Sym) and arg.name == "…":
                dots = True
                continue
            if not isinstance(arg, t.Sym) or arg.name != "x" or len(arg.index) != 1:
                raise NotEvaluated("A law of the chain has arguments x_t only.")
            index = arg.index[0]
            if isinstance(index, t.Range):
                ends = range(self.integer(index.low, s), self.integer(index.high, s) + 1)
            else:
                k = self.integer(index, s)
                ends = range(found[-1] + 1, k + 1) if dots and found else range(k, k + 1)
            dots = False
            found.extend(ends)
        for k in found:
            if not 0 <= k <= self.model.steps:
                raise EvaluationError(f"There is no x at the time {k} in a chain of {self.model.steps} steps.")
        return frozenset(found)

    def bound(self, law: t.Node, s: Scope, *, fixed: bool = False) -> tuple[str, frozenset[int], frozenset[int]]:
        """Family, the times that a law binds, the times it is conditional on; fixed: may it bind x_0 given x_0?"""
        if isinstance(law, t.Sym) and law.name in _FAMILY and not law.index:
            return _FAMILY[law.name], frozenset(range(1, self.model.steps + 1)), frozenset({0})
        if not isinstance(law, t.Call) or law.name not in _FAMILY:
            raise NotEvaluated("This is no law of the chain.")
        of, given = self.times(law.args, s), self.times(law.given, s)
        if fixed and of == {0} and 0 in given and law.name == "q":
            return _FAMILY[law.name], of, given
        if of & given:
            raise NotEvaluated("A law binds a variable that it is conditional on.")
        if law.name == "q" and 0 in of:
            if given or len(of) == 1:
                raise NotEvaluated(OVER_DATA)
            return _Q, of - {0}, frozenset({0})  # judged so, and left to a person when right
        return _FAMILY[law.name], of, given

    def weighted(self, family: str, of: frozenset[int], given: frozenset[int], s: Scope) -> list[tuple[Scope, Real]]:
        order = sorted(of)
        out = []
        for choice in itertools.product(range(STATES), repeat=len(order)):
            inner = s.with_states(dict(zip(order, choice, strict=True)))
            out.append((inner, self.chain.probability(family, of, given, inner.states)))
        return out

    def integral(self, var: t.Node, body: t.Node, s: Scope) -> Value:
        order = sorted(self.times((var,), s))
        total = self.n.mp.mpf(0)
        for choice in itertools.product(range(STATES), repeat=len(order)):
            total = total + self.number(body, s.with_states(dict(zip(order, choice, strict=True))))
        return total

    def chain_expectation(self, node: t.Expect, s: Scope) -> Value:
        if not node.under:
            raise NotEvaluated("The expectation does not say under which distribution.")
        scopes = [(s, self.n.mp.mpf(1))]
        for binder in node.under:
            scopes = [(b, w * v) for a, w in scopes for b, v in self.bind(binder, a)]
        total = self.n.mp.mpf(0)
        for inner, weight in scopes:
            value = self.eval(node.body, inner)
            if not self.n.is_real(value):
                raise KindMismatch("The expectation of a vector is taken.")
            total = total + weight * value
        return total

    def bind(self, binder: t.Binder, s: Scope) -> list[tuple[Scope, Real]]:
        law = binder.law
        noise = binder.var if binder.var is not None else law
        if isinstance(noise, t.Sym) and noise.name == "epsilon":
            if binder.var is not None and not self.standard(law):
                raise NotEvaluated("The noise ε is not N(0, I).")
            return self.weighted(_Q, frozenset({s.ints["t"]}), frozenset({0}), s)
        family, of, given = self.bound(law, s, fixed=True)
        if of <= given:  # q(x_0 | x_1, x_0) at t = 1: x_0 is what it is
            return [(s, self.n.mp.mpf(1))]
        if binder.var is not None and self.times((binder.var,), s) != of:
            raise NotADensity("The variable of the expectation and its distribution do not match.")
        return self.weighted(family, of, given, s)

    def standard(self, law: t.Node) -> bool:
        return isinstance(law, t.Gauss) and law.mean in (t.number(0), t.Sym("0")) and law.spread in (t.Sym("I"), t.ONE)

    point_mass = False
    """Was a KL divergence from q(x_0 | x_1, x_0) met, which is −log p_θ(x_0 | x_1) in a discrete chain only?"""

    def chain_divergence(self, node: t.Divergence, s: Scope) -> Value:
        if node.kind == "KL" and node.q is not None and isinstance(node.p, t.Call) and node.p.name == "q":
            of, given = self.times(node.p.args, s), self.times(node.p.given, s)
            if of == {0} and 0 in given:
                self.point_mass = True
                return -self.n.apply("log", self.number(node.q, s))
        family, of, given = self.bound(node.p, s)
        if node.q is None or node.kind in ("JSD",):
            if node.kind == "H":
                total = self.n.mp.mpf(0)
                for _, weight in self.weighted(family, of, given, s):
                    total = total - weight * self.n.apply("log", weight)
                return total
            raise NotEvaluated("This divergence is not evaluated here.")
        _, other, _ = self.second(node.q, s)
        if other != of:
            raise NotADensity("The two arguments of a divergence are densities of different variables.")
        total = self.n.mp.mpf(0)
        for inner, weight in self.weighted(family, of, given, s):
            below = self.eval(node.q, inner)
            ratio = 1 / below if node.kind == "CE" else weight / below
            total = total + weight * self.n.apply("log", ratio)
        return total

    def second(self, law: t.Node, s: Scope) -> tuple[str, frozenset[int], frozenset[int]]:
        if not isinstance(law, t.Call) or law.name not in _FAMILY:
            raise NotEvaluated("This is no law of the chain.")
        return _FAMILY[law.name], self.times(law.args, s), self.times(law.given, s)
