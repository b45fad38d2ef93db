"""The letters of the derivations and the domains in which every step must hold.

Symbols of the open unit interval are written 1 − 1/(1 + u)² with u > 0 when a step is checked: u runs over all
positive numbers as β runs over (0, 1), and √(1 − β) = 1/(1 + u) leaves no root to argue about.
"""

from __future__ import annotations

from typing import Any, Final

import sympy as sp


def _positive(names: str) -> Any:
    return sp.symbols(names, positive=True)


def _real(names: str) -> Any:
    return sp.symbols(names, real=True)


# 1: the densities at one point x, and the value D(x) of the discriminator there
p, q = _positive("p_r p_g")
D = sp.Symbol("D", positive=True)
a = sp.Symbol("a", real=True)
"""The discriminator's logit."""
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True, positive=True)
P, Q = sp.IndexedBase("p_r", positive=True), sp.IndexedBase("p_g", positive=True)
"""Probability masses of two discrete distributions on n points."""

# 2: one step of the diffusion, coordinate by coordinate (all covariances are multiples of I)
beta, bb_prev = _positive("beta_t betabar_{t-1}")
"""β_t and β̄_{t−1}, both in (0, 1)."""
beta_1 = sp.Symbol("beta_1", positive=True)
sigma = sp.Symbol("sigma_t", positive=True)
x_t, x_prev, x_0, x_hat = _real("x_t x_{t-1} x_0 xhat_0")
mu_1, mu_2, z = _real("mu_1 mu_2 z")
s_1, s_2 = _positive("sigma_1 sigma_2")
t = sp.Symbol("t", integer=True, positive=True)
betas = sp.IndexedBase("beta", positive=True)

# 2.5: one coordinate of the mask is a bit
m = sp.Symbol("m", real=True)

_u = _positive("u_D u_beta u_betabar u_beta1")
OPEN_UNIT: Final = {letter: 1 - 1 / (1 + u) ** 2 for letter, u in zip((D, beta, bb_prev, beta_1), _u, strict=True)}
BITS: Final = frozenset({m, *_real("m_1 m_2 m_3")})
