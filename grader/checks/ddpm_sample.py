"""sample under the exact noise predictor of a Gaussian: every step, the start, the end, and the moments are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from grader.checks.compare import Array
from grader.checks.ddpm_sample_judge import SAMPLES, UPDATES, T, judge_sample
from grader.checks.ddpm_tables import beta_deviations, draw_betas, only, predict_noise, tables
from grader.checks.isolated import measure_isolated
from grader.checks.registry import Bench, Record, check
from grader.model import Json
from grader.scoring.laws import independent_rows, standard_normal, surprise

LEAST_CHUNK = 16
"""Samples at a time below which a sampler in chunks is a Python loop over the samples."""
FEW = 5
"""Samples of the two calls that differ only by the seed, so that a start that is always the same shows."""
PLANTED = ("beta_bar", "q", "predict", "mean", "variance", "step")


@check("ddpm.sample", module="hw5_ddpm", driver="stand_in+ddpm")
def sample(bench: Bench, record: Record) -> None:
    """sample starts from N(0, I), visits T..1 and ends without noise: an exact predictor gives its Gaussian"""
    betas = draw_betas(bench.rng, T, 0.08, 0.4)
    full = tables(betas)
    centre, spread = bench.rng.uniform(1.3, 1.8, 2) * bench.rng.choice([-1, 1], 2), bench.rng.uniform(0.2, 0.4)
    model = _exact_predictor(full, centre, spread)

    def measure(mode: str, planted: Mapping[str, Any] | None) -> Json:
        return _measure(bench, record, mode, betas, full, model, planted)

    measure_isolated(record, measure, only(full, *PLANTED))


def _exact_predictor(full: Mapping[str, Any], centre: Array, spread: float) -> dict[str, Array]:
    """E[noise | x_t] where x_0 is N(centre, spread² I): the noise's share of the variance of x_t, regressed on x_t."""
    a, b = (np.asarray(c) for c in full["q"])
    total = a**2 * spread**2 + b**2
    slope = np.divide(b, total, out=np.zeros_like(b), where=total > 0)
    return {"slope": slope, "shift": -(slope * a)[:, None] * centre, "matrix": np.zeros((2, 2))}


def _measure(
    bench: Bench,
    record: Record,
    mode: str,
    betas: Array,
    full: dict[str, Any],
    model: dict[str, Array],
    planted: Any,
) -> dict[str, Json]:
    given = {k: v.astype(np.float32) for k, v in model.items()}
    seed = int(bench.rng.integers(2**31))
    reply = bench.call("planted_sample", given, SAMPLES, betas.astype(np.float32), seed, tables=planted)
    single = bench.call("planted_sample", given, 1, betas.astype(np.float32), seed + 1, tables=planted)
    twice = [
        bench.call("planted_sample", given, FEW, betas.astype(np.float32), seed + k, tables=planted) for k in (2, 3)
    ]
    starts = [r["x"][0] for r in twice if r["x"]]
    reply = _joined(reply)
    value = reply["value"]
    facts: dict[str, Json] = {
        "shape": _shape(value),
        "kind": reply["kind"],
        "single_shape": _shape(single["value"]),
        "same_start": len(starts) == 2 and bool(np.array_equal(starts[0], starts[1])),
        "finite": isinstance(value, np.ndarray) and bool(np.isfinite(value).all()),
        "calls": len(reply["x"]),
        "rows": [int(x.shape[0]) if x.ndim else 0 for x in reply["x"]][: 3 * T],
        "told": [_told(t) for t in reply["t"]][: 3 * T],
    }
    xs = reply["x"]
    if not xs or any(x.shape != (SAMPLES, 2) or not np.isfinite(x).all() for x in xs):
        return facts
    start = xs[0].astype(np.float64)
    facts["start"] = {
        "surprise": max(standard_normal(start), independent_rows(start)),
        "shared": bool(np.all(start == start[:1]) or np.all(start == start[:, :1])),
        "zero": bool(not start.any()),
        "range": [float(start.min()), float(start.max())],
        "std": float(start.std()),
        "mean": float(start.mean()),
    }
    if facts["told"] != list(range(T, 0, -1)) or facts["shape"] != [SAMPLES, 2] or not facts["finite"]:
        return facts
    record.array(f"samples_{mode}", value.astype(np.float32))
    path = [*(x.astype(np.float64) for x in xs), value.astype(np.float64)]
    facts["steps"] = _steps(path, betas, full, model)
    facts["moments"] = _moments(path[-1], betas, full, model)
    return facts


def _joined(reply: dict[str, Any]) -> dict[str, Any]:
    """The calls of a sampler that works in chunks, as if all samples had been asked about at once; else as they are.

    A chunk runs through all its steps before the next one begins.
    """
    rows = [int(x.shape[0]) if x.ndim else 0 for x in reply["x"]]
    chunks = [slice(k, k + T) for k in range(0, len(rows), T)]
    sizes = [rows[c][0] for c in chunks]
    even = all(set(rows[c]) == {n} for c, n in zip(chunks, sizes, strict=True))
    if len(rows) % T or not even or sum(sizes) != SAMPLES or min(sizes[:-1], default=0) < LEAST_CHUNK:
        return reply
    times = [np.broadcast_to(t, n) if t.size == 1 else t for t, n in zip(reply["t"], rows, strict=True)]
    x = [np.concatenate([reply["x"][c][k] for c in chunks]) for k in range(T)]
    return {**reply, "x": x, "t": [np.concatenate([times[c][k] for c in chunks]) for k in range(T)]}


def _shape(value: object) -> list[int] | None:
    return list(value.shape) if isinstance(value, np.ndarray) else None


def _told(t: Array) -> float | None:
    """The one t that a call was told; None where its samples were told different ones."""
    return float(t.flat[0]) if t.size and np.all(t == t.flat[0]) and np.isfinite(t.flat[0]) else None


def _steps(path: Sequence[Array], betas: Array, full: dict[str, Any], model: dict[str, Array]) -> dict[str, Json]:
    """Each step less its mean, in units of each accepted standard deviation; the last step less its mean."""
    residuals, predicted = [], []
    for x, after, t in zip(path[:-1], path[1:], range(T, 0, -1), strict=True):
        p, q = float(full["step"][0][t]), float(full["step"][1][t])
        predicted.append(predict_noise(model, x, np.full(len(x), t)))
        residuals.append(after - p * x - q * predicted[-1])
    noisy = np.stack(residuals[:-1])
    deviations = {"posterior": np.asarray(full["step"][2]), "beta": beta_deviations(betas)}
    surprises = {}
    for name, deviation in deviations.items():
        z = noisy / deviation[T:1:-1][:, None, None]
        flat = z.reshape(len(z), -1)
        drift = _drift(z, np.stack(predicted[:-1]))
        surprises[name] = max(drift, standard_normal(z), independent_rows(flat), *(standard_normal(s) for s in z))
    unit = noisy / deviations["posterior"][T:1:-1][:, None, None]
    deviations["forward"] = np.append(0.0, np.asarray(full["q"][1])[:-1])
    scale = float(np.sqrt(np.mean(unit**2)))
    end, mean_1 = path[-1], path[-1] - residuals[-1]
    names = ["x_T, its start", *(f"x_{t}" for t in range(T - 1, 0, -1))]
    returned = [n for n, x in zip(names, path[:-1], strict=True) if np.abs(x - end).max() < 1e-6]
    edge = max(float(np.abs(end).max()), 1e-9)
    return {
        "scale": scale,
        "scale_surprise": standard_normal(unit / max(scale, 1e-9)),
        "bounded": bool(max(np.abs((step - step.mean()) / max(step.std(), 1e-9)).max() for step in unit) < 1.9),
        "updates": {name: _surprises(_steps_by(path, full, model, betas, name), deviations) for name in UPDATES},
        "returns": returned[0] if returned else None,
        "clamped": bool(np.abs(np.clip(mean_1, -edge, edge) - end).max() < 1e-5),
        "affine": _affine_error(mean_1, end),
        "surprises": surprises,
        "largest": float(np.abs(noisy).max()),
        "per_step": [float(step.std()) for step in unit],
        "shared": bool(np.abs(noisy - noisy[:, :1]).max() < 1e-4 or np.abs(noisy - noisy[:, :, :1]).max() < 1e-4),
        "repeated": bool(np.abs(unit - unit[:1]).max() < 1e-3),
        "last": float(np.abs(residuals[-1]).max()),
        "last_std": float(residuals[-1].std()),
    }


def _steps_by(path: Sequence[Array], full: dict[str, Any], model: dict[str, Array], betas: Array, name: str) -> Array:
    """The noisy steps less the mean that a mistaken update would have, (T − 1, n, 2)."""
    found = []
    for x, after, t in zip(path[:-2], path[1:-1], range(T, 1, -1), strict=True):
        e = predict_noise(model, x, np.full(len(x), t))
        beta, keep, b = betas[t - 1], np.sqrt(1 - betas[t - 1]), float(full["q"][1][t])
        x_0 = float(full["predict"][0][t]) * x + float(full["predict"][1][t]) * e
        means = {
            "root_missing_noise": (x - beta / b**2 * e) / keep,
            "signal_not_scaled": x - beta / b * e,
            "noise_sign": (x + beta / b * e) / keep,
            "fresh_noise_from_x_0": float(full["q"][0][t - 1]) * x_0,
        }
        found.append(after - means[name])
    return np.stack(found)


def _drift(z: Array, predicted: Array) -> float:
    """Surprise of the correlation of normal steps with the predicted noise, (T − 1, n, 2) each: a wrong mean."""
    scores = np.abs((z * predicted).sum(axis=(1, 2))) / np.sqrt((predicted**2).sum(axis=(1, 2)))
    return surprise(min(1.0, len(scores) * 2 * float(norm.sf(scores.max()))))


def _surprises(noisy: Array, deviations: Mapping[str, Array]) -> list[float]:
    """Of those steps as independent normal draws, for each accepted variance and for that of the forward process."""
    return [standard_normal(noisy / d[T:1:-1][:, None, None]) for d in deviations.values()]


def _affine_error(x: Array, y: Array) -> float:
    """Largest difference of y from its best fit a·x + c, each coordinate by itself, relative to the spread of y."""
    errors = []
    for k in range(2):
        design = np.stack([x[:, k], np.ones(len(x))], axis=1)
        fit = design @ np.linalg.lstsq(design, y[:, k], rcond=None)[0]
        errors.append(float(np.abs(fit - y[:, k]).max() / max(y[:, k].std(), 1e-9)))
    return max(errors)


def _moments(found: Array, betas: Array, full: dict[str, Any], model: dict[str, Array]) -> dict[str, float]:
    """Largest deviation of the samples' mean and variance from those of the exact chain, in standard errors."""
    scores = {}
    for name, deviation in (("posterior", np.asarray(full["step"][2])), ("beta", beta_deviations(betas))):
        mean, variance = np.zeros(2), 1.0
        for t in range(T, 0, -1):
            p, q = float(full["step"][0][t]), float(full["step"][1][t])
            slope = p + q * model["slope"][t]
            mean, variance = slope * mean + q * model["shift"][t], slope**2 * variance + deviation[t] ** 2
        n = len(found)
        z_mean = (found.mean(0) - mean) / np.sqrt(variance / n)
        z_variance = (((found - mean) ** 2).sum(0) / variance - n) / np.sqrt(2 * n)
        scores[name] = float(max(np.abs(z_mean).max(), np.abs(z_variance).max()))
    return scores


sample.judge(judge_sample)
