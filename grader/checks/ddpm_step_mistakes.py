"""Known mistakes in one reverse step: what each would return under a planted predictor, and the student's sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.checks.compare import Array
from grader.checks.ddpm_tables import beta_deviations, predict_noise


@dataclass(frozen=True, slots=True)
class StepInput:
    """What p_sample is given: x_t, noise (N, 2), the planted prediction for x_t at t, and t (N,)."""

    x: Array
    noise: Array
    predicted: Array
    t: Array


SENTENCES: Mapping[str, str] = {
    "noise_at_the_last_step": "noise is added at t = 1; the last step has none",
    "variance_for_deviation": "the noise is multiplied by a variance; a standard deviation is asked",
    "variance_for_deviation~beta": "the noise is multiplied by β_t itself; a standard deviation is asked",
    "noise_missing": "no noise is added at any t: this is the mean",
    "wrong_variance~unit": "the noise is added without its standard deviation",
    "wrong_variance~unit_at_1": "the noise is added without its standard deviation, also at t = 1",
    "wrong_variance": "the noise has the standard deviation of x_t given x_0, not that of a step",
    "noise_sign": "the noise is subtracted; with the same noise the sample differs",
    "noise_mask_inverted": "noise is added at t = 1 only; it is the other way round",
    "wrong_variance~previous": "the noise has the variance of another step (β_{t−1})",
    "forward_step": "this is a step of the forward process: it adds noise, from x_{t−1} to x_t",
    "renoised_to_the_same_t": "the predicted x_0 is noised back to t, not to t − 1",
    "returns_input": "x_t is returned as it is",
    "returns_x_0": "the predicted x_0 is returned, not a sample of x_{t−1}",
    "x_0_with_noise": "the noise is added to the predicted x_0; the posterior mean is missing",
    "output_taken_for_x_0": "the predicted noise is used as if it were x_0",
    "prediction_subtracted": "the predicted noise is subtracted from x_t without weights",
    "x_0_and_x_t_swapped": "x_t and the predicted x_0 have exchanged their weights in the mean",
    "fresh_noise_from_x_0": "x_{t−1} is made by noising the predicted x_0 anew, as the forward process does",
    "deterministic_step": "x_{t−1} is made from the predicted x_0 and the predicted noise, without new noise (DDIM)",
    "root_missing_noise": "a square root is missing in the weight of the predicted noise",
    "weight_of_the_noise~beta": "the weight of the predicted noise is β_t; its denominator is missing",
    "weight_of_the_noise": "the predicted noise has another weight in the mean",
    "alpha_bar_for_beta_bar": "β̄_t and 1 − β̄_t look exchanged in the weight of the predicted noise",
    "alpha_for_beta": "1 − β_t stands where β_t belongs, in the weight of the predicted noise",
    "parenthesis": "only the noise is rescaled, x_t is not: a bracket is missing",
    "signal_not_scaled": "the mean is not rescaled: the step also undoes the shrinking of the signal",
    "root_missing_signal": "a square root is missing in the rescaling of the mean",
    "rescaled_by_alpha_bar": "the mean is rescaled by the signal's weight of all t steps, not of one",
    "noise_sign~predicted": "the predicted noise is added, not subtracted",
    "t_shifted": "the network is asked for t − 1, not t",
    "t_shifted~late": "the network is asked for t + 1, not t",
    "clamped": "the predicted x_0 is clipped to [−1, 1]",
}


def step_variants(
    given: StepInput, model: Mapping[str, Array], betas: Array, full: Mapping[str, Any]
) -> dict[str, Array]:
    """Every known mistake's x_{t−1}, (N, 2), by its name; the mistakes in the mean with either variance."""
    t, x, n, e = given.t, given.x.astype(np.float64), given.noise.astype(np.float64), given.predicted
    T = len(betas)

    def at(values: Any) -> Array:
        found: Array = np.asarray(values)[t][:, None]
        return found

    beta = betas[t - 1][:, None]
    a, b = at(full["q"][0]), at(full["q"][1])
    x_0 = at(full["predict"][0]) * x + at(full["predict"][1]) * e
    m_t, m_0 = at(full["mean"][0]), at(full["mean"][1])
    mean = m_t * x + m_0 * x_0
    std, other = at(full["step"][2]), at(beta_deviations(betas))
    later = (t > 1)[:, None]
    keep = np.sqrt(1 - beta)
    before_a = np.asarray(full["q"][0])[np.maximum(t - 1, 1)][:, None] * later + ~later
    before_b = np.asarray(full["q"][1])[np.maximum(t - 1, 1)][:, None] * later

    def told(times: Array) -> Array:
        wrong = predict_noise(dict(model), x, np.clip(times, 0, T))
        found: Array = m_t * x + m_0 * (at(full["predict"][0]) * x + at(full["predict"][1]) * wrong)
        return found

    means = {
        "x_0_with_noise": x_0,
        "output_taken_for_x_0": m_t * x + m_0 * e,
        "prediction_subtracted": x - e,
        "x_0_and_x_t_swapped": m_0 * x + m_t * x_0,
        "root_missing_noise": (x - beta / b**2 * e) / keep,
        "weight_of_the_noise~beta": (x - beta * e) / keep,
        "weight_of_the_noise": (x - np.sqrt(beta) / b * e) / keep,
        "weight_of_the_noise~one_step": (x - np.sqrt(beta) * e) / keep,
        "weight_of_the_noise~all_steps": (x - b * e) / keep,
        "alpha_bar_for_beta_bar": (x - beta / a * e) / keep,
        "alpha_for_beta": (x - (1 - beta) / b * e) / keep,
        "alpha_for_beta~outside": (x - beta / b * e) / np.sqrt(beta),
        "parenthesis": x - beta / b * e / keep,
        "parenthesis~signal": x / keep - beta / b * e,
        "signal_not_scaled": x - beta / b * e,
        "root_missing_signal": (x - beta / b * e) / keep**2,
        "rescaled_by_alpha_bar": (x - beta / b * e) / a,
        "noise_sign~predicted": (x + beta / b * e) / keep,
        "t_shifted": told(t - 1),
        "t_shifted~late": told(t + 1),
        "clamped": m_t * x + m_0 * np.clip(x_0, -1, 1),
    }
    variants = {
        "noise_at_the_last_step": mean + np.sqrt(beta) * n,
        "variance_for_deviation": mean + std**2 * n,
        "variance_for_deviation~beta": mean + beta * later * n,
        "noise_missing": mean,
        "wrong_variance~unit": mean + n * later,
        "wrong_variance~unit_at_1": mean + n,
        "wrong_variance": mean + b * n * later,
        "noise_sign": mean - std * n,
        "returns_x_0": x_0,
        "fresh_noise_from_x_0": before_a * x_0 + before_b * n,
        "deterministic_step": before_a * x_0 + before_b * e,
        "variance_for_deviation~beta_at_1": mean + beta * n,
        "wrong_variance~at_1": mean + b * n,
        "noise_sign~beta": mean - other * n,
        "noise_mask_inverted": mean + np.sqrt(beta) * n * ~later,
        "wrong_variance~previous": mean + np.sqrt(betas[np.maximum(t - 2, 0)])[:, None] * later * n,
        "wrong_variance~complement": mean + a * n * later,
        "wrong_variance~signal": mean + keep * n * later,
        "forward_step": keep * x + np.sqrt(beta) * n,
        "forward_step~predicted": keep * x + np.sqrt(beta) * e,
        "renoised_to_the_same_t": a * x_0 + b * n,
        "renoised_to_the_same_t~masked": a * x_0 + b * n * later,
        "fresh_noise_from_x_0~ddim": before_a * x_0 + before_b * n * later,
        "returns_input": x,
    }
    for name, wrong in means.items():
        variants[name] = wrong + std * n
        variants[f"{name.split('~')[0]}~beta_{name}"] = wrong + other * n
        variants[f"{name.split('~')[0]}~at_1_{name}"] = wrong + np.sqrt(beta) * n
    return variants
