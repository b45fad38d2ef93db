"""Known mistakes in the diffusion formulas: what each would return, and the student's sentence.

A mistake is either in the schedule that a formula reads (a *reading*) or in the formula itself. Every entry is a wrong
formula, but for the ones called RIGHT, which a test compares with reference/ddpm.py.
"""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grader.checks.compare import Array


@dataclass(frozen=True, slots=True)
class Read:
    """What a formula reads at t, for each sample: beta_t, beta_bar_t, beta_bar_{t-1}; all (N,)."""

    b: Array
    bb: Array
    bp: Array


def _at(values: Array, t: Array) -> Array:
    """values_t for t = 1..T as Python indexes it: t = 0 wraps to the end; beyond T it stays at T."""
    read: Array = values[np.minimum(t, len(values)) - 1]
    return read


def _previous(bars: Array, t: Array, first: float) -> Array:
    read: Array = np.where(t <= 1, first, bars[np.clip(t - 2, 0, len(bars) - 1)])
    return read


def _plain(betas: Array, t: Array) -> Read:
    bars = 1 - np.cumprod(1 - betas)
    return Read(_at(betas, t), _at(bars, t), _previous(bars, t, 0.0))


def _with_bars(make: Callable[[Array], Array], first: float = 0.0) -> Callable[[Array, Array], Read]:
    def read(betas: Array, t: Array) -> Read:
        bars = make(betas)
        return Read(_at(betas, t), _at(bars, t), _previous(bars, t, first))

    return read


def _alpha_for_beta(betas: Array, t: Array) -> Read:
    right = _plain(betas, t)
    return Read(1 - right.b, right.bb, right.bp)


def _first_bar(value: Callable[[Array], float]) -> Callable[[Array, Array], Read]:
    """Readings that differ at t = 1 only, by what they take for beta_bar_0."""

    def read(betas: Array, t: Array) -> Read:
        right = _plain(betas, t)
        return Read(right.b, right.bb, np.where(t == 1, value(1 - np.cumprod(1 - betas)), right.bp))

    return read


def _first_for_all(betas: Array, t: Array) -> Read:
    return _plain(betas, np.full_like(t, t[0]))


Reading = Callable[[Array, Array], Read]

READINGS: Mapping[str, tuple[Reading, str]] = {
    "index_shifted": (
        lambda betas, t: _plain_wrapped(betas, t - 1),
        "the schedule is read one step too early: t counts from 1, the tensor's index from 0",
    ),
    "index_shifted~previous": (
        lambda betas, t: Read(_plain(betas, t).b, _plain(betas, t).bp, _plain_wrapped(betas, t - 1).bp),
        "β̄ is read one step too early: t counts from 1, the tensor's index from 0",
    ),
    "index_shifted~late": (
        lambda betas, t: _plain(betas, np.minimum(t + 1, len(betas))),
        "the schedule is read one step too late: t counts from 1, the tensor's index from 0",
    ),
    "sum_for_product": (_with_bars(np.cumsum), "β̄ looks like a running sum; it comes from a product"),
    "product_of_beta": (_with_bars(np.cumprod, 1.0), "β̄ looks like the product of the β themselves"),
    "product_of_beta~complement": (_with_bars(lambda b: 1 - np.cumprod(b)), "the product is taken of the β themselves"),
    "beta_for_beta_bar": (_with_bars(lambda b: b), "β_t stands where β̄_t belongs"),
    "first_t_only": (_first_for_all, "the first sample's t is used for the whole batch"),
}


FORWARD_READINGS: Mapping[str, tuple[Reading, str]] = {
    "coefficients_swapped": (
        _with_bars(lambda b: np.cumprod(1 - b), 1.0),
        "the weights of the signal and of the noise look exchanged (β̄ and 1 − β̄)",
    ),
}
"""Readings of q_sample and predict_x_0 only."""

POSTERIOR_READINGS: Mapping[str, tuple[Reading, str]] = {
    "alpha_bar_for_beta_bar": (
        _with_bars(lambda b: np.cumprod(1 - b), 1.0),
        "the share of the signal and that of the noise look exchanged (β̄ and 1 − β̄)",
    ),
    "index_shifted~beta": (
        lambda betas, t: Read(betas[t - 2], _plain(betas, t).bb, _plain(betas, t).bp),
        "β_t is read one step too early: t counts from 1, the tensor's index from 0",
    ),
    "index_shifted~beta_clamped": (
        lambda betas, t: Read(betas[np.maximum(t - 2, 0)], _plain(betas, t).bb, _plain(betas, t).bp),
        "β_t is read one step too early: t counts from 1, the tensor's index from 0",
    ),
    "index_shifted~beta_late": (
        lambda betas, t: Read(_at(betas, np.minimum(t + 1, len(betas))), _plain(betas, t).bb, _plain(betas, t).bp),
        "β_t is read one step too late: t counts from 1, the tensor's index from 0",
    ),
    "alpha_for_beta": (_alpha_for_beta, "1 − β_t stands where β_t belongs, or the reverse"),
    "wraps_at_the_first_step": (_first_bar(lambda bars: float(bars[-1])), "it goes wrong at t = 1, where index −1 reads the last β̄"),
    "beta_bar_0~first": (_first_bar(lambda bars: float(bars[0])), "it goes wrong at t = 1: β̄_0 is read as β̄_1"),
    "beta_bar_0": (_first_bar(lambda bars: 1.0), "it goes wrong at t = 1: β̄_0 is taken for 1"),
}  # fmt: skip
"""Readings that matter where β_t or β̄_{t−1} itself occurs."""


def _plain_wrapped(betas: Array, t: Array) -> Read:
    bars = 1 - np.cumprod(1 - betas)
    return Read(betas[t - 1], bars[t - 1], np.where(t == 1, 0.0, bars[t - 2]))


Formula = Callable[[Read, Array, Array], Array]

Q_RIGHT: Formula = lambda e, x, n: np.sqrt(1 - e.bb) * x + np.sqrt(e.bb) * n  # noqa: E731
Q: Mapping[str, tuple[Formula, str]] = {
    "root_missing_signal": (lambda e, x, n: (1 - e.bb) * x + np.sqrt(e.bb) * n, "a square root is missing in front of x_0"),
    "root_missing_noise": (lambda e, x, n: np.sqrt(1 - e.bb) * x + e.bb * n, "a square root is missing in front of the noise: a variance stands where a standard deviation belongs"),
    "root_missing_both": (lambda e, x, n: (1 - e.bb) * x + e.bb * n, "both square roots are missing"),
    "signal_not_scaled": (lambda e, x, n: x + np.sqrt(e.bb) * n, "x_0 is not scaled"),
    "noise_not_scaled": (lambda e, x, n: np.sqrt(1 - e.bb) * x + n, "the noise is not scaled"),
    "noise_sign": (lambda e, x, n: np.sqrt(1 - e.bb) * x - np.sqrt(e.bb) * n, "the noise is subtracted"),
    "noise_missing": (lambda e, x, n: np.sqrt(1 - e.bb) * x, "the noise is missing: this is the mean"),
    "noise_scaled_twice": (lambda e, x, n: np.sqrt(1 - e.bb) * (x + np.sqrt(e.bb) * n), "the noise is scaled by the signal's weight as well: a bracket is misplaced"),
    "one_minus_root": (lambda e, x, n: (1 - np.sqrt(e.bb)) * x + np.sqrt(e.bb) * n, "1 minus a root stands where the root of a difference belongs"),
    "returns_input": (lambda e, x, n: x, "x_0 is returned as it is"),
    "returns_noise": (lambda e, x, n: n, "the noise is returned as it is"),
    "complement_not_taken": (lambda e, x, n: np.sqrt(e.bb) * (x + n), "x_0 and the noise have the same weight"),
    "linear_noise_weight": (lambda e, x, n: np.sqrt(1 - e.bb) * x + (1 - np.sqrt(1 - e.bb)) * n, "the weights sum to 1; it is the variances that do"),
}  # fmt: skip

PREDICT_RIGHT: Formula = lambda e, x, n: (x - np.sqrt(e.bb) * n) / np.sqrt(1 - e.bb)  # noqa: E731
PREDICT: Mapping[str, tuple[Formula, str]] = {
    "signal_not_scaled": (lambda e, x, n: x - np.sqrt(e.bb) * n, "the division by the signal's weight is missing"),
    "signal_multiplied": (lambda e, x, n: (x - np.sqrt(e.bb) * n) * np.sqrt(1 - e.bb), "it is multiplied where it should be divided"),
    "root_missing_noise": (lambda e, x, n: (x - e.bb * n) / np.sqrt(1 - e.bb), "a square root is missing in front of the noise"),
    "root_missing_signal": (lambda e, x, n: (x - np.sqrt(e.bb) * n) / (1 - e.bb), "a square root is missing in the denominator"),
    "root_missing_both": (lambda e, x, n: (x - e.bb * n) / (1 - e.bb), "both square roots are missing"),
    "noise_sign": (lambda e, x, n: (x + np.sqrt(e.bb) * n) / np.sqrt(1 - e.bb), "the noise is added"),
    "coefficients_swapped~denominator": (lambda e, x, n: (x - np.sqrt(e.bb) * n) / np.sqrt(e.bb), "it is divided by the weight of the noise"),
    "noise_not_scaled": (lambda e, x, n: (x - n) / np.sqrt(1 - e.bb), "the noise is not scaled"),
    "parenthesis": (lambda e, x, n: x / np.sqrt(1 - e.bb) - np.sqrt(e.bb) * n, "only x_t is divided, the noise is not: a bracket is missing"),
    "parenthesis~noise": (lambda e, x, n: x - np.sqrt(e.bb) * n / np.sqrt(1 - e.bb), "only the noise is divided, x_t is not: a bracket is missing"),
    "returns_input": (lambda e, x, n: x, "x_t is returned as it is"),
    "clamped": (lambda e, x, n: np.clip(PREDICT_RIGHT(e, x, n), -1, 1), "the result is clamped to [−1, 1]; points may lie outside"),
    "forward_formula": (lambda e, x, n: np.sqrt(1 - e.bb) * x + np.sqrt(e.bb) * n, "this adds noise, as q_sample does"),
    "noise_missing": (lambda e, x, n: x / np.sqrt(1 - e.bb), "the noise is missing"),
    "posterior_step": (lambda e, x, n: (x - e.b / np.sqrt(e.bb) * n) / np.sqrt(1 - e.b), "this is the mean of x_{t−1}, not x_0"),
}  # fmt: skip


def _mean(e: Read, x: Array, y: Array, first: Array, second: Array) -> Array:
    result: Array = (first * x + second * y) / e.bb
    return result


MEAN_RIGHT: Formula = lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), e.b * np.sqrt(1 - e.bp))  # noqa: E731
MEAN: Mapping[str, tuple[Formula, str]] = {
    "x_0_and_x_t_swapped": (lambda e, x, y: MEAN_RIGHT(e, y, x), "x_t and x_0 have exchanged their weights"),
    "root_missing_x_t": (lambda e, x, y: _mean(e, x, y, e.bp * (1 - e.b), e.b * np.sqrt(1 - e.bp)), "a square root is missing in the weight of x_t"),
    "root_missing_x_0": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), e.b * (1 - e.bp)), "a square root is missing in the weight of x_0"),
    "root_missing_both": (lambda e, x, y: _mean(e, x, y, e.bp * (1 - e.b), e.b * (1 - e.bp)), "both square roots are missing"),
    "alpha_bar_for_alpha": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.bb), e.b * np.sqrt(1 - e.bp)), "the root in the weight of x_t is that of all t steps, not of one"),
    "beta_bar_t_for_previous": (lambda e, x, y: _mean(e, x, y, e.bb * np.sqrt(1 - e.b), e.b * np.sqrt(1 - e.bb)), "β̄_t stands where β̄_{t−1} belongs"),
    "beta_bar_t_for_previous~x_t": (lambda e, x, y: _mean(e, x, y, e.bb * np.sqrt(1 - e.b), e.b * np.sqrt(1 - e.bp)), "β̄_t stands where β̄_{t−1} belongs, in the weight of x_t"),
    "beta_bar_t_for_previous~x_0": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), e.b * np.sqrt(1 - e.bb)), "β̄_t stands where β̄_{t−1} belongs, in the weight of x_0"),
    "denominator_missing": (lambda e, x, y: e.bp * np.sqrt(1 - e.b) * x + e.b * np.sqrt(1 - e.bp) * y, "the denominator is missing"),
    "denominator": (lambda e, x, y: MEAN_RIGHT(e, x, y) * e.bb / (1 - e.bb), "the denominator is that of the signal"),
    "denominator~previous": (lambda e, x, y: MEAN_RIGHT(e, x, y) * e.bb / np.where(e.bp > 0, e.bp, np.nan), "the denominator has β̄_{t−1} for β̄_t"),
    "beta_missing_on_x_0": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), np.sqrt(1 - e.bp)), "a factor is missing in the weight of x_0"),
    "beta_bar_missing_on_x_t": (lambda e, x, y: _mean(e, x, y, np.sqrt(1 - e.b), e.b * np.sqrt(1 - e.bp)), "a factor is missing in the weight of x_t"),
    "root_of_beta": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), np.sqrt(e.b) * np.sqrt(1 - e.bp)), "a square root too many in the weight of x_0"),
    "root_of_beta_bar": (lambda e, x, y: _mean(e, x, y, np.sqrt(e.bp) * np.sqrt(1 - e.b), e.b * np.sqrt(1 - e.bp)), "a square root too many in the weight of x_t"),
    "parenthesis": (lambda e, x, y: e.bp * np.sqrt(1 - e.b) * x + e.b * np.sqrt(1 - e.bp) * y / e.bb, "only the second term is divided: a bracket is missing"),
    "parenthesis~first": (lambda e, x, y: e.bp * np.sqrt(1 - e.b) * x / e.bb + e.b * np.sqrt(1 - e.bp) * y, "only the first term is divided"),
    "not_the_posterior": (lambda e, x, y: np.sqrt(1 - e.bp) * y + np.sqrt(e.bp) * x, "this adds x_t to x_0 as if it were noise; the Gaussian that both determine is asked"),
    "not_the_posterior~forward": (lambda e, x, y: np.sqrt(1 - e.bp) * y, "this is the mean of q(x_{t−1} | x_0), which does not use x_t"),
    "sign_of_a_term": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), -e.b * np.sqrt(1 - e.bp)), "the two terms are subtracted"),
    "x_t_missing": (lambda e, x, y: _mean(e, x, y, 0 * e.b, e.b * np.sqrt(1 - e.bp)), "the term with x_t is missing"),
    "x_0_missing": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.b), 0 * e.b), "the term with x_0 is missing"),
    "betas_exchanged": (lambda e, x, y: _mean(e, x, y, e.b * np.sqrt(1 - e.b), e.bp * np.sqrt(1 - e.bp)), "β_t and β̄_{t−1} look exchanged outside the roots"),
    "roots_exchanged": (lambda e, x, y: _mean(e, x, y, e.bp * np.sqrt(1 - e.bp), e.b * np.sqrt(1 - e.b)), "β_t and β̄_{t−1} look exchanged inside the roots"),
    "predicted_from_noise": (lambda e, x, y: (x - e.b / np.sqrt(e.bb) * y) / np.sqrt(1 - e.b), "the argument x_0 is treated as noise"),
}  # fmt: skip


VARIANCE_RIGHT: Formula = lambda e, x, y: e.b * e.bp / e.bb  # noqa: E731
VARIANCE: Mapping[str, tuple[Formula, str]] = {
    "variance_rooted": (lambda e, x, y: np.sqrt(e.b * e.bp / e.bb), "this is the standard deviation, its square is asked"),
    "variance_is_beta": (lambda e, x, y: e.b, "this is β_t, the variance of a forward step"),
    "variance_inverted": (lambda e, x, y: e.b * e.bb / np.where(e.bp > 0, e.bp, np.nan), "the ratio is upside down"),
    "variance_not_divided": (lambda e, x, y: e.b * e.bp, "the denominator is missing"),
    "variance_without_beta": (lambda e, x, y: e.bp / e.bb, "a factor is missing"),
    "squared": (lambda e, x, y: (e.b * e.bp / e.bb) ** 2, "it is squared once too often"),
    "complements": (lambda e, x, y: e.b * (1 - e.bp) / (1 - e.bb), "β̄ and 1 − β̄ look exchanged"),
    "complements_upside_down": (lambda e, x, y: e.b * (1 - e.bb) / (1 - e.bp), "β̄ and 1 − β̄ look exchanged, and the ratio is upside down"),
    "alpha_for_beta_in_front": (lambda e, x, y: (1 - e.b) * e.bp / e.bb, "1 − β_t stands where β_t belongs"),
    "variance_is_beta_bar": (lambda e, x, y: e.bb, "this is β̄_t, the variance of q(x_t | x_0)"),
    "variance_logarithm": (lambda e, x, y: np.log(np.maximum(e.b * e.bp / e.bb, 1e-20)), "this is the logarithm of the variance"),
}  # fmt: skip

RIGHT: Mapping[str, Formula] = {
    "q_sample": Q_RIGHT,
    "predict_x_0": PREDICT_RIGHT,
    "posterior_mean": MEAN_RIGHT,
    "posterior_variance": VARIANCE_RIGHT,
}
WRONG: Mapping[str, Mapping[str, tuple[Formula, str]]] = {
    "q_sample": Q,
    "predict_x_0": PREDICT,
    "posterior_mean": MEAN,
    "posterior_variance": VARIANCE,
}


def _readings(function: str) -> dict[str, tuple[Reading, str]]:
    return {**READINGS, **(POSTERIOR_READINGS if function.startswith("posterior") else FORWARD_READINGS)}


def sentences(function: str) -> dict[str, str]:
    """Name of every known mistake of a function → the student's sentence, the likeliest explanation first."""
    known = {**_readings(function), **WRONG[function]}
    return {name: sentence for name, (_, sentence) in known.items()}


def variants(function: str, betas: Array, t: Array, x: Array, y: Array) -> dict[str, Array]:
    """What every known mistake would return; x, y: the function's two tensors (N, …), or (N,) zeros for the variance."""

    def value(reading: Reading, formula: Formula) -> Array:
        read = reading(betas, t)
        axes = (-1, *[1] * (x.ndim - 1))
        return formula(Read(read.b.reshape(axes), read.bb.reshape(axes), read.bp.reshape(axes)), x, y)

    with np.errstate(all="ignore"):
        readings = {name: value(reading, RIGHT[function]) for name, (reading, _) in _readings(function).items()}
        formulas = {name: value(_plain, formula) for name, (formula, _) in WRONG[function].items()}
    return {**readings, **formulas}
