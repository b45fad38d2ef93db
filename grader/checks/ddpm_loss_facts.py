"""What one call of ddpm_loss under a planted predictor shows: the laws of t and noise, and the loss they imply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks.compare import Array
from grader.checks.ddpm_tables import predict_noise
from grader.model import Json
from grader.scoring.laws import independent_rows, standard_normal, uniform_counts

T = 9
"""Length of the hidden schedule."""


def loss_facts(
    reply: Mapping[str, Any], x_0: Array, full: dict[str, Any], model: dict[str, Array]
) -> tuple[dict[str, Json], Array | None]:
    value = reply["value"]
    usable = isinstance(value, np.ndarray) and value.size == 1 and bool(np.isfinite(value).all())
    facts: dict[str, Json] = {
        "n": len(x_0),
        "value": float(value.reshape(())) if usable else None,
        "kind": reply["kind"],
        "shape": list(value.shape) if isinstance(value, np.ndarray) else None,
        "is_tensor": reply["is_tensor"],
        "differentiable": reply["differentiable"],
        "calls": len(reply["x"]),
        "rows": [int(x.shape[0]) for x in reply["x"]][:20],
        "x_shape": list(reply["x"][0].shape) if reply["x"] else None,
        "t_shape": reply["t_shapes"][0] if reply["t_shapes"] else None,
        "t_distinct": 0,
        "changed": reply["changed"],
    }
    if facts["x_shape"] != list(x_0.shape) or not np.isfinite(reply["x"][0]).all():
        return facts, None
    x, asked = reply["x"][0].astype(np.float64), reply["t"][0].astype(np.float64)
    if asked.size not in (1, len(x)) or not np.isfinite(asked).all():
        return facts, None
    t = np.broadcast_to(asked, len(x))
    facts.update(_law_of_t(t))
    index = np.clip(np.rint(t), 0, T).astype(int)
    noise, inputs = _noise(x, x_0, index, full)
    facts["noise_surprise"] = _surprise(noise)
    facts["inputs"] = {name: _surprise(v) for name, v in inputs.items()}
    facts["other_t"] = _other_t(x, x_0, full)
    facts["noise_spread"] = _spread_by_t(noise, index)
    facts["noise_range"] = [float(noise.min()), float(noise.max())]
    facts["noise_shared"] = bool(np.abs(noise - noise[:1]).max() < 1e-3 or np.abs(noise[:, :1] - noise).max() < 1e-3)
    predicted = predict_noise(model, x, index)
    facts["mean_square"] = float(np.mean(predicted**2))
    facts["right"] = float(np.mean((noise - predicted) ** 2))
    facts["variants"] = _targets(noise, predicted, x, x_0, np.asarray(full["q"][1])[index][:, None])
    facts["weights"] = _weights(reply["gradient"], noise - predicted, index)
    facts["weighted"] = _weighted(facts["weights"], noise - predicted, index)
    return facts, noise


def _law_of_t(t: Array) -> dict[str, Json]:
    whole = bool(np.all(np.rint(t) == t))
    counts = [int(np.sum(t == k)) for k in range(T + 2)]
    return {
        "t_distinct": len(np.unique(t)),
        "t": t.tolist(),
        "t_whole": whole,
        "t_min": float(t.min()),
        "t_max": float(t.max()),
        "t_counts": counts,
        "t_surprise": float(uniform_counts(np.array(counts[1 : T + 1]))),
    }


def _noise(x: Array, x_0: Array, t: Array, full: dict[str, Any]) -> tuple[Array, dict[str, Array]]:
    """The noise that x_t holds, if it is made as it should be, and if it is made with each known mistake."""
    a, b = (np.asarray(c) for c in full["q"])

    def read(c: Array, i: Array) -> Array:
        found: Array = c[np.clip(i, 1, T)][:, None]
        return found

    with np.errstate(all="ignore"):
        s, r = read(a, t), read(b, t)
        wrong = {
            "t_shifted": (x - read(a, t + 1) * x_0) / read(b, t + 1),
            "t_shifted~late": (x - read(a, t - 1) * x_0) / read(b, t - 1),
            "model_sees_x_0": np.where(np.abs(x - x_0).max() < 1e-5, 0.0, np.nan) + 0 * x,
            "model_sees_noise": x,
            "root_missing_noise": (x - s * x_0) / r**2,
            "root_missing_signal": (x - s**2 * x_0) / r,
            "root_missing_both": (x - s**2 * x_0) / r**2,
            "signal_not_scaled": (x - x_0) / r,
            "coefficients_swapped": (x - r * x_0) / s,
        }
        return (x - s * x_0) / r, wrong


def _other_t(x: Array, x_0: Array, full: dict[str, Any]) -> float:
    """How far x_t is from a rightly noised x_0 whose t is uniform but unknown: by regression and residual variance."""
    a, b = (np.asarray(c)[1:] for c in full["q"])
    slope = float((x * x_0).sum() / (x_0**2).sum())
    spread = float(np.mean((x - slope * x_0) ** 2) / (np.mean(b**2) + np.var(a) * np.mean(x_0**2)))
    return max(abs(slope - float(a.mean())), abs(spread - 1))


def _spread_by_t(noise: Array, t: Array) -> float:
    """Ratio of the largest to the smallest standard deviation of the noise at one t: near 1 for one law at all t."""
    sizes = [float(noise[t == k].std()) for k in np.unique(t)]
    return max(sizes) / max(min(sizes), 1e-9)


def _surprise(noise: Array) -> float:
    """Of noise as independent standard normal draws; 0 for exact zeros, which only the clean input gives."""
    if not noise.any():
        return 0.0
    return max(standard_normal(noise), independent_rows(noise))


def _targets(noise: Array, predicted: Array, x: Array, x_0: Array, scale: Array) -> dict[str, float]:
    error = noise - predicted
    size = np.abs(error)
    values = {
        "target_is_x_t": np.mean((x - predicted) ** 2),
        "target_is_x_0": np.mean((x_0 - predicted) ** 2),
        "target_sign": np.mean((noise + predicted) ** 2),
        "not_squared": np.mean(size),
        "not_squared~huber": np.mean(np.where(size < 1, size**2 / 2, size - 0.5)),
        "root_of_the_loss": np.sqrt(np.mean(size**2)),
        "squared_norm": np.mean((size**2).sum(1) ** 2),
        "prediction_only": np.mean(predicted**2),
        "root_of_the_loss~rows": np.mean(np.sqrt((size**2).sum(1))),
        "target_is_the_difference": np.mean((x - x_0 - predicted) ** 2),
        "target_is_scaled_noise": np.mean((scale * noise - predicted) ** 2),
        "maximised": -np.mean(size**2),
        "not_squared~difference": np.mean(error),
    }
    return {name: float(v) for name, v in values.items()}


def _weights(gradient: object, error: Array, t: Array) -> list[float] | None:
    """Per t, the factor of its squared errors (mean 1/(2n) each), read from the gradient of the predictor's shift.

    None where the gradient is not that of a weighted sum of squared errors with positive weights.
    """
    if not isinstance(gradient, np.ndarray) or not np.isfinite(gradient).all():
        return None
    found = []
    for k in range(1, T + 1):
        right = -2 * error[t == k].sum(axis=0) / error.size
        given = gradient[k].astype(np.float64)
        if not (t == k).any():
            found.append(0.0)
            continue
        factor = float(given @ right / (right @ right))
        if factor <= 0 or np.abs(given - factor * right).max() > 2e-2 * factor * np.abs(right).max() + 1e-7:
            return None
        found.append(factor)
    return found


def _weighted(weights: Sequence[float] | None, error: Array, t: Array) -> float | None:
    """The loss that those weights make."""
    if weights is None:
        return None
    return float(sum(w * (error[t == k] ** 2).sum() for k, w in enumerate(weights, 1)) / error.size)


def known_bounds(betas: Array, full: dict[str, Any]) -> dict[str, list[float]]:
    """Weights of the squared noise error in known bounds, for either reverse variance, and by signal to noise.

    The posterior's own variance is 0 at t = 1, where β_1 stands for it.
    """
    weight_of_x_0, a, b = (np.asarray(full[k][i])[1:] for k, i in (("mean", 1), ("q", 0), ("q", 1)))
    ratio = b / a
    variance = np.where(np.arange(T) == 0, betas, np.asarray(full["variance"])[1:])
    weights = {
        "bound_beta": (weight_of_x_0 * ratio) ** 2 / betas,
        "bound_posterior": (weight_of_x_0 * ratio) ** 2 / variance,
        "unsquared_beta": weight_of_x_0**2 / betas**2 * ratio**2,
        "x_0": ratio**2,
        "signal_to_noise": 1 / ratio**2,
        "noise": b**2,
    }
    return {name: [float(w) for w in values] for name, values in weights.items()}
