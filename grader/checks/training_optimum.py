"""The student's discriminator loss trains a discriminator of ours on two known Gaussians, whose optimum is known.

The optimum p_r/(p_r + p_g) is question 1.1. The logarithm of p_r/p_g is a quadratic function of the point, so that
a logistic regression on its six monomials reaches the optimum exactly: what remains is the noise of the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from grader.checks.registry import Bench, Record
from grader.scoring.sequential import Checkpoint, train_until_good
from reference.gan import optimal_discriminator

Floats = NDArray[np.float64]

BATCH, EVERY, POINTS = 200, 60, 2000
SCHEDULE = ((180, 0.05), (360, 0.05), (600, 0.03))
"""Steps and learning rate of each try."""
LEAST_CONTRAST = 0.25
"""Smallest mean |D* − 1/2| that is used: so far is a discriminator that knows nothing, and twice that a flipped one."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """N(mean, root rootᵀ) in the plane."""

    mean: Floats
    root: Floats

    def of(self, z: Floats) -> Floats:
        """Points (n, 2) from standard normal z (n, 2)."""
        points: Floats = self.mean + z @ self.root.T
        return points

    def log_density(self, x: Floats) -> Floats:
        """log p (n,) of points (n, 2)."""
        z = np.linalg.solve(self.root, (x - self.mean).T)
        density: Floats = -0.5 * (z**2).sum(0) - np.log(2 * np.pi * abs(np.linalg.det(self.root)))
        return density


@dataclass(frozen=True, slots=True)
class Pair:
    """The law of the data and the law of the generated points."""

    real: Gaussian
    fake: Gaussian

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Pair:
        """Two Gaussians of other means and covariances, far enough from each other and not too far."""
        while True:
            angle = rng.uniform(0, 2 * np.pi)
            apart = rng.uniform(0.5, 0.8) * np.array([np.cos(angle), np.sin(angle)])
            pair = cls(*(Gaussian(mean, _root(rng)) for mean in (apart, -apart)))
            optimum = pair.optimum(pair.points(POINTS, np.random.default_rng(0)))
            if LEAST_CONTRAST <= np.abs(optimum - 0.5).mean() <= 0.4:
                return pair

    def points(self, n: int, rng: np.random.Generator) -> Floats:
        """A sample (n, 2), half of it from each law."""
        z = rng.standard_normal((2, n // 2, 2))
        return np.concatenate([self.real.of(z[0]), self.fake.of(z[1])])

    def optimum(self, x: Floats) -> Floats:
        """p_r/(p_r + p_g) (n,) at points (n, 2): theory question 1.1."""
        logs = (torch.from_numpy(law.log_density(x)) for law in (self.real, self.fake))
        values: Floats = optimal_discriminator(*logs).numpy()
        return values


def _root(rng: np.random.Generator) -> Floats:
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    root: Floats = turn @ np.diag(rng.uniform(0.5, 1.1, 2))
    return root


def discriminator(weights: Floats, x: Floats) -> Floats:
    """D (n,) of our discriminator at points (n, 2): the sigmoid of weights (6,) on 1, a, b, a², ab, b²."""
    a, b = x.T
    logits = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1) @ np.asarray(weights, np.float64)
    values: Floats = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    return values


def train_to_optimum(
    bench: Bench,
    record: Record,
    bars: Mapping[str, float],
    schedule: Sequence[tuple[int, float]] = SCHEDULE,
    again: Callable[[], bool] = lambda: True,
) -> None:
    """Writes down the tries (fact 'optimum': mean |D − p_r/(p_r + p_g)| at each checkpoint), or fact 'unusable_loss'.

    Raises StudentFailure when the loss fails.
    """
    pair = Pair.drawn(bench.rng)
    tested = pair.points(POINTS, bench.rng)
    wanted = pair.optimum(tested)

    def training(number: int) -> Iterator[Checkpoint]:
        cap, rate = schedule[number]
        bench.call("optimum_begin", pair.fake.mean, pair.fake.root, rate, bench.device)
        for step in range(EVERY, cap + 1, EVERY):
            real = pair.real.of(bench.rng.standard_normal((EVERY * BATCH, 2))).astype(np.float32)
            z = bench.rng.standard_normal((EVERY * BATCH, 2)).astype(np.float32)
            seed = int(bench.rng.integers(2**31))
            seen = bench.call("optimum_advance", real, z, BATCH, seed, limit_s=30.0)
            if "unusable" in seen:
                raise _UnusableLoss
            error = float(np.abs(discriminator(seen["weights"], tested) - wanted).mean())
            yield Checkpoint(step, {"deviation": error if np.isfinite(error) else float("inf")})

    try:
        record(optimum=train_until_good(training, bars, len(schedule), again).facts())
    except _UnusableLoss:
        record(unusable_loss="d")


class _UnusableLoss(Exception):
    """The discriminator loss is no scalar that carries a gradient."""
