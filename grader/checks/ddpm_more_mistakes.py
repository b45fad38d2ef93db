"""Known mistakes in the schedule and in the conditional score: what each would return, and the student's sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from grader.model import Array

SCHEDULE: Mapping[str, str] = {
    "end_missing": "the last beta is not beta_T: the end of the line is left out",
    "start_missing": "the first beta is not beta_1: the start of the line is left out",
    "starts_at_0": "it starts at 0, not at beta_1",
    "reversed": "it runs from beta_T down to beta_1",
    "geometric": "it is geometric (equal ratios); a straight line is asked",
    "quadratic": "the square roots lie on a line, not the betas",
    "cosine": "it follows a cosine; a straight line is asked",
    "sigmoid": "it follows a sigmoid; a straight line is asked",
    "constant": "all betas are beta_1",
    "constant_beta_T": "all betas are beta_T",
    "alphas": "these are 1 − β",
    "arguments_ignored": "beta_1 and beta_T are ignored: it always runs between the defaults",
    "defaults": "the default values of beta_1 and beta_T are not those of the handout",
    "divided_by_T": "the step is (beta_T − beta_1)/T, so that beta_T is not reached",
    "random": "it is drawn at random",
}


def schedule_variants(T: int, beta_1: float = 1e-4, beta_T: float = 0.02) -> dict[str, Array]:
    """Every known mistake's schedule, (T,)."""
    line, unit = np.linspace(beta_1, beta_T, T), np.linspace(0, 1, T)
    default = np.linspace(1e-4, 0.02, T)
    bars = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * np.pi / 2) ** 2
    shape = 1 / (1 + np.exp(-12 * unit + 6))
    values = {
        "end_missing": np.linspace(beta_1, beta_T, T + 1)[:-1],
        "start_missing": np.linspace(beta_1, beta_T, T + 1)[1:],
        "starts_at_0": np.linspace(0, beta_T, T),
        "reversed": line[::-1],
        "geometric": np.geomspace(beta_1, beta_T, T),
        "quadratic": np.linspace(beta_1**0.5, beta_T**0.5, T) ** 2,
        "cosine": np.clip(1 - bars[1:] / bars[:-1], 0, 0.999),
        "sigmoid": beta_1 + (beta_T - beta_1) * shape,
        "constant": np.full(T, beta_1),
        "constant_beta_T": np.full(T, beta_T),
        "alphas": 1 - line,
        "divided_by_T": beta_1 + (beta_T - beta_1) * np.arange(1, T + 1) / T,
    }
    if np.abs(default - line).max() > 1e-6:
        values["arguments_ignored"] = default
    else:
        values["arguments_ignored"] = line
    return {name: np.ascontiguousarray(v) for name, v in values.items()}


BETA_BAR: Mapping[str, tuple[Callable[[Array], Array], str]] = {
    "alpha_bar_for_beta_bar": (lambda b: np.cumprod(1 - b), "this is the share of the signal; β̄ is that of the noise"),
    "cumsum_for_cumprod": (lambda b: np.cumsum(b), "this is the running sum of the β; a product is behind β̄"),
    "product_of_betas": (lambda b: np.cumprod(b), "this is the product of the β themselves"),
    "one_minus_product_of_betas": (lambda b: 1 - np.cumprod(b), "the product is taken of the β themselves"),
    "sum_of_alphas": (lambda b: np.cumsum(1 - b), "this is the running sum of 1 − β; a product is behind β̄"),
    "one_minus_sum": (lambda b: 1 - np.cumsum(b), "this is 1 minus the running sum of the β"),
    "root": (lambda b: np.sqrt(1 - np.cumprod(1 - b)), "a square root is taken: this is a standard deviation"),
    "root_of_alpha_bar": (lambda b: np.sqrt(np.cumprod(1 - b)), "this is the weight of the signal in x_t"),
    "one_minus_root": (lambda b: 1 - np.sqrt(np.cumprod(1 - b)), "a square root too many: the weights are no variances"),
    "shifted": (lambda b: np.append(0.0, 1 - np.cumprod(1 - b))[:-1], "it starts with β̄_0: every entry is one place late"),
    "betas": (lambda b: b, "these are the β themselves"),
    "alphas": (lambda b: 1 - b, "these are 1 − β: nothing is multiplied up"),
    "log": (lambda b: np.cumsum(np.log(1 - b)), "this is a logarithm"),
    "exponential": (lambda b: 1 - np.exp(-np.cumsum(b)), "this is the formula of continuous time"),
    "reversed": (lambda b: (1 - np.cumprod(1 - b))[::-1].copy(), "it runs from T down to 1"),
    "reversed_product": (lambda b: 1 - np.cumprod(1 - b[::-1]), "the product runs from T downwards"),
    "cummax": (lambda b: np.maximum.accumulate(b), "this is the running maximum of the β"),
}

CONDITIONAL: Mapping[str, str] = {
    "factor_2_missing": "the gradient of a square has a factor that is missing",
    "sign": "the known coordinates push x away from x_known: a sign is wrong",
    "sign_and_factor": "a sign is wrong, and the gradient of a square has a factor that is missing",
    "mask_on_x_known_only": "the mask multiplies x_known only; where nothing is observed, the score must not change",
    "mask_on_x_known_only_without_factor": "the mask multiplies x_known only, and the factor of the square is missing",
    "mask_on_x_only": "the mask multiplies x only; where nothing is observed, the score must not change",
    "mask_inverted": "the mask looks inverted: the unknown coordinates are pulled",
    "mask_missing": "the mask is not used: all coordinates are pulled",
    "score_missing": "the score itself is missing from the result",
    "score_unchanged": "the result is the score itself: x_known is not used",
    "score_masked": "the score is kept only where nothing is known",
    "score_masked_where_unknown": "the score is kept only where x is known",
    "everything_masked": "the mask multiplies the whole result",
    "gradient_not_taken": "the exponent is added itself, not its gradient",
    "squared_norm_subtracted": "the squared norm is subtracted from every coordinate: its gradient is not taken",
    "factor_4": "the factor of the square is taken twice",
    "mask_gradient_only_half": "the factor is ½ where the gradient of a square has another",
    "only_x_known": "only x_known enters, not its difference from x",
    "normalised": "the difference is divided by its norm",
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
        "mask_on_x_known_only": s - 2 * (x - known * m),
        "mask_on_x_known_only_without_factor": s - (x - known * m),
        "mask_on_x_only": s - 2 * (x * m - known),
        "mask_inverted": s - 2 * (x - known) * (1 - m),
        "mask_missing": s - 2 * (x - known),
        "score_missing": -2 * pull,
        "score_unchanged": s,
        "score_masked": s * (1 - m) - 2 * pull,
        "score_masked_where_unknown": s * m - 2 * pull,
        "everything_masked": (s - 2 * (x - known)) * m,
        "gradient_not_taken": s - pull**2,
        "squared_norm_subtracted": s - (pull**2).sum(axis=-1, keepdims=True),
        "factor_4": s - 4 * pull,
        "mask_gradient_only_half": s - pull / 2,
        "only_x_known": s + 2 * known * m,
        "normalised": s - 2 * pull / norm,
        "replaced": x * (1 - m) + known * m,
    }
