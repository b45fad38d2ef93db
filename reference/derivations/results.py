"""The results themselves, as functions of the homework's symbols; `PROOFS` proves every one of them.

Each is a `sympy.Lambda`: call it with symbols for the formula, with numbers for its value. β̄_t is built from
β_t and β̄_{t−1}; at t = 1, β̄_0 = 0. Vectors enter one coordinate at a time.
"""

from __future__ import annotations

from typing import Any, Final

import sympy as sp

from reference.derivations import symbols as s


def _function(arguments: tuple[Any, ...], formula: Any) -> Any:
    return sp.Lambda(arguments, formula)


D_STAR: Final = _function((s.p, s.q), s.p / (s.p + s.q))
"""1.1: D*(x) from p_r(x) and p_g(x)."""

OBJECTIVE_CONSTANT: Final = -sp.log(4)
"""1.2: V(D*, G) − 2·JSD(p_r‖p_g)."""

SATURATED_GRADIENT: Final = _function((s.a,), -1 / (1 + sp.exp(-s.a)))
"""1.3: d/da log(1 − σ(a)) = −σ(a)."""

BETA_BAR: Final = _function((s.beta, s.bb_prev), 1 - (1 - s.beta) * (1 - s.bb_prev))
"""2.3: β̄_t from β_t and β̄_{t−1}."""

Q_MEAN: Final = _function((s.beta, s.bb_prev, s.x_0), sp.sqrt(1 - BETA_BAR(s.beta, s.bb_prev)) * s.x_0)
"""2.3: mean of q(x_t|x_0)."""

Q_VARIANCE: Final = _function((s.beta, s.bb_prev), BETA_BAR(s.beta, s.bb_prev))
"""2.3: variance of q(x_t|x_0)."""

POSTERIOR_MEAN: Final = _function(
    (s.beta, s.bb_prev, s.x_t, s.x_0),
    (s.bb_prev * sp.sqrt(1 - s.beta) * s.x_t + s.beta * sp.sqrt(1 - s.bb_prev) * s.x_0) / BETA_BAR(s.beta, s.bb_prev),
)
"""2.4: mean of q(x_{t−1}|x_t, x_0)."""

POSTERIOR_VARIANCE: Final = _function((s.beta, s.bb_prev), s.beta * s.bb_prev / BETA_BAR(s.beta, s.bb_prev))
"""2.4: variance of q(x_{t−1}|x_t, x_0)."""

ELBO_WEIGHT: Final = _function(
    (s.beta, s.bb_prev, s.sigma),
    s.beta**2 * (1 - s.bb_prev) / (2 * s.sigma**2 * BETA_BAR(s.beta, s.bb_prev) ** 2),
)
"""2.1: the positive factor before E‖x̂_θ(x_t) − x_0‖²; the ELBO holds it with a minus sign."""

_score, _x, _known = sp.symbols("s x x_known", real=True)
CONDITIONAL_SCORE: Final = _function((_score, _x, _known, s.m), _score - 2 * (_x - _known) * s.m)
"""2.5: one coordinate of s_θ(x, δ | x_known)."""
