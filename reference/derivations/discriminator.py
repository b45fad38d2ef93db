"""1.1 to 1.3: the optimal discriminator, the objective at it, and why its gradient vanishes.

Source: Goodfellow et al., Generative Adversarial Nets (2014), Proposition 1, Theorem 1 and Section 3.
"""

from __future__ import annotations

import sympy as sp

from reference.derivations.proof import Proof, ProofError, Step
from reference.derivations.results import D_STAR, OBJECTIVE_CONSTANT, SATURATED_GRADIENT
from reference.derivations.symbols import D, P, Q, a, i, n, p, q

_f = p * sp.log(D) + q * sp.log(1 - D)
_d_star = D_STAR(p, q)


def _with_unit_mass(total: sp.Sum) -> sp.Expr:
    """The sum, linear in the masses, once Σ p_r = Σ p_g = 1 is used; kept as a product until it is checked."""
    parts = sp.Add.make_args(total.expand())
    factored = sum((part.factor() for part in parts), sp.Integer(0))
    masses = {sp.Sum(mass[i], (i, 1, n)): sp.Symbol(f"Σ{mass}") for mass in (P, Q)}
    linear = factored.subs(masses)
    if linear.has(sp.Sum):
        raise ProofError(f"the sum is not linear in the masses: {linear}")
    return sp.Subs(linear, tuple(masses.values()), (1, 1))


def optimal_discriminator() -> Proof:
    """D* maximizes ∫ p_r log D + p_g log(1 − D) dx, point by point."""
    return Proof(
        "1.1",
        "D*(x) = p_r(x) / (p_r(x) + p_g(x))",
        "G is fixed; D(x) may be chosen freely in (0, 1) at each x, so the integral is largest when its "
        "integrand f(D) = p_r log D + p_g log(1 − D) is largest at each x; p_r, p_g > 0",
        (
            Step("the slope of the integrand", sp.Derivative(_f, D), "=", p / D - q / (1 - D), "differentiate"),
            Step(
                "the slope times D(1 − D), which is positive, is linear in D: at most one stationary point",
                sp.Derivative(_f, D) * D * (1 - D),
                "=",
                p - (p + q) * D,
                "differentiate, clear denominators",
            ),
            Step(
                "D* is that stationary point",
                sp.Subs(sp.Derivative(_f, D), D, _d_star),
                "=",
                0,
                "insert D* into the slope",
            ),
            Step("D* lies above 0", _d_star, ">", 0, "p_r, p_g > 0"),
            Step("D* lies below 1", _d_star, "<", 1, "1 − D* = p_g/(p_r + p_g) > 0"),
            Step(
                "second-order condition: f is strictly concave, so D* is the only maximum",
                sp.Derivative(_f, (D, 2)),
                "<",
                0,
                "f'' = −p_r/D² − p_g/(1 − D)²",
            ),
            Step("boundary: f falls without bound as D → 0", sp.Limit(_f, D, 0, "+"), "=", -sp.oo, "limit"),
            Step("boundary: f falls without bound as D → 1", sp.Limit(_f, D, 1, "-"), "=", -sp.oo, "limit"),
            Step(
                "where p_r = 0 < p_g, f decreases on (0, 1): the supremum is at D → 0 = D*",
                sp.Derivative(_f.subs(p, 0), D),
                "<",
                0,
                "f' = −p_g/(1 − D)",
            ),
            Step(
                "where p_g = 0 < p_r, f increases on (0, 1): the supremum is at D → 1 = D*",
                sp.Derivative(_f.subs(q, 0), D),
                ">",
                0,
                "f' = p_r/D (where both densities vanish, D is arbitrary)",
            ),
        ),
    )


def objective_at_optimum() -> Proof:
    """V(D*, G) = 2·JSD(p_r‖p_g) − log 4, integrand by integrand, then summed."""
    m = (p + q) / 2
    u = sp.Symbol("u", positive=True)
    pi, qi = P[i], Q[i]
    return Proof(
        "1.2",
        "V(D*, G) = 2·JSD(p_r‖p_g) − log 4",
        "m = (p_r + p_g)/2 and 2·JSD = KL(p_r‖m) + KL(p_g‖m), KL(p‖m) = ∫ p log(p/m); Σ p_r = Σ p_g = 1",
        (
            Step("the other class has probability", 1 - _d_star, "=", q / (p + q), "common denominator"),
            Step(
                "first logarithm over the mixture",
                sp.log(_d_star),
                "=",
                sp.log(p / m) - sp.log(2),
                "p_r + p_g = 2m",
            ),
            Step(
                "second logarithm over the mixture",
                sp.log(1 - _d_star),
                "=",
                sp.log(q / m) - sp.log(2),
                "p_r + p_g = 2m",
            ),
            Step(
                "the integrand at D*",
                sp.Subs(_f, D, _d_star),
                "=",
                p * sp.log(p / m) + q * sp.log(q / m) - (p + q) * sp.log(2),
                "insert both logarithms; summed, the first two terms are KL(p_r‖m) + KL(p_g‖m) = 2·JSD",
            ),
            Step(
                "the last term, summed over all points",
                _with_unit_mass(sp.Sum(-(pi + qi) * sp.log(2), (i, 1, n))),
                "=",
                OBJECTIVE_CONSTANT,
                "Σ p_r = Σ p_g = 1",
            ),
            Step(
                "JSD ≥ 0: u − 1 − log u is convex on u > 0 …",
                sp.Derivative(u - 1 - sp.log(u), (u, 2)),
                ">",
                0,
                "second derivative 1/u²",
            ),
            Step(
                "… and stationary at u = 1 …",
                sp.Subs(sp.Derivative(u - 1 - sp.log(u), u), u, 1),
                "=",
                0,
                "so log u ≤ u − 1",
            ),
            Step(
                "… where it is 0; so p_r log(p_r/m) ≥ p_r − m and p_g log(p_g/m) ≥ p_g − m",
                sp.Subs(u - 1 - sp.log(u), u, 1),
                "=",
                0,
                "take u = m/p; equality only where p_r = p_g",
            ),
            Step(
                "these lower bounds cancel point by point, so 2·JSD ≥ 0, and 0 only where p_g = p_r",
                sp.Add(p - m, q - m, evaluate=False),
                "=",
                0,
                "m is the mean of the two",
            ),
        ),
    )


def saturation() -> Proof:
    """The generator's gradient through log(1 − D) dies when D rejects its samples; JSD is then constant."""
    sigma = 1 / (1 + sp.exp(-a))
    loss = sp.log(1 - sigma)
    theta = sp.Symbol("theta", real=True)
    logit = sp.Function("a")(theta)
    m = (p + q) / 2
    jsd_terms = (p * sp.log(p / m) + q * sp.log(q / m)) / 2
    saturated = SATURATED_GRADIENT(a)
    pi, qi = P[i], Q[i]
    return Proof(
        "1.3",
        "d/da log(1 − σ(a)) = −σ(a) → 0 as D(G(z)) = σ(a) → 0; JSD = log 2 for disjoint supports",
        "the discriminator ends in a sigmoid: D = σ(a) with the logit a",
        (
            Step("gradient of the generator's loss in the logit", sp.Derivative(loss, a), "=", saturated, "chain rule"),
            Step(
                "any parameter θ of G gets that factor",
                sp.Derivative(loss.subs(a, logit), theta),
                "=",
                saturated.subs(a, logit) * sp.Derivative(logit, theta),
                "chain rule",
            ),
            Step("as D(G(z)) → 0 the factor vanishes", sp.Limit(sp.diff(loss, a), a, -sp.oo), "=", 0, "limit a → −∞"),
            Step(
                "the non-saturating loss −log D(G(z)) keeps its gradient there",
                sp.Limit(sp.diff(-sp.log(sigma), a), a, -sp.oo),
                "=",
                -1,
                "d/da −log σ(a) = σ(a) − 1",
            ),
            Step(
                "where only p_r lives, a point adds p_r·(log 2)/2 to the JSD",
                sp.Limit(jsd_terms, q, 0, "+"),
                "=",
                p * sp.log(2) / 2,
                "p_g → 0 at fixed p_r",
            ),
            Step(
                "where only p_g lives, a point adds p_g·(log 2)/2",
                sp.Limit(jsd_terms, p, 0, "+"),
                "=",
                q * sp.log(2) / 2,
                "p_r → 0 at fixed p_g",
            ),
            Step(
                "so disjoint supports give log 2 wherever G puts its mass: moving it changes nothing",
                _with_unit_mass(sp.Sum((pi + qi) * sp.log(2) / 2, (i, 1, n))),
                "=",
                sp.log(2),
                "Σ p_r = Σ p_g = 1",
            ),
        ),
    )
