"""Random concrete models of the homework: every symbol has a value, and β̄ is computed from β, never drawn.

All draws come from a keyed hash of (seed, name), 160 bits each, so that a model is reproducible and no two names
share a draw.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import Any

from grader.theory.errors import EvaluationError, NotEvaluated
from grader.theory.questions import Family
from grader.theory.values import Matrix, Numbers, Real, Value, Vec

ATOMS = 4
"""Points of the discrete distributions p_r and p_g."""

DIMENSIONS = 3
"""Coordinates of a vector; the mask holds both 0 and 1."""


class Model:
    """One concrete model. Values are drawn on first use and kept."""

    def __init__(
        self, family: Family, seed: str, numbers: Numbers, *, steps: int = 5, t: int = 3, dimensions: int = DIMENSIONS,
        theta: str = "",
    ) -> None:  # fmt: skip
        self.family = family
        self.seed = seed
        self.n = numbers
        self.steps = steps
        """T."""
        self.t = t
        self.d = dimensions
        self.theta = theta
        """A second seed for all that depends on θ: two models that differ only in it agree in every constant."""
        self.overrides: dict[str, Value] = {}
        self.discriminator_known = False
        """May D* be used by its name? Where it is asked for, it may not."""
        self.soft_start = False
        """Is β̄_0 a small positive draw instead of 0? Then σ_1² = β_1 β̄_0/β̄_1 does not vanish."""
        self.free_beta_bar_from: int | None = None
        """From this t on β̄ is an independent draw: in the question that asks for its definition."""
        self._drawn: dict[str, Real] = {}

    def uniform(self, key: str, low: float = 0.0, high: float = 1.0, *, theta: bool = False) -> Real:
        """A number in (low, high), always the same for the same key."""
        full = f"{self.seed}|{self.theta if theta else ''}|{key}"
        value = self._drawn.get(full)
        if value is None:
            bits = int.from_bytes(blake2b(full.encode(), digest_size=20).digest(), "big")
            mp = self.n.mp
            a, b = self.n.decimal(low), self.n.decimal(high)
            value = a + (b - a) * (mp.mpf(2 * bits + 1) / (1 << 161))
            self._drawn[full] = value
        return value

    def vector(self, key: str, low: float = -2.0, high: float = 2.0, *, theta: bool = False) -> Vec:
        return Vec(tuple(self.uniform(f"{key}[{j}]", low, high, theta=theta) for j in range(self.d)))

    def ones(self) -> Matrix:
        return Matrix((self.n.mp.mpf(1),) * self.d)

    # ------------------------------------------------------------------ diffusion

    def beta(self, k: int) -> Real:
        return self.uniform(f"beta{k}", 0.08, 0.92)

    def beta_bar(self, k: int) -> Real:
        """1 − ∏_{i ≤ k} (1 − β_i); β̄_0 = 0."""
        if self.free_beta_bar_from is not None and k >= self.free_beta_bar_from:
            return self.uniform(f"free beta_bar{k}", 0.08, 0.92)
        if k < 0:
            raise EvaluationError(f"β̄ has no value at the index {k}.")
        return 1 - self.survival(k)

    def survival(self, k: int) -> Real:
        product = 1 - self.uniform("beta_bar_0", 0.01, 0.05) if self.soft_start else self.n.mp.mpf(1)
        for i in range(1, k + 1):
            product *= 1 - self.beta(i)
        return product

    def sigma(self, k: int) -> Real:
        return self.uniform(f"sigma{k}", 0.3, 1.7)

    def x(self, k: int) -> Vec:
        override = self.overrides.get(f"x{k}")
        return override if isinstance(override, Vec) else self.vector(f"x{k}")

    # ------------------------------------------------------------------ GAN

    @cached_property
    def densities(self) -> dict[str, tuple[Real, ...]]:
        """p_r and p_g on the atoms, each summing to one."""
        out = {}
        for name in ("p_r", "p_g"):
            raw = [self.uniform(f"{name}{k}", 0.1, 1.0) for k in range(ATOMS)]
            total = sum(raw[1:], raw[0])
            out[name] = tuple(value / total for value in raw)
        out["D"] = tuple(self.uniform(f"D{k}", 0.05, 0.95) for k in range(ATOMS))
        return out

    # ------------------------------------------------------------------ score

    @cached_property
    def mask(self) -> Vec:
        one, zero = self.n.mp.mpf(1), self.n.mp.mpf(0)
        if self.d == 1:
            return Vec((one if self.uniform("mask") > 0.5 else zero,))
        first = 1 if self.uniform("mask") > 0.5 else 0
        return Vec(tuple(one if (j + first) % 2 else zero for j in range(self.d)))

    def function(self, name: str, arguments: tuple[Value, ...]) -> Vec:
        """A random vector-valued function: the same arguments give the same vector, others an unrelated one."""
        key = name + "".join("|" + self.key_of(a) for a in arguments)
        return self.vector(key, theta=True)

    def key_of(self, value: Value) -> str:
        if isinstance(value, (Vec, Matrix)):
            return ",".join(self.key_of(x) for x in value.items)
        plain = self.n.plain(value)
        return str(self.n.mp.nstr(plain, 25))

    def scalar_symbols(self, name: str) -> Any:
        if name == "delta":
            return self.uniform("delta", 0.1, 0.9)
        raise NotEvaluated(f"“{name}” has no value here.")
