"""2.5: the score given some known coordinates, differentiated coordinate by coordinate.

Source: the handout's likelihood p(x_known|x) ∝ exp(−‖(x − x_known) ⊙ M‖²) and Bayes' rule.
"""

from __future__ import annotations

import sympy as sp

from reference.derivations.proof import Proof, Step
from reference.derivations.results import CONDITIONAL_SCORE
from reference.derivations.symbols import m


def conditional_score() -> Proof:
    """s_θ(x, δ|x_known) = s_θ(x, δ) − 2(x − x_known) ⊙ M."""
    x = sp.symbols("x_1:4", real=True)
    known = sp.symbols("k_1:4", real=True)
    mask = sp.symbols("m_1:4", real=True)
    log_prior = sp.Function("logp")(*x)
    evidence, scale = sp.Function("p_known")(*known), sp.Symbol("C", positive=True)
    squared_norm = sum(((xi - ki) * mi) ** 2 for xi, ki, mi in zip(x, known, mask, strict=True))
    log_posterior = -squared_norm + sp.log(scale) + log_prior - sp.log(evidence)
    likelihood, prior, total = sp.symbols("p(x_known|x) p_theta(x) p(x_known)", positive=True)
    return Proof(
        "2.5",
        "s_θ(x, δ | x_known) = s_θ(x, δ) − 2(x − x_known) ⊙ M",
        "s_θ = ∇_x log p_θ; p(x_known|x) = C·exp(−‖(x − x_known) ⊙ M‖²); M ∈ {0, 1}^d, here written for d = 3, "
        "where coordinate i stands for each",
        (
            Step(
                "Bayes' rule in logarithms",
                sp.log(likelihood * prior / total),
                "=",
                sp.log(likelihood) + sp.log(prior) - sp.log(total),
                "logarithm of a product",
            ),
            Step(
                "the evidence and the constant have no x in them: their gradient is 0",
                sp.Derivative(sp.log(scale) - sp.log(evidence), x[0], evaluate=False),
                "=",
                0,
                "differentiate",
            ),
            Step("a bit is its own square", m**2, "=", m, "for m = 0 and for m = 1"),
            *(
                Step(
                    f"coordinate {i + 1} of the gradient of −‖(x − x_known) ⊙ M‖²",
                    sp.Derivative(-squared_norm, x[i]),
                    "=",
                    -2 * (x[i] - known[i]) * mask[i],
                    "only the i-th square holds x_i; m_i² = m_i",
                )
                for i in range(3)
            ),
            *(
                Step(
                    f"coordinate {i + 1} of the conditional score",
                    sp.Derivative(log_posterior, x[i]),
                    "=",
                    CONDITIONAL_SCORE(sp.Derivative(log_prior, x[i]), x[i], known[i], mask[i]),
                    "sum of the three gradients",
                )
                for i in range(3)
            ),
            Step(
                "a coordinate that is not known keeps its score",
                sp.Subs(sp.Derivative(log_posterior, x[0]), mask[0], 0),
                "=",
                sp.Derivative(log_prior, x[0]),
                "m_1 = 0",
            ),
        ),
    )
