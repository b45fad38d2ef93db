"""Tests of recorded draws against the law that they should have. Each returns a surprise: −log10 of a p-value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.floating]

CAP = 300.0
"""Surprises are cut here: a p-value of 0 is only the end of float64."""


def surprise(p_value: float) -> float:
    """−log10 p, between 0 and 300; 300 when p is 0 or undefined."""
    return CAP if not p_value > 0 else float(min(CAP, -np.log10(p_value)))


def standard_normal(values: Values) -> float:
    """Surprise of `values` (any shape) as independent draws of N(0, 1): the worst of mean, variance, shape and tails.

    Moments are tested exactly (mean: normal, sum of squares: χ²); the whole law by Kolmogorov-Smirnov; the fourth
    moment by its asymptotic law with a correction for its skewness (which a uniform law of variance 1 fails at once).
    The p-value is Bonferroni-corrected.
    """
    z = np.asarray(values, dtype=np.float64).ravel()
    if len(z) == 0 or not np.isfinite(z).all():
        return CAP
    n = len(z)
    squares = float((z**2).sum())
    p_values = [
        2 * stats.norm.sf(abs(z.mean()) * np.sqrt(n)),
        2 * min(stats.chi2.sf(squares, n), stats.chi2.cdf(squares, n)),
    ]
    if n >= 50:
        p_values.append(stats.kstest(z, "norm").pvalue)
    if n >= 200:
        p_values.append(stats.kurtosistest(z).pvalue)
    return surprise(min(1.0, len(p_values) * float(min(p_values))))


def independent_rows(values: Values) -> float:
    """Surprise of the correlation between neighbours of `values` (n, m) of variance 1 along either axis."""
    z = np.asarray(values, dtype=np.float64)
    p_values = []
    for first, second in ((z[:-1], z[1:]), (z[:, :-1], z[:, 1:])):
        if first.size:
            p_values.append(2 * stats.norm.sf(abs((first * second).sum()) / np.sqrt(first.size)))
    return surprise(min(1.0, len(p_values) * float(min(p_values)))) if p_values else 0.0


def uniform_counts(counts: Values) -> float:
    """Surprise of category counts as uniform draws (Pearson's χ²; categories should expect 5 or more)."""
    counts = np.asarray(counts, dtype=np.float64)
    return CAP if counts.sum() == 0 else surprise(float(stats.chisquare(counts).pvalue))


def best_law(counts: Values, laws: Mapping[str, Values]) -> str:
    """Name of the law (probabilities up to a factor) under which the counts are likeliest."""
    counts = np.asarray(counts, dtype=np.float64)
    scores = {name: float(counts @ np.log(np.asarray(p) / np.sum(p))) for name, p in laws.items()}
    return max(scores, key=lambda name: scores[name])
