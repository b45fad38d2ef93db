"""Known mistakes in one reverse step: what each would return for a planted noise predictor, and the student's sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.checks.ddpm_tables import beta_deviations, predict_noise
from grader.model import Array


@dataclass(frozen=True, slots=True)
class StepInput:
    """What p_sample is given: x_t, noise (N, 2), the planted prediction for x_t at t, and t (N,)."""

    x: Array
    noise: Array
    predicted: Array
    t: Array


SENTENCES: Mapping[str, str] = {
    "noise_at_t_1": "noise is added at t = 1; the last step has none",
    "variance_for_std": "the noise is multiplied by a variance; a standard deviation is asked",
    "beta_for_std": "the noise is multiplied by β_t itself; a standard deviation is asked",
    "no_noise": "no noise is added at any t: this is the mean",
    "noise_not_scaled": "the noise is added without its standard deviation",
    "noise_not_scaled_at_t_1": "the noise is added without its standard deviation, also at t = 1",
    "forward_noise": "the noise has the standard deviation of x_t given x_0, not that of a step",
    "noise_subtracted": "the noise is subtracted; with the same noise the sample differs",
    "x_0_returned": "the predicted x_0 is returned, not a sample of x_{t−1}",
    "x_0_with_noise": "the noise is added to the predicted x_0; the posterior mean is missing",
    "prediction_for_x_0": "the predicted noise is used as if it were x_0",
    "prediction_subtracted": "the predicted noise is subtracted from x_t without weights",
    "means_exchanged": "x_t and the predicted x_0 have exchanged their weights in the mean",
    "renoised": "x_{t−1} is made by adding the given noise to the predicted x_0 as the forward process does",
    "deterministic": "x_{t−1} is made from the predicted x_0 and the predicted noise, without new noise (DDIM)",
    "eps_weight_without_root": "a square root is missing in the weight of the predicted noise",
    "eps_weight_beta": "the weight of the predicted noise is β_t; its denominator is missing",
    "eps_weight_root_beta": "the predicted noise has the weight of a single forward step",
    "no_rescaling": "the mean is not rescaled: the step also undoes the shrinking of the signal",
    "rescaled_without_root": "a square root is missing in the rescaling of the mean",
    "rescaled_by_alpha_bar": "the mean is rescaled by the signal's weight of all t steps, not of one",
    "eps_added": "the predicted noise is added, not subtracted",
    "time_one_too_low": "the network is asked for t − 1, not t",
    "time_one_too_high": "the network is asked for t + 1, not t",
    "clipped": "the predicted x_0 is clipped to [−1, 1]",
    "clipped_beta_variance": "the predicted x_0 is clipped to [−1, 1]",
}


def step_variants(given: StepInput, model: Mapping[str, Array], betas: Array, full: Mapping[str, Any]) -> dict[str, Array]:
    """Every known mistake's x_{t−1}, (N, 2), by its name; some come with the variance β_t as well ('name~beta')."""
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
        return m_t * x + m_0 * (at(full["predict"][0]) * x + at(full["predict"][1]) * wrong)

    means = {
        "x_0_with_noise": x_0,
        "prediction_for_x_0": m_t * x + m_0 * e,
        "prediction_subtracted": x - e,
        "means_exchanged": m_0 * x + m_t * x_0,
        "eps_weight_without_root": (x - beta / b**2 * e) / keep,
        "eps_weight_beta": (x - beta * e) / keep,
        "eps_weight_root_beta": (x - np.sqrt(beta) * e) / keep,
        "no_rescaling": x - beta / b * e,
        "rescaled_without_root": (x - beta / b * e) / keep**2,
        "rescaled_by_alpha_bar": (x - beta / b * e) / a,
        "eps_added": (x + beta / b * e) / keep,
        "time_one_too_low": told(t - 1),
        "time_one_too_high": told(t + 1),
        "clipped": m_t * x + m_0 * np.clip(x_0, -1, 1),
    }
    variants = {
        "noise_at_t_1": mean + np.sqrt(beta) * n,
        "variance_for_std": mean + std**2 * n,
        "beta_for_std": mean + beta * later * n,
        "no_noise": mean,
        "noise_not_scaled": mean + n * later,
        "noise_not_scaled_at_t_1": mean + n,
        "forward_noise": mean + b * n * later,
        "noise_subtracted": mean - std * n,
        "x_0_returned": x_0,
        "renoised": before_a * x_0 + before_b * n,
        "deterministic": before_a * x_0 + before_b * e,
        "beta_for_std~at_t_1": mean + beta * n,
        "forward_noise~at_t_1": mean + b * n,
        "noise_subtracted~beta": mean - other * n,
    }
    for name, wrong in means.items():
        variants[name] = wrong + std * n
        variants[f"{name}~beta"] = wrong + other * n
        variants[f"{name}~noise_at_t_1"] = wrong + np.sqrt(beta) * n
    variants["clipped_beta_variance"] = variants["clipped~beta"]
    return variants
