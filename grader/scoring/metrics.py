"""Distances between samples. Arrays are (n, d); all are computed in float64 in the trusted process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist

Points = NDArray[np.floating]


def energy_distance(x: Points, y: Points) -> float:
    """Unbiased squared energy distance 2 E|X−Y| − E|X−X'| − E|Y−Y'| of samples (n, d), (m, d); about 0 for equal laws.

    Infinite when a sample is not finite. Source: Székely & Rizzo, "Energy statistics", 2013, eq. 2.1 (U-statistics).
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("inf")
    return float(2 * cdist(x, y).mean() - pdist(x).mean() - pdist(y).mean())


def sliced_wasserstein(x: Points, y: Points, rng: np.random.Generator, directions: int = 128) -> float:
    """Sliced 2-Wasserstein distance of two samples of the same size (n, d): root mean square over random directions.

    Source: Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", 2015.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("inf")
    n = min(len(x), len(y))
    angles = rng.standard_normal((x.shape[1], directions))
    angles /= np.linalg.norm(angles, axis=0)
    quantiles = (np.arange(n) + 0.5) / n
    px, py = (np.quantile(values @ angles, quantiles, axis=0) for values in (x, y))
    return float(np.sqrt(((px - py) ** 2).mean()))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How a sample falls on known modes."""

    shares: tuple[float, ...]
    """Share of the sample within the radius of each mode."""
    covered: int
    """Modes that hold at least the wanted fraction of their weight."""
    inside: float
    """Share of the sample within the radius of any mode."""


def mode_coverage(
    x: Points, centres: Points, radius: float, weights: Points | None = None, least: float = 0.35
) -> Coverage:
    """Which of the modes at `centres` (k, d) the sample (n, d) reaches.

    A mode is covered when its share within `radius` is at least `least` times its weight (equal by default).
    """
    x = np.asarray(x, dtype=np.float64)
    k = len(centres)
    wanted = np.full(k, 1 / k) if weights is None else np.asarray(weights, dtype=np.float64)
    distance = cdist(np.nan_to_num(x, nan=np.inf), centres)
    nearest = distance.argmin(axis=1)
    close = distance[np.arange(len(x)), nearest] <= radius
    shares = np.array([(close & (nearest == j)).mean() for j in range(k)])
    return Coverage(tuple(float(s) for s in shares), int((shares >= least * wanted).sum()), float(close.mean()))


def mode_width(x: Points, centres: Points, radius: float) -> float:
    """Root mean square distance per coordinate of the points within `radius` of a centre, from that centre."""
    x = np.asarray(x, dtype=np.float64)
    distance = cdist(x, centres).min(axis=1)
    near = distance[distance <= radius]
    return float(np.sqrt((near**2).mean() / x.shape[1])) if len(near) else float("nan")


def copied_share(x: Points, pool: Points, within: float = 1e-6) -> float:
    """Share of the sample that repeats a training point (to `within`)."""
    return float((cdist(np.nan_to_num(np.asarray(x, np.float64), nan=np.inf), pool).min(axis=1) <= within).mean())


def distinct_share(x: Points, decimals: int = 6) -> float:
    """Share of different points in the sample: 1 for continuous laws, 1/n for a constant output."""
    return len(np.unique(np.round(np.asarray(x, np.float64), decimals), axis=0)) / len(x)
