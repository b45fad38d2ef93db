"""Values of derivation steps: what an answer never holds but its derivation does.

Densities q(x_t|x_{t−1}), the free value D(x), V(D*, G), the posterior p(x|x_known): each is computed from its
definition in the model, never from the result that the derivation is to show.
"""

from __future__ import annotations

from typing import Final

from grader.theory import tree as t
from grader.theory.definitions import Definition
from grader.theory.errors import KindMismatch, NotEvaluated
from grader.theory.evaluate import Evaluator
from grader.theory.models import ATOMS, Model
from grader.theory.questions import Family
from grader.theory.scope import Scope
from grader.theory.values import Numbers, Real, Value, Vec

T_STEPS: Final = 7
T_NOW: Final = 5
"""T and t of the models: derivations go back to x_{t−3}, and x_0 must lie further."""

_MEANS: Final = frozenset({"mu", "mu_theta", "mu_tilde", "mu_q", "m_tilde", "mu_t"})
_VALUES: Final = frozenset({"V", "C", "L", "J"})
_DENSITIES: Final = frozenset({"p", "p_theta", "q", "p_delta"})


class StepModel(Model):
    """A model of a derivation; in the diffusion one coordinate stands for all, since covariances are multiples of I."""

    def __init__(self, family: Family, seed: str, numbers: Numbers) -> None:
        dimensions = 1 if family == "diffusion" else 3
        super().__init__(family, seed, numbers, steps=T_STEPS, t=T_NOW, dimensions=dimensions)

    def ones(self) -> Value:
        return self.n.mp.mpf(1) if self.family == "diffusion" else super().ones()

    def state(self, k: int) -> Real:
        """x_k, one coordinate."""
        return self.uniform(f"x{k}", -2.0, 2.0)

    def decay(self, first: int, last: int) -> Real:
        """∏ (1 − β_i) for i from first + 1 to last: the squared factor with which x_first enters x_last."""
        product = self.n.mp.mpf(1)
        for i in range(first + 1, last + 1):
            product *= 1 - self.beta(i)
        return product


class StepEvaluator(Evaluator):
    """Evaluates a member of a derivation step in one model."""

    def __init__(self, question: str, model: StepModel, definitions: tuple[Definition, ...]) -> None:
        super().__init__(model, definitions, standard_alpha=True)
        self.question = question
        self.chain_model = model
        self.noise_names = {d.name for d in definitions if d.law}
        self.noise_values: dict[str, Real] | None = None
        """Values of the noises, by name and index; None: a noise has no value here."""
        self.state_values: dict[int, Real] | None = None
        """Values of x_k that replace the model's, where given."""
        self.used_noises: set[str] = set()
        self.used_states: set[int] = set()
        self.not_densities = False
        """A divergence had an argument that does not integrate to 1."""
        self.variate: t.Node | None = None
        """The variate of a Gaussian that is stated without one."""

    # ------------------------------------------------------------------ diffusion

    def x_value(self, k: int, s: Scope) -> Value:
        bound = s.values.get(f"x[{k}]")
        if bound is not None:
            return bound
        self.used_states.add(k)
        if self.state_values is not None:
            return self.state_values.get(k, self.n.mp.mpf(0))
        return self.chain_model.state(k)

    def symbol(self, node: t.Sym, s: Scope) -> Value:
        if node.name in self.noise_names:
            return self.noise(node, s)
        return super().symbol(node, s)

    def noise(self, node: t.Sym, s: Scope) -> Value:
        if self.noise_values is None:
            raise NotEvaluated("A noise has no value here.")
        key = self.binding_key(node, s)
        self.used_noises.add(key)
        return self.noise_values.get(key, self.n.mp.mpf(0))

    def known(self, node: t.Sym, s: Scope) -> Value:
        if self.question == "2.4" and node.name in _MEANS:
            return self.posterior()[0]
        if self.model.family == "diffusion" and node.name in ("beta_tilde", "beta_hat"):
            return self.posterior()[1]
        return super().known(node, s)

    def posterior(self) -> tuple[Real, Real]:
        """Mean and variance of x_{t−1} given x_t and x_0, by conditioning the joint Gaussian of the two."""
        model, now, before = self.chain_model, self.model.t, self.model.t - 1
        x_t, x_0 = self.x_value(now, self.base), self.x_value(0, self.base)
        sqrt = model.n.mp.sqrt
        mean_before, mean_now = sqrt(model.decay(0, before)) * x_0, sqrt(model.decay(0, now)) * x_0
        variance_before, variance_now = 1 - model.decay(0, before), 1 - model.decay(0, now)
        covariance = sqrt(model.decay(before, now)) * variance_before
        gain = covariance / variance_now
        return mean_before + gain * (x_t - mean_now), variance_before - gain * covariance

    def chain_call(self, node: t.Call, s: Scope) -> Value:
        if node.name in _MEANS and self.question == "2.4":
            return self.posterior()[0]
        if node.name != "q":
            raise NotEvaluated(f"“{node.name}” is not evaluated here.")
        asked, given = self.times(node.args, s), self.times(node.given, s)
        if not asked or 0 in asked or set(asked) & set(given):
            raise NotEvaluated("This density is not evaluated here.")
        if 0 not in given and not any(k < min(asked) for k in given):
            raise NotEvaluated("This density depends on the law of x_0, which is not known.")
        condition = sorted(set(given) - {0})
        joint = self.chain_density(sorted({*asked, *condition}), s)
        return self.n.divide(joint, self.chain_density(condition, s))

    def times(self, arguments: tuple[t.Node, ...], s: Scope) -> list[int]:
        """The times k of the x_k in a density's arguments."""
        found: list[int] = []
        for argument in arguments:
            if not isinstance(argument, t.Sym) or argument.name != "x" or len(argument.index) != 1:
                raise NotEvaluated("An argument of this density is no x_t.")
            index = argument.index[0]
            if isinstance(index, t.Range):
                found.extend(range(self.integer(index.low, s), min(self.integer(index.high, s), T_STEPS) + 1))
            else:
                found.append(self.integer(index, s))
        if any(not 0 <= k <= T_STEPS for k in found):
            raise NotEvaluated("A time outside 0 … T is meant.")
        return found

    def chain_density(self, times: list[int], s: Scope) -> Real:
        """Joint density of the x_k given x_0: a product of transitions, since the chain is Markov."""
        density, earlier = self.n.mp.mpf(1), 0
        for k in times:
            decay = self.chain_model.decay(earlier, k)
            mean = self.n.mp.sqrt(decay) * self.x_value(earlier, s)
            density = density * self.normal(self.x_value(k, s), mean, 1 - decay)
            earlier = k
        return density

    def normal(self, at: Real, mean: Real, variance: Real) -> Real:
        """The density of N(mean, variance) at a number."""
        exponent = self.n.divide((at - mean) * (at - mean), -2 * variance)
        return self.n.divide(self.n.apply("exp", exponent), self.n.apply("sqrt", 2 * self.n.mp.pi * variance))

    def density(self, node: t.Gauss, s: Scope) -> Value:
        variate = node.variate if node.variate is not None else self.variate
        if variate is None or self.model.family != "diffusion":
            raise NotEvaluated("A Gaussian without its variate has no value.")
        at, mean, spread = (self.number(part, s) for part in (variate, node.mean, node.spread))
        return self.normal(at, mean, spread * spread if node.deviation else spread)

    # ------------------------------------------------------------------ GAN

    def gan_symbol(self, node: t.Sym, s: Scope) -> Value:
        if node.name == "D" and not node.index and "D" in s.values:
            return s.values["D"]
        if node.name == "D_star":
            return self.best_discriminator(s.atom)
        return super().gan_symbol(node, s)

    def best_discriminator(self, atom: int) -> Real:
        """The D that maximizes p_r log D + p_g log(1 − D) at a point."""
        p, q = self.model.densities["p_r"][atom], self.model.densities["p_g"][atom]
        return p / (p + q)

    def density_call(self, node: t.Call, s: Scope) -> Value:
        if node.name in _VALUES:
            return self.objective(node, s)
        if node.name == "D" and node.args and not isinstance(node.args[0], t.Sym):
            factor: Real = self.number(t.Sym("D"), s)
            other: Real = self.number(node.args[0], s)
            return factor * other  # D(1 − D) is a product
        if node.name == "D" and "D" in s.values:
            return s.values["D"]
        if node.name == "D_star" and len(node.args) == 1 and isinstance(node.args[0], t.Sym):
            return self.best_discriminator(s.atoms.get(node.args[0].name, s.atom))
        return super().density_call(node, s)

    def objective(self, node: t.Call, s: Scope) -> Real:
        """V(D, G) = E_{p_r}[log D] + E_{p_g}[log(1 − D)]; C(G) is V(D*, G)."""
        names = {argument.name for argument in node.args if isinstance(argument, (t.Sym, t.Call))}
        star = "D_star" in names or node.name == "C" or "star" in node.name
        if not star and "D" not in names:
            raise NotEvaluated(f"“{node.name}” is not evaluated here.")
        total = self.n.mp.mpf(0)
        densities = self.model.densities
        for atom in range(ATOMS):
            value = self.best_discriminator(atom) if star else densities["D"][atom]
            total += densities["p_r"][atom] * self.n.apply("log", value)
            total += densities["p_g"][atom] * self.n.apply("log", 1 - value)
        return total

    def atoms_of(self, node: t.Node, s: Scope, what: str) -> list[Real]:
        values = [self.number(node, s.everywhere(k)) for k in range(ATOMS)]
        if not self.n.close(sum(values[1:], values[0]), self.n.mp.mpf(1)):
            self.not_densities = True
        return values

    def gradient(self, wrt: t.Node, body: t.Node, s: Scope) -> Value:
        name = wrt.name if isinstance(wrt, (t.Sym, t.Call)) else ""
        if self.model.family == "gan" and name == "D":
            from grader.theory.values import Dual

            start = self.gan_symbol(t.Sym("D"), s)
            slope = self.eval(body, s.with_value("D", Dual(start, self.n.mp.mpf(1))))
            return self.slope_of(slope)
        return super().gradient(wrt, body, s)

    # ------------------------------------------------------------------ score

    def known_gradient(self, wrt: t.Node, body: t.Node, s: Scope) -> Value | None:
        return None

    def score_symbol(self, node: t.Sym, s: Scope) -> Value:
        if node.name in ("s", "s_theta"):
            return self.score(node.index, s)
        return super().score_symbol(node, s)

    def score_call(self, node: t.Call, s: Scope) -> Value:
        if node.name in ("s", "s_theta"):
            prior = self.score(node.index, s)
            if not self.names(node.given) & {"x_known"} and "x_known" not in self.names(node.args):
                return prior
            if node.index:
                raise NotEvaluated("A component of the conditional score is not evaluated here.")
            x, known = self.vector("x", s), self.vector("x_known", s)
            items = zip(prior.items, x.items, known.items, self.model.mask.items, strict=True)
            return Vec(tuple(p - 2 * (u - k) * m * m for p, u, k, m in items))
        if node.name in _DENSITIES:
            return self.n.apply("exp", self.log_density(node, s))
        return super().score_call(node, s)

    def names(self, nodes: tuple[t.Node, ...]) -> set[str]:
        return {node.name for node in nodes if isinstance(node, t.Sym)}

    def vector(self, name: str, s: Scope) -> Vec:
        value = self.symbol(t.Sym(name), s)
        if not isinstance(value, Vec):
            raise KindMismatch(f"{name} is no vector.")
        return value

    def coefficients(self, place: int) -> tuple[Real, Real, Real]:
        """Of the random log-density a x + b x² + c x³ in one coordinate."""
        a, b, c = (self.model.uniform(f"log p {name}{place}", -0.8, 0.8) for name in "abc")
        return a, b, c

    def score(self, index: tuple[t.Node, ...], s: Scope) -> Value:
        """∇_x log p_θ(x, δ)."""
        x = self.vector("x", s)
        slopes = []
        for place, u in enumerate(x.items):
            a, b, c = self.coefficients(place)
            slopes.append(a + 2 * b * u + 3 * c * u * u)
        return slopes[self.integer(index[0], s) % len(slopes)] if index else Vec(tuple(slopes))

    def log_density(self, node: t.Call, s: Scope) -> Real:
        asked, given = self.names(node.args), self.names(node.given)
        if len(asked) != len(node.args) or (asked | given) - {"x", "x_known", "delta", "M"}:
            raise NotEvaluated("This density is not evaluated here.")
        if "x" in asked and "x_known" in asked:
            return self.log_likelihood(s) + self.log_prior(s)
        if "x" in asked:
            if "x_known" in given:
                return self.log_likelihood(s) + self.log_prior(s) - self.log_evidence()
            return self.log_prior(s)
        if "x_known" in asked:
            return self.log_likelihood(s) if "x" in given else self.log_evidence()
        raise NotEvaluated("This density is not evaluated here.")

    def log_prior(self, s: Scope) -> Real:
        total = self.n.mp.mpf(0)
        for place, u in enumerate(self.vector("x", s).items):
            a, b, c = self.coefficients(place)
            total = a * u + b * u * u + c * u * u * u + total
        return total

    def log_likelihood(self, s: Scope) -> Real:
        """log C − ‖(x − x_known) ⊙ M‖², as the handout gives it."""
        total = self.model.uniform("log C", -1.0, 1.0)
        x, known = self.vector("x", s), self.vector("x_known", s)
        for u, k, m in zip(x.items, known.items, self.model.mask.items, strict=True):
            total = -((u - k) * m) * ((u - k) * m) + total
        return total

    def log_evidence(self) -> Real:
        return self.model.uniform("log evidence", -1.0, 1.0)
