"""The transition densities of the Gaussian diffusion as values: what the steps of a derivation are made of."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.errors import NotEvaluated
from grader.theory.evaluate import Evaluator
from grader.theory.scope import Scope
from grader.theory.values import Real, Value, Vec


class DensityEvaluator(Evaluator):
    """Knows q(x_s | x_r), q(x_t | x_{t−1}, x_0) and q(x_{t−1} | x_t, x_0) as numbers."""

    def chain_call(self, node: t.Call, s: Scope) -> Value:
        if node.name != "q":
            raise self.unknown(node)
        of, given = self.time_list(node.args, s), self.time_list(node.given, s)
        if len(of) != 1 or not given or len(set(given)) != len(given):
            raise NotEvaluated("A joint law of the diffusion is not evaluated here.")
        mean, variance = self.moments_of(of[0], given, s)
        at = self.x_value(of[0], s)
        assert isinstance(at, Vec)
        return self.normal_density(at, mean, (variance,) * len(at.items))

    def time_list(self, args: tuple[t.Node, ...], s: Scope) -> list[int]:
        out = []
        for arg in args:
            if (
                not isinstance(arg, t.Sym)
                or arg.name != "x"
                or len(arg.index) != 1
                or isinstance(arg.index[0], t.Range)
            ):
                raise NotEvaluated("A law of the diffusion has arguments x_t only.")
            out.append(self.integer(arg.index[0], s))
        return out

    def moments_of(self, k: int, given: list[int], s: Scope) -> tuple[Vec, Real]:
        """Mean and variance of x_k given x at other times, by the Markov property."""
        n, model = self.n, self.model
        below = [g for g in given if g < k]
        above = [g for g in given if g > k]
        if k < 1 or not below:
            raise NotEvaluated("A marginal law of the diffusion is not evaluated here.")
        r = max(below)
        keep = model.survival(k) / model.survival(r)
        forward = tuple(n.apply("sqrt", keep) * x for x in self.items_at(r, s))
        spread = 1 - keep
        if not above:
            return Vec(forward), spread
        u = min(above)
        later = model.survival(u) / model.survival(k)
        root, noise = n.apply("sqrt", later), 1 - later
        variance = 1 / (1 / spread + later / noise)
        items = tuple(
            variance * (m / spread + root * y / noise) for m, y in zip(forward, self.items_at(u, s), strict=True)
        )
        return Vec(items), variance

    def items_at(self, k: int, s: Scope) -> tuple[Real, ...]:
        value = self.x_value(k, s)
        assert isinstance(value, Vec)
        return value.items
