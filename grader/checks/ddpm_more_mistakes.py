"""Known mistakes in the schedule and in the conditional score: what each would return, and the student's sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from grader.checks.compare import Array

SCHEDULE: Mapping[str, str] = {
    "schedule_endpoint": "the last beta is not beta_T: the end of the line is left out",
    "schedule_endpoint~start": "the first beta is not beta_1: the start of the line is left out",
    "starts_at_0": "it starts at 0, not at beta_1",
    "schedule_reversed": "it runs from beta_T down to beta_1",
    "schedule_not_linear": "it is geometric (equal ratios); a straight line is asked",
    "schedule_not_linear~quadratic": "the square roots lie on a line, not the betas",
    "schedule_not_linear~cosine": "it follows a cosine; a straight line is asked",
    "schedule_not_linear~sigmoid": "it follows a sigmoid; a straight line is asked",
    "schedule_not_linear~constant": "all betas are the same",
    "schedule_not_linear~rounded": "the betas look rounded to a few decimals",
    "alphas": "these are 1 − β",
    "hard_coded_arguments": "beta_1 and beta_T are ignored: it always runs between the defaults",
    "divided_by_T": "the step is (beta_T − beta_1)/T, so that beta_T is not reached",
}


def schedule_variants(T: int, beta_1: float = 1e-4, beta_T: float = 0.02) -> dict[str, Array]:
    """Every known mistake's schedule, (T,)."""
    line, unit = np.linspace(beta_1, beta_T, T), np.linspace(0, 1, T)
    default = np.linspace(1e-4, 0.02, T)
    bars = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * np.pi / 2) ** 2
    shape = 1 / (1 + np.exp(-12 * unit + 6))
    values = {
        "schedule_endpoint": np.linspace(beta_1, beta_T, T + 1)[:-1],
        "schedule_endpoint~start": np.linspace(beta_1, beta_T, T + 1)[1:],
        "starts_at_0": np.linspace(0, beta_T, T),
        "schedule_reversed": line[::-1],
        "schedule_not_linear": np.geomspace(beta_1, beta_T, T),
        "schedule_not_linear~quadratic": np.linspace(beta_1**0.5, beta_T**0.5, T) ** 2,
        "schedule_not_linear~cosine": np.clip(1 - bars[1:] / bars[:-1], 0, 0.999),
        "schedule_not_linear~sigmoid": beta_1 + (beta_T - beta_1) * shape,
        "schedule_not_linear~constant": np.full(T, beta_1),
        "schedule_not_linear~constant_end": np.full(T, beta_T),
        "schedule_not_linear~constant_mean": np.full(T, (beta_1 + beta_T) / 2),
        "schedule_not_linear~cosine_ramp": beta_1 + (beta_T - beta_1) * (1 - np.cos(np.pi * unit)) / 2,
        "schedule_not_linear~rounded": line.round(2),
        "schedule_not_linear~rounded_3": line.round(3),
        "alphas": 1 - line,
        "divided_by_T": beta_1 + (beta_T - beta_1) * np.arange(1, T + 1) / T,
    }
    values["hard_coded_arguments"] = default
    return {name: np.ascontiguousarray(v) for name, v in values.items()}


BETA_BAR: Mapping[str, tuple[Callable[[Array], Array], str]] = {
    "alpha_bar_for_beta_bar": (lambda b: np.cumprod(1 - b), "this is the share of the signal; β̄ is that of the noise"),
    "sum_for_product": (lambda b: np.cumsum(b), "this is the running sum of the β; a product is behind β̄"),
    "product_of_beta": (lambda b: np.cumprod(b), "this is the product of the β themselves"),
    "product_of_beta~complement": (lambda b: 1 - np.cumprod(b), "the product is taken of the β themselves"),
    "sum_for_product~alphas": (lambda b: np.cumsum(1 - b), "this is the running sum of 1 − β; a product is behind β̄"),
    "sum_for_product~complement": (lambda b: 1 - np.cumsum(b), "this is 1 minus the running sum of the β"),
    "sum_for_product~one_minus_alphas": (
        lambda b: 1 - np.cumsum(1 - b),
        "a running sum stands where a product belongs",
    ),
    "sign_of_beta": (lambda b: 1 - np.cumprod(1 + b), "β is added where it should be subtracted"),
    "sign_of_beta~product": (lambda b: np.cumprod(1 + b) - 1, "β is added where it should be subtracted"),
    "cumulative_missing": (
        lambda b: np.full_like(b, 1 - np.prod(1 - b)),
        "every entry is that of T: the product runs over all t",
    ),
    "root_of_beta_bar": (
        lambda b: np.sqrt(1 - np.cumprod(1 - b)),
        "a square root is taken: this is a standard deviation",
    ),
    "root_of_alpha_bar": (lambda b: np.sqrt(np.cumprod(1 - b)), "this is the weight of the signal in x_t"),
    "root_of_the_product": (
        lambda b: 1 - np.sqrt(np.cumprod(1 - b)),
        "a square root too many: the weights are no variances",
    ),
    "index_shifted": (
        lambda b: np.append(0.0, 1 - np.cumprod(1 - b))[:-1],
        "it starts with β̄_0: every entry is one place late",
    ),
    "product_missing": (lambda b: b, "these are the β themselves"),
    "product_missing~alphas": (lambda b: 1 - b, "these are 1 − β: nothing is multiplied up"),
    "log": (lambda b: np.cumsum(np.log(1 - b)), "this is a logarithm"),
    "exponential": (lambda b: 1 - np.exp(-np.cumsum(b)), "this is the formula of continuous time"),
    "reversed": (lambda b: (1 - np.cumprod(1 - b))[::-1].copy(), "it runs from T down to 1"),
    "product_reversed": (
        lambda b: (1 - np.cumprod(1 - b[::-1]))[::-1].copy(),
        "the product runs from t to T, not from 1 to t",
    ),
    "product_reversed~flipped": (lambda b: 1 - np.cumprod(1 - b[::-1]), "the product runs from T downwards"),
    "cummax": (lambda b: np.maximum.accumulate(b), "this is the running maximum of the β"),
}

CONDITIONAL: Mapping[str, str] = {
    "factor_2_missing": "the gradient of a square has a factor that is missing",
    "sign": "the known coordinates push x away from x_known: a sign is wrong",
    "sign_and_factor": "a sign is wrong, and the gradient of a square has a factor that is missing",
    "mask_on_known_only": "the mask multiplies x_known only; where nothing is observed, the score must not change",
    "mask_on_known_only~factor": "the mask multiplies x_known only, and the factor of the square is missing",
    "mask_on_x_only": "the mask multiplies x only; where nothing is observed, the score must not change",
    "mask_inverted": "the mask looks inverted: the unknown coordinates are pulled",
    "mask_missing": "the mask is not used: all coordinates are pulled",
    "score_missing": "the score itself is missing from the result",
    "score_unchanged": "the result is the score itself: x_known is not used",
    "score_masked~unknown": "the score is kept only where nothing is known",
    "score_masked": "the score is kept only where x is known",
    "everything_masked": "the mask multiplies the whole result",
    "not_the_gradient": "the exponent is added itself, not its gradient",
    "not_the_gradient~norm": "the squared norm is subtracted from every coordinate: its gradient is not taken",
    "factor_2_missing~four": "the factor of the square is taken twice",
    "factor_2_missing~half": "the factor is ½ where the gradient of a square has another",
    "only_x_known": "only x_known enters, not its difference from x",
    "normalised": "the difference is divided by its norm",
    "averaged": "the difference is divided by the number of known coordinates; the squared norm is a sum",
    "replaced": "the known coordinates of x are returned instead of a score",
}


def conditional_variants(s: Array, x: Array, known: Array, m: Array) -> dict[str, Array]:
    """Every known mistake's conditional score; all four arguments alike, as is each result."""
    pull = (x - known) * m
    norm = np.sqrt((pull**2).sum(axis=-1, keepdims=True)) + 1e-12
    return {
        "factor_2_missing": s - pull,
        "sign": s + 2 * pull,
        "sign_and_factor": s + pull,
        "mask_on_known_only": s - 2 * (x - known * m),
        "mask_on_known_only~factor": s - (x - known * m),
        "mask_on_x_only": s - 2 * (x * m - known),
        "mask_inverted": s - 2 * (x - known) * (1 - m),
        "mask_missing": s - 2 * (x - known),
        "score_missing": -2 * pull,
        "score_unchanged": s,
        "score_masked~unknown": s * (1 - m) - 2 * pull,
        "score_masked": s * m - 2 * pull,
        "everything_masked": (s - 2 * (x - known)) * m,
        "not_the_gradient": s - pull**2,
        "not_the_gradient~norm": s - (pull**2).sum(axis=-1, keepdims=True),
        "not_the_gradient~batch_norm": s - (pull**2).sum(),
        "factor_2_missing~four": s - 4 * pull,
        "factor_2_missing~half": s - pull / 2,
        "only_x_known": s + 2 * known * m,
        "normalised": s - 2 * pull / norm,
        "normalised~half": s - pull / norm,
        "normalised~batch": s - 2 * pull / np.sqrt((pull**2).sum()),
        "normalised~half_batch": s - pull / np.sqrt((pull**2).sum()),
        "averaged": s - 2 * pull / m.sum(),
        "averaged~rows": s - 2 * pull / np.maximum(m.sum(axis=-1, keepdims=True), 1),
        "averaged~all": s - 2 * pull / pull.size,
        "averaged~batch": s - 2 * pull / len(pull),
        "replaced": x * (1 - m) + known * m,
    }
