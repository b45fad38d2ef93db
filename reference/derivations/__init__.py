"""Every theory result of the homework, proved step by step from the definitions.

`proofs()` makes the proofs; each step is checked by sympy as it is made, so `ProofError` is raised by the
first that does not hold. `results` has the proved formulas as functions, `seed_errors()` what the founding
document states otherwise, with exact counterexamples.
"""

from __future__ import annotations

from collections.abc import Callable

from reference.derivations.conditional import conditional_score
from reference.derivations.diffusion import forward_marginal, posterior
from reference.derivations.discriminator import objective_at_optimum, optimal_discriminator, saturation
from reference.derivations.elbo import evidence_lower_bound
from reference.derivations.proof import Proof, ProofError, Step
from reference.derivations.results import (
    BETA_BAR,
    CONDITIONAL_SCORE,
    D_STAR,
    ELBO_WEIGHT,
    OBJECTIVE_CONSTANT,
    POSTERIOR_MEAN,
    POSTERIOR_VARIANCE,
    Q_MEAN,
    Q_VARIANCE,
    SATURATED_GRADIENT,
)
from reference.derivations.seed import SeedError, seed_errors

DERIVATIONS: tuple[tuple[str, Callable[[], Proof]], ...] = (
    ("1.1", optimal_discriminator),
    ("1.2", objective_at_optimum),
    ("1.3", saturation),
    ("2.1", evidence_lower_bound),
    ("2.3", forward_marginal),
    ("2.4", posterior),
    ("2.5", conditional_score),
)


def proofs() -> tuple[Proof, ...]:
    """All proofs in the handout's order; raises `ProofError` at the first step that does not hold."""
    return tuple(derive() for _, derive in DERIVATIONS)


__all__ = [
    "BETA_BAR",
    "CONDITIONAL_SCORE",
    "DERIVATIONS",
    "D_STAR",
    "ELBO_WEIGHT",
    "OBJECTIVE_CONSTANT",
    "POSTERIOR_MEAN",
    "POSTERIOR_VARIANCE",
    "Q_MEAN",
    "Q_VARIANCE",
    "SATURATED_GRADIENT",
    "Proof",
    "ProofError",
    "SeedError",
    "Step",
    "proofs",
    "seed_errors",
]
