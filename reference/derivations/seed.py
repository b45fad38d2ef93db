"""What the founding document states otherwise, each with a counterexample in exact numbers.

A `SeedError` exists only if the two values really differ; they are computed here from the definitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from reference.derivations.proof import ProofError
from reference.derivations.results import (
    CONDITIONAL_SCORE,
    ELBO_WEIGHT,
    POSTERIOR_MEAN,
    POSTERIOR_VARIANCE,
    Q_VARIANCE,
)

_HALF = sp.Rational(1, 2)


@dataclass(frozen=True, slots=True)
class SeedError:
    """One statement of the founding document that does not hold.

    result_id: the handout's number; where: the step; statement: what the document says;
    example: the numbers inserted; stated, true: the two values there; note: what follows from it.
    """

    result_id: str
    where: str
    statement: str
    example: str
    stated: Any
    true: Any
    note: str

    def __post_init__(self) -> None:
        if sp.simplify(self.stated - self.true) == 0:
            raise ProofError(f"{self.result_id}: the counterexample shows no difference: {self.stated}")


def _kl(first: tuple[Any, ...], second: tuple[Any, ...]) -> Any:
    return sum(u * sp.log(u / v) for u, v in zip(first, second, strict=True))


def _jensen_shannon() -> tuple[SeedError, ...]:
    p_r, p_g = (_HALF, _HALF), (sp.Rational(1, 4), sp.Rational(3, 4))
    total = tuple(u + v for u, v in zip(p_r, p_g, strict=True))
    mixture = tuple(u / 2 for u in total)
    integral = _kl(p_r, total) + _kl(p_g, total)
    twice_jsd = _kl(p_r, mixture) + _kl(p_g, mixture)
    equal = _kl(p_r, (1, 1)) * 2
    return (
        SeedError(
            "1.2",
            "second argument of both KL divergences",
            "D_KL(p_r ‖ p_r + p_g) is a KL divergence between densities",
            "p_r = (1/2, 1/2), p_g = (1/4, 3/4): the total mass of p_r + p_g",
            sp.Integer(1),
            sum(total),
            "p_r + p_g is no density; the mixture (p_r + p_g)/2 is",
        ),
        SeedError(
            "1.2",
            "last line of the display",
            "the integral equals 2·D_JS(p_r; p_g)",
            "p_r = (1/2, 1/2), p_g = (1/4, 3/4); stated: 2·D_JS, true: the integral",
            sp.simplify(sp.expand_log(twice_jsd)),
            sp.simplify(sp.expand_log(integral)),
            f"the difference is {sp.simplify(sp.expand_log(integral - twice_jsd))}: each KL lost a log 2",
        ),
        SeedError(
            "1.2",
            "last line of the display, at the generator's optimum",
            "the integral equals 2·D_JS(p_r; p_g)",
            "p_r = p_g = (1/2, 1/2)",
            sp.Integer(0),
            sp.simplify(equal),
            "the minimum is −log 4, not 0; the claim about the minimizer survives",
        ),
    )


def _toy_elbo(weight: Any, sign: int) -> tuple[Any, Any]:
    """(ELBO with that t = 1 weight and sign and its constants, log p_θ(x_0)) of a diffusion with T = 1.

    β_1 = 1/2, x_0 = 2, p(x_1) = N(0, 1), p_θ(x_0|x_1) = N(x̂_θ(x_1), 1) with x̂_θ(x_1) = 0.
    """
    x_0, beta = sp.Integer(2), _HALF
    prior_kl = (beta + (1 - beta) * x_0**2 - 1 - sp.log(beta)) / 2
    normalizer = -sp.log(2 * sp.pi) / 2
    expected_square = x_0**2
    evidence = normalizer - x_0**2 / 2
    return sign * weight * expected_square + normalizer - prior_kl, evidence


def _elbo() -> tuple[SeedError, ...]:
    beta, bb_prev, sigma = _HALF, _HALF, sp.Integer(1)
    bb = Q_VARIANCE(beta, bb_prev)
    seed_weight = beta * (1 - bb_prev) / (2 * sigma**2 * bb**2)
    beta_1 = _HALF
    seed_weight_1 = beta_1 / (2 * beta_1**2)
    stated, evidence = _toy_elbo(seed_weight_1, +1)
    true, _ = _toy_elbo(_HALF, -1)
    if (true <= evidence) is not sp.true or (stated > evidence) is not sp.true:
        raise ProofError("2.1: the toy diffusion does not separate the bound from the stated sum")
    return (
        SeedError(
            "2.1",
            "sign",
            "the squared errors enter the ELBO with a plus sign",
            f"T = 1, β_1 = 1/2, σ_1 = 1, x_0 = 2, x̂_θ = 0, constants included; log p_θ(x_0) = {sp.N(evidence, 6)}",
            sp.N(stated, 6),
            sp.N(true, 6),
            "the stated sum lies above log p_θ(x_0), so it is no lower bound; KL ≥ 0 enters with a minus",
        ),
        SeedError(
            "2.1",
            "weight of the t-term",
            "the weight holds β_t, not β_t²",
            "β_1 = β_2 = 1/2, σ_2 = 1, t = 2",
            seed_weight,
            ELBO_WEIGHT(beta, bb_prev, sigma),
            "the KL squares the coefficient β_t√(1 − β̄_{t−1})/β̄_t of x_0",
        ),
        SeedError(
            "2.1",
            "weight at t = 1",
            "the weight holds β_t, not β_t²",
            "β_1 = 1/2, σ_1 = 1, t = 1",
            seed_weight_1,
            ELBO_WEIGHT(beta_1, 0, sigma),
            "log N(x_0; x̂_θ(x_1), σ_1²) has the weight 1/(2σ_1²)",
        ),
    )


def _forward() -> tuple[SeedError, ...]:
    b_1 = b_2 = _HALF

    def normal(x: Any, mean: Any, variance: Any) -> Any:
        return sp.exp(-((x - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)

    marginal = normal(0, 0, Q_VARIANCE(b_2, b_1))
    joint = [normal(x_1, 0, b_1) * normal(0, sp.sqrt(1 - b_2) * x_1, b_2) for x_1 in (0, 1)]
    independent = (1 - b_2) * b_1 + b_2
    same_name = (sp.sqrt(b_2) + sp.sqrt(1 - b_2) * sp.sqrt(b_1)) ** 2
    return (
        SeedError(
            "2.3",
            "first line",
            "q(x_t|x_0) = ∏ q(x_i|x_{i−1})",
            "t = 2, β_1 = β_2 = 1/2, x_0 = x_2 = 0, x_1 = 0; stated: the product, true: q(x_2 = 0|x_0 = 0)",
            sp.simplify(joint[0]),
            sp.simplify(marginal),
            f"the product is the joint of x_1, …, x_t: at x_1 = 1 it is {sp.simplify(joint[1])} instead",
        ),
        SeedError(
            "2.3",
            "merged noises keep the name ε_{t−2}",
            "the merged noise is the old one, so that the two lines are equal and not only equal in law",
            "β_t = β_{t−1} = 1/2; stated: the variance if both noises were one, true: if they are independent",
            sp.simplify(same_name),
            independent,
            "a matter of notation: the result needs independent noises, and uses them",
        ),
    )


def _posterior() -> tuple[SeedError, ...]:
    beta = bb_prev = _HALF
    mean, variance = POSTERIOR_MEAN(beta, bb_prev, 0, 0), POSTERIOR_VARIANCE(beta, bb_prev)
    y = mean + 1
    r = (sp.sqrt(1 - beta) * y) ** 2 / (2 * beta) + y**2 / (2 * bb_prev)
    x = sp.Symbol("x", real=True)
    if sp.integrate(sp.exp(x**2 / (2 * variance)), (x, -sp.oo, sp.oo)) != sp.oo:
        raise ProofError("2.4: exp(+r) was expected to have no finite integral")
    return (
        SeedError(
            "2.4",
            "the line after ∝",
            "the density is proportional to exp(+r)",
            "β_t = β̄_{t−1} = 1/2, x_t = x_0 = 0: density at x_{t−1} = 1 over density at 0",
            sp.exp(r),
            sp.exp(-((y - mean) ** 2) / (2 * variance)),
            "exp(+r) grows without bound and has no integral; the minus is missing, the ½ is there",
        ),
    )


def _conditional() -> tuple[SeedError, ...]:
    x, known = sp.Integer(3), sp.Integer(1)
    free = sp.Symbol("x", real=True)
    score = sp.Integer(0)

    def seed_score(bit: int) -> Any:
        return (score - sp.diff((free - known * bit) ** 2, free)).subs(free, x)

    if seed_score(1) != CONDITIONAL_SCORE(score, x, known, 1):
        raise ProofError("2.5: on a known coordinate the document's form was expected to be right")
    return (
        SeedError(
            "2.5",
            "the likelihood's exponent, and the result",
            "−‖x − x_known ⊙ M‖² in place of −‖(x − x_known) ⊙ M‖²",
            "one unknown coordinate (M = 0), x = 3, x_known = 1, s_θ = 0",
            seed_score(0),
            CONDITIONAL_SCORE(score, x, known, 0),
            "the mask must multiply the whole difference; the stated form is off by −2x ⊙ (1 − M)",
        ),
    )


def seed_errors() -> tuple[SeedError, ...]:
    """Everything that the founding document states otherwise, in the handout's order."""
    return (*_jensen_shannon(), *_elbo(), *_forward(), *_posterior(), *_conditional())
