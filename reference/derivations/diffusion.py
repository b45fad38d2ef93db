"""2.3 and 2.4: q(x_t|x_0) and q(x_{t−1}|x_t, x_0), both from one completed square.

All covariances are multiples of I, so one coordinate stands for all. Write y = x_{t−1}.
Source: Ho, Jain, Abbeel, Denoising Diffusion Probabilistic Models (2020), equations 2, 4, 6 and 7, in the
handout's notation.
"""

from __future__ import annotations

import sympy as sp

from reference.derivations.proof import Proof, Step
from reference.derivations.results import (
    BETA_BAR,
    POSTERIOR_MEAN,
    POSTERIOR_VARIANCE,
    Q_MEAN,
    Q_VARIANCE,
)
from reference.derivations.symbols import bb_prev, beta, beta_1, betas, i, mu_1, t, x_0, x_prev, x_t, z

_bb = BETA_BAR(beta, bb_prev)
_mean = POSTERIOR_MEAN(beta, bb_prev, x_t, x_0)
_variance = POSTERIOR_VARIANCE(beta, bb_prev)
_root, _root_prev = sp.sqrt(1 - beta), sp.sqrt(1 - bb_prev)


def _log_normal(x: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The logarithm of the density of N(mean, variance) at x."""
    return -((x - mean) ** 2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2


_exponent = (x_t - _root * x_prev) ** 2 / (2 * beta) + (x_prev - _root_prev * x_0) ** 2 / (2 * bb_prev)
"""−log of q(x_t|x_{t−1})·q(x_{t−1}|x_0) without its constants: what is left when x_{t−1} is integrated out."""
_rest = (x_t - Q_MEAN(beta, bb_prev, x_0)) ** 2 / (2 * Q_VARIANCE(beta, bb_prev))


def _complete_the_square() -> tuple[Step, ...]:
    """The steps that both results share."""
    return (
        Step(
            "curvature of the exponent in x_{t−1}",
            sp.Derivative(_exponent, (x_prev, 2)),
            "=",
            1 / _variance,
            "(1 − β_t)/β_t + 1/β̄_{t−1}, common denominator β_t β̄_{t−1}/β̄_t",
        ),
        Step(
            "complete the square in x_{t−1}: nothing of it is left outside",
            _exponent,
            "=",
            (x_prev - _mean) ** 2 / (2 * _variance) + _rest,
            "expand both sides and compare the six coefficients",
        ),
        Step(
            "with the constants before the exponentials: a product of two normal densities is another such product",
            _log_normal(x_t, _root * x_prev, beta) + _log_normal(x_prev, _root_prev * x_0, bb_prev),
            "=",
            _log_normal(x_prev, _mean, _variance)
            + _log_normal(x_t, Q_MEAN(beta, bb_prev, x_0), Q_VARIANCE(beta, bb_prev)),
            "in logarithms; β_t β̄_{t−1} = (β_t β̄_{t−1}/β̄_t)·β̄_t",
        ),
    )


def forward_marginal() -> Proof:
    """q(x_t|x_0) = N(√(1 − β̄_t) x_0, β̄_t I), by induction over t."""
    scale = sp.Symbol("V", positive=True)
    product, following = sp.Product(1 - betas[i], (i, 1, t)), sp.Product(1 - betas[i], (i, 1, t + 1))
    recursion = tuple(
        Step(
            f"the closed form obeys that recursion (here from t = {k} to {k + 1}: one more factor)",
            (1 - following).subs(t, k),
            "=",
            BETA_BAR(betas[k + 1], (1 - product).subs(t, k)),
            "definition of the product",
        )
        for k in (1, 2, 3)
    )
    return Proof(
        "2.3",
        "q(x_t|x_0) = N(√(1 − β̄_t) x_0, β̄_t I) with β̄_t = 1 − ∏_{i≤t}(1 − β_i)",
        "q(x_t|x_{t−1}) = N(√(1 − β_t) x_{t−1}, β_t I); 0 < β_t < 1",
        (
            Step(
                "base t = 1: β̄_1 is β_1, so the claim is the first transition itself",
                (1 - product).subs(t, 1),
                "=",
                betas[1],
                "a product of one factor",
            ),
            Step(
                "base t = 1: the mean",
                sp.Subs(Q_MEAN(beta_1, z, x_0), z, 0),
                "=",
                sp.sqrt(1 - beta_1) * x_0,
                "β̄_0 = 0",
            ),
            Step("base t = 1: the variance", sp.Subs(Q_VARIANCE(beta_1, z), z, 0), "=", beta_1, "β̄_0 = 0"),
            Step(
                "step: reparameterize; the mean of √(1 − β_t)(√(1 − β̄_{t−1}) x_0 + √β̄_{t−1} ε') + √β_t ε",
                _root * _root_prev * x_0,
                "=",
                Q_MEAN(beta, bb_prev, x_0),
                "1 − β̄_t = (1 − β_t)(1 − β̄_{t−1})",
            ),
            Step(
                "step: its variance, ε and ε' being independent",
                (_root * sp.sqrt(bb_prev)) ** 2 + sp.sqrt(beta) ** 2,
                "=",
                Q_VARIANCE(beta, bb_prev),
                "variances of independent variables add",
            ),
            *_complete_the_square(),
            Step(
                "the integral over x_{t−1} of the first square is its normalizer: the sum is Gaussian indeed",
                sp.Integral(sp.exp(-((z - mu_1) ** 2) / (2 * scale)), (z, -sp.oo, sp.oo)),
                "=",
                sp.sqrt(2 * sp.pi * scale),
                "Gaussian integral; what is left is N(x_t; √(1 − β̄_t) x_0, β̄_t)",
            ),
            *recursion,
        ),
    )


def posterior() -> Proof:
    """q(x_{t−1}|x_t, x_0) is Gaussian with the stated mean and variance."""
    bayes = (
        _log_normal(x_t, _root * x_prev, beta)
        + _log_normal(x_prev, _root_prev * x_0, bb_prev)
        - _log_normal(x_t, Q_MEAN(beta, bb_prev, x_0), Q_VARIANCE(beta, bb_prev))
    )
    return Proof(
        "2.4",
        "q(x_{t−1}|x_t, x_0) = N([β̄_{t−1}√(1−β_t) x_t + β_t√(1−β̄_{t−1}) x_0]/β̄_t, β_t β̄_{t−1}/β̄_t I)",
        "Bayes: q(x_{t−1}|x_t, x_0) = q(x_t|x_{t−1}) q(x_{t−1}|x_0)/q(x_t|x_0), with 2.3 for both marginals",
        (
            Step(
                "the exponent's slope in x_{t−1}",
                sp.Derivative(_exponent, x_prev),
                "=",
                ((1 - beta) * x_prev - _root * x_t) / beta + (x_prev - _root_prev * x_0) / bb_prev,
                "differentiate",
            ),
            Step(
                "it vanishes at the stated mean (and the exponent is smallest there, see the curvature)",
                sp.Subs(sp.Derivative(_exponent, x_prev), x_prev, _mean),
                "=",
                0,
                "insert the mean",
            ),
            *_complete_the_square(),
            Step(
                "so the ratio is the Gaussian density itself, not only proportional to it",
                bayes,
                "=",
                _log_normal(x_prev, _mean, _variance),
                "Bayes' rule in logarithms; insert the square",
            ),
            Step(
                "the common denominator is β̄_t",
                beta + bb_prev - beta * bb_prev,
                "=",
                1 - (1 - beta) * (1 - bb_prev),
                "expand",
            ),
            Step("at t = 1 the mean is x_0 …", sp.Limit(_mean, bb_prev, 0, "+"), "=", x_0, "β̄_0 = 0"),
            Step("… without variance", sp.Limit(_variance, bb_prev, 0, "+"), "=", 0, "β̄_0 = 0"),
        ),
    )
