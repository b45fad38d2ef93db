"""From runs of right code to a bound: how probable is it that a right submission exceeds it?

Peaks over a threshold with a generalised Pareto tail, as FLEX does for flaky tests (Dutta et al., 2021), beside the
bound that needs no model: no failure in n runs means a failure rate below 1 − 0.05^(1/n) with 95 % confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.floating]

TAIL = 0.2
"""Share of the runs, the largest, that the tail is fitted to."""
LEAST_RUNS = 25
"""With fewer runs no tail is fitted."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A generalised Pareto law of the excess over a threshold."""

    threshold: float
    share: float
    """Share of the runs beyond the threshold."""
    shape: float
    scale: float

    def beyond(self, bound: float) -> float:
        """Probability that a run exceeds `bound` (not below the threshold)."""
        return float(self.share * stats.genpareto.sf(bound - self.threshold, self.shape, scale=self.scale))

    def quantile(self, probability: float) -> float:
        """The bound that a run exceeds with this probability."""
        if probability >= self.share:
            return self.threshold
        return float(self.threshold + stats.genpareto.isf(probability / self.share, self.shape, scale=self.scale))


def fit_tail(values: Values) -> Tail | None:
    """The tail of `values` (n,); None with too few runs or no spread.

    The shape is not taken below 0: a tail that ends is never believed on so few runs.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    if len(x) < LEAST_RUNS or not np.isfinite(x).all() or np.ptp(x) == 0:
        return None
    count = max(8, round(TAIL * len(x)))
    threshold = float(x[-count - 1])
    excess = x[-count:] - threshold
    shape, _, scale = stats.genpareto.fit(excess, floc=0)
    if shape < 0:
        shape, scale = 0.0, float(excess.mean())
    return Tail(threshold, count / len(x), float(shape), float(scale))


def failure_rate(values: Values, bound: float) -> float:
    """Estimated probability that one run exceeds `bound`: by the tail, else by the bound that needs no model."""
    tail = fit_tail(values)
    seen = float((np.asarray(values) > bound).mean())
    if tail is None or bound < tail.threshold:
        return max(seen, rate_without_failures(len(values)))
    return max(seen, tail.beyond(bound))


def rate_without_failures(runs: int) -> float:
    """Upper 95 % bound on a failure rate after that many runs without a failure (Clopper-Pearson)."""
    return float(1 - 0.05 ** (1 / max(1, runs)))
