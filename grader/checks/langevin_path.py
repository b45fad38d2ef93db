"""What recorded calls of a planted score say of a Langevin sampler: the path, its steps, its noise."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grader.checks.score_plants import plant_score
from grader.model import Json
from grader.scoring.laws import independent_rows, standard_normal

Floats = NDArray[np.float64]


def step_size(eps: float, sigma: Floats, last: float) -> Floats:
    """α_i = ε σ_i²/σ_L² (handout; Song & Ermon 2019, algorithm 1)."""
    alpha: Floats = eps * sigma**2 / last**2
    return alpha


def step_sizes_by_mistake(eps: float, sigmas: Floats) -> dict[str, Floats]:
    """Step sizes per level with one mistake each."""
    last, first = sigmas[-1], sigmas[0]
    right = step_size(eps, sigmas, last)
    return {
        "half_drift": right / 2,
        "alpha_doubled": right * 2,
        "alpha_constant": np.full_like(sigmas, eps),
        "alpha_not_squared": eps * sigmas / last,
        "alpha_by_first_sigma": eps * sigmas**2 / first**2,
        "alpha_inverse": eps * last**2 / sigmas**2,
        "alpha_not_divided": eps * sigmas**2,
        "alpha_root": np.sqrt(right),
        "drift_missing": np.zeros_like(sigmas),
        "drift_sign": -right,
        "drift_root": np.sqrt(2 * right),
        "drift_scaled": right * sigmas**2,
        "drift_scaled:sigma": right * sigmas,
        "drift_scaled:divided": right / sigmas,
    }


NAMES = {
    "half_drift": "The step along the score is α/2; the handout's is α.",
    "alpha_doubled": "The step along the score is 2α; the handout's is α.",
    "alpha_constant": "The step size is ε for every noise level; the handout's α_i depends on σ_i.",
    "alpha_not_squared": "α_i grows with σ_i; the handout's ratio of noise levels is squared.",
    "alpha_by_first_sigma": "α_i is relative to the largest noise level; the handout's to the smallest, σ_L.",
    "alpha_inverse": "The ratio of noise levels in α_i is upside down.",
    "alpha_not_divided": "The division by σ_L² is missing in α_i.",
    "alpha_root": "The step along the score is √α; the handout's is α.",
    "drift_missing": "The score has no part in the update.",
    "drift_sign": "The update goes against the score; it must go along it.",
    "drift_root": "The step along the score is √(2α), which belongs to the noise; the handout's is α.",
    "drift_scaled": "The step along the score has a factor σ² too many; the handout's is α.",
    "drift_scaled:sigma": "The step along the score has a factor σ too many; the handout's is α.",
    "drift_scaled:divided": "The step along the score is divided by σ; the handout's is α.",
}


def arranged(rows: list[int], x: Floats, sigma: Floats, n: int) -> tuple[Floats, Floats, bool] | None:
    """Points (steps, n, 2) and levels (steps,) of each network call, and whether samples came one at a time.

    None when the calls don't make whole steps of n samples.
    """
    if len(x) == 0 or len(x) % n:
        return None
    steps = len(x) // n
    if all(r == n for r in rows):
        levels = sigma.reshape(steps, n)
        return (x.reshape(steps, n, 2), levels[:, 0], False) if np.allclose(levels, levels[:, :1]) else None
    if any(r != 1 for r in rows):
        return None
    by_step, by_sample = sigma.reshape(steps, n), sigma.reshape(n, steps)
    if np.allclose(by_sample, by_sample[:1]):
        return x.reshape(n, steps, 2).transpose(1, 0, 2), by_sample[0], True
    if np.allclose(by_step, by_step[:, :1]):
        return x.reshape(steps, n, 2), by_step[:, 0], True
    return None


def updates(path: Floats, levels: Floats, sigmas: Floats, plant: Mapping[str, Floats], eps: float) -> dict[str, Json]:
    """Step size and noise scale of each level by regression, and the residual noise under the right step."""
    if not np.isfinite(path).all():
        return {"finite": False}
    index = np.abs(np.log(np.maximum(levels, 1e-30)[:, None] / sigmas)).argmin(1)
    n = path.shape[1]
    drift, z = [], []
    alpha = step_size(eps, sigmas, float(sigmas[-1]))
    for step, k in enumerate(index[: len(path) - 1]):
        score = plant_score(plant, path[step], np.full(n, levels[step]))
        change = path[step + 1] - path[step]
        z.append((change - alpha[k] * score) / np.sqrt(2 * alpha[k]))
        drift.append((float((change * score).sum()), float((score**2).sum())))
    sizes, scales = [], []
    for k in range(len(sigmas)):
        own = [i for i in range(len(drift)) if index[i] == k]
        top, bottom = sum(drift[i][0] for i in own), sum(drift[i][1] for i in own)
        sizes.append(top / bottom if bottom else 0.0)
        left = []
        for i in own:
            score = plant_score(plant, path[i], np.full(n, levels[i]))
            left.append(path[i + 1] - path[i] - sizes[k] * score)
        scales.append(float(np.concatenate(left).std()) if left else 0.0)
    residual = np.stack(z) if z else np.zeros((0, n, 2))
    mistakes = step_sizes_by_mistake(eps, sigmas)
    gaps = {
        name: float((np.abs(np.array(sizes) - v) / np.maximum(np.abs(alpha), 1e-12)).max())
        for name, v in mistakes.items()
    }
    closest = min(gaps, key=lambda name: gaps[name])
    right_scale = np.sqrt(2 * alpha)
    spread = np.array(scales)
    return {
        "finite": True,
        "step_error": float((np.abs(np.array(sizes) - alpha) / alpha).max()),
        "closest": closest,
        "closest_error": gaps[closest],
        "noise_error": float((np.abs(spread - right_scale) / right_scale).max()),
        "noise_ratio": float(np.median(spread / right_scale)),
        "noise_ratios": (spread / right_scale).tolist(),
        "alpha": alpha.tolist(),
        "noise_surprise": standard_normal(residual) if residual.size else 0.0,
        "order_surprise": _correlation(residual),
        "shared_noise": bool(residual.size and np.ptp(residual, axis=1).max() < 1e-2),
        "same_coordinates": bool(residual.size and np.abs(residual[..., 0] - residual[..., 1]).max() < 1e-2),
        "clamped": float((np.abs(path[1:]) >= np.abs(path[1:]).max() - 1e-6).mean()) > 0.1,
        "restarts": _restarts(residual, index),
        "last_quiet": bool(residual.size and residual[-1].std() < 0.05),
        "residual_std": [float(r.std()) for r in residual],
    }


def _shifted(moved: Floats, path: Floats) -> float:
    return float(np.abs(moved[: len(path) - 1] - path[1:]).max())


def _restarts(residual: Floats, index: NDArray[np.int_]) -> bool:
    """Whether the updates are right inside each level, and wrong from one level to the next."""
    crossing = index[: len(residual)] != np.append(index[1:], index[-1])[: len(residual)]
    spread = np.array([float(r.std()) for r in residual])
    if not crossing.any() or crossing.all():
        return False
    return bool(np.abs(spread[~crossing] - 1).max() < 0.25 and np.abs(spread[crossing] - 1).min() > 0.5)


def _correlation(residual: Floats) -> float:
    """Surprise of the correlation of the noise over time and over samples."""
    if len(residual) < 2:
        return 0.0
    return max(independent_rows(residual[..., c]) for c in range(2))


def trajectory_facts(value: Floats, path: Floats, n: int, steps: int) -> dict[str, Json]:
    """How a returned trajectory agrees with the points that the network was asked for, (steps, n, 2)."""
    shape = list(value.shape)
    facts: dict[str, Json] = {"shape": shape}
    if value.ndim == 3 and shape[0] != n and shape[1] == n and shape[2] == 2:
        facts["transposed"] = shape[0] > 2
        return facts
    if value.ndim != 3 or shape[0] != n or shape[2] != 2:
        return facts
    length = shape[1]
    moved = value.transpose(1, 0, 2)
    facts["length"] = length
    facts["aliased"] = bool(length > 1 and np.abs(moved - moved[-1:]).max() == 0)
    repeats = sum(bool(np.abs(a - b).max() == 0) for a, b in pairwise(moved))
    facts["repeats"] = repeats
    errors = {}
    if length == steps:
        errors["without_start"] = float(np.abs(moved[:-1] - path[1:]).max())
        errors["without_end"] = float(np.abs(moved - path).max())
    if length == steps + 1:
        errors["with_start"] = float(np.abs(moved[:-1] - path).max())
    if length in (steps, steps + 1):
        backwards = moved[::-1][-len(path) :] if length == steps + 1 else moved[::-1]
        facts["reversed"] = bool(min(np.abs(backwards[-len(path) :] - path).max(), _shifted(backwards, path)) < 1e-4)
    facts["errors"] = {k: v for k, v in errors.items() if np.isfinite(v)}
    return facts
