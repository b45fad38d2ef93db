"""2.1: the evidence lower bound, why it bounds, how it splits, and the weight of its t-term.

Source: Ho, Jain, Abbeel, Denoising Diffusion Probabilistic Models (2020), equations 3, 5 and 8.
"""

from __future__ import annotations

import sympy as sp

from reference.derivations.proof import Proof, Step
from reference.derivations.results import BETA_BAR, ELBO_WEIGHT, POSTERIOR_MEAN
from reference.derivations.symbols import (
    bb_prev,
    beta,
    beta_1,
    mu_1,
    mu_2,
    s_1,
    s_2,
    sigma,
    x_0,
    x_hat,
    x_t,
    z,
)

_GAUSS = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


def _expectation(integrand: sp.Expr) -> sp.Integral:
    """E over a standard normal z."""
    return sp.Integral(sp.expand(integrand) * _GAUSS, (z, -sp.oo, sp.oo))


def _log_normal(x: sp.Expr, mean: sp.Expr, std: sp.Expr) -> sp.Expr:
    return -((x - mean) ** 2) / (2 * std**2) - sp.log(std) - sp.log(2 * sp.pi) / 2


def _factorization(horizon: int) -> tuple[sp.Expr, sp.Expr]:
    """log p_θ(x_{0:T})/q(x_{1:T}|x_0) from its factors, and its L_0, L_{t−1}, L_T form, for T = horizon.

    Every density is a positive number at the point (x_0, …, x_T); q(x_t|x_{t−1}) comes from Bayes' rule.
    """
    prior = sp.Symbol("p_T", positive=True)
    model = sp.symbols(f"p_theta1:{horizon + 1}", positive=True)  # p_θ(x_{t−1}|x_t)
    marginal = sp.symbols(f"q_t1:{horizon + 1}", positive=True)  # q(x_t|x_0)
    backward = sp.symbols(f"q_back2:{horizon + 1}", positive=True)  # q(x_{t−1}|x_t, x_0), t ≥ 2
    forward = [marginal[0]] + [backward[t - 2] * marginal[t - 1] / marginal[t - 2] for t in range(2, horizon + 1)]
    joint = sp.log(prior) + sum(sp.log(f) for f in model) - sum(sp.log(f) for f in forward)
    split = (
        sp.log(model[0])
        - sum(sp.log(backward[t - 2] / model[t - 1]) for t in range(2, horizon + 1))
        - sp.log(marginal[-1] / prior)
    )
    return joint, split


def evidence_lower_bound() -> Proof:
    """ELBO ≤ log p_θ(x_0); its t-term in x_0-prediction form is −β_t²(1−β̄_{t−1})/(2σ_t²β̄_t²)·E‖x̂_θ − x_0‖²."""
    evidence, posterior, q = sp.symbols("p_x0 p_z q_z", positive=True)
    u = sp.Symbol("u", positive=True)
    excess = u - 1 - sp.log(u)
    c = beta * sp.sqrt(1 - bb_prev) / BETA_BAR(beta, bb_prev)
    mean_gap = POSTERIOR_MEAN(beta, bb_prev, x_t, x_0) - POSTERIOR_MEAN(beta, bb_prev, x_t, x_hat)
    sample = mu_1 + s_1 * z
    return Proof(
        "2.1",
        "ELBO = E_q[log p_θ(x_{0:T}) − log q(x_{1:T}|x_0)] ≤ log p_θ(x_0); its t-term is "
        "−β_t²(1 − β̄_{t−1})/(2σ_t² β̄_t²) · E_{q(x_t|x_0)}‖x̂_θ(x_t) − x_0‖²",
        "z = x_{1:T}; p_θ(x_{t−1}|x_t) = N(μ(x_t, x̂_θ(x_t)), σ_t² I) with the posterior mean μ of 2.4, "
        "x̂_θ in the place of x_0",
        (
            Step(
                "the bound's integrand is the evidence less that of KL(q(z|x_0)‖p_θ(z|x_0))",
                sp.log(evidence * posterior / q),
                "=",
                sp.log(evidence) - sp.log(q / posterior),
                "p_x0 = p_θ(x_0), p_z = p_θ(z|x_0), q_z = q(z|x_0); p_θ(x_0, z) = p_θ(x_0) p_θ(z|x_0)",
            ),
            Step("KL ≥ 0: u − 1 − log u is convex …", sp.Derivative(excess, (u, 2)), ">", 0, "1/u²"),
            Step("… with its least value at u = 1 …", sp.Subs(sp.Derivative(excess, u), u, 1), "=", 0, "stationary"),
            Step(
                "… which is 0: E_q[log(q/p)] ≥ E_q[1 − p/q] = 0, so ELBO ≤ log p_θ(x_0)",
                sp.Subs(excess, u, 1),
                "=",
                0,
                "u = p_θ(z|x_0)/q(z|x_0), whose mean under q is 1",
            ),
            *(
                Step(
                    f"the ratio telescopes into L_0, L_(t−1), L_T (here T = {horizon})",
                    _factorization(horizon)[0],
                    "=",
                    _factorization(horizon)[1],
                    "q(x_t|x_{t−1}) = q(x_{t−1}|x_t, x_0) q(x_t|x_0)/q(x_{t−1}|x_0)",
                )
                for horizon in (2, 4)
            ),
            Step(
                "KL of two Gaussians with equal variance σ_t²",
                _expectation(_log_normal(mu_1 + sigma * z, mu_1, sigma) - _log_normal(mu_1 + sigma * z, mu_2, sigma)),
                "=",
                (mu_1 - mu_2) ** 2 / (2 * sigma**2),
                "x = μ_1 + σ_t z, z standard normal, integrate",
            ),
            Step(
                "with unequal variances only a constant without μ_1, μ_2 is added",
                _expectation(_log_normal(sample, mu_1, s_1) - _log_normal(sample, mu_2, s_2)),
                "=",
                (mu_1 - mu_2) ** 2 / (2 * s_2**2) + sp.log(s_2 / s_1) + s_1**2 / (2 * s_2**2) - sp.Rational(1, 2),
                "x = μ_1 + σ_1 z, integrate",
            ),
            Step(
                "the two means differ only in the x_0 term",
                mean_gap,
                "=",
                c * (x_0 - x_hat),
                "2.4, once with x_0 and once with x̂_θ",
            ),
            Step(
                "so the t-term's weight is c²/(2σ_t²): β_t enters squared",
                mean_gap**2 / (2 * sigma**2),
                "=",
                ELBO_WEIGHT(beta, bb_prev, sigma) * (x_hat - x_0) ** 2,
                "insert the gap into the KL",
            ),
            Step(
                "at t = 1 the weight is 1/(2σ_1²) …",
                sp.Limit(ELBO_WEIGHT(beta_1, bb_prev, sigma), bb_prev, 0, "+"),
                "=",
                1 / (2 * sigma**2),
                "β̄_0 = 0, β̄_1 = β_1",
            ),
            Step(
                "… as it must be: L_0 = log N(x_0; x̂_θ(x_1), σ_1²) has the slope of −weight·(x̂_θ − x_0)²",
                sp.Derivative(_log_normal(x_0, x_hat, sigma), x_hat),
                "=",
                -2 * ELBO_WEIGHT(beta_1, 0, sigma) * (x_hat - x_0),
                "differentiate in x̂_θ: it enters the ELBO with a minus sign",
            ),
        ),
    )
