"""Hidden schedules, and the reference's functions as tables over t: every one of them is linear in its tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.checks.compare import Array


def draw_betas(rng: np.random.Generator, T: int, low: float, high: float) -> Array:
    """A schedule (T,) that is neither linear nor monotone, in float64 rounded to float32."""
    rounded: Array = rng.uniform(low, high, T).astype(np.float32).astype(np.float64)
    return rounded


def gentle_betas(rng: np.random.Generator) -> Array:
    """Seven betas whose sum stays below 1, so that a sum in place of the product is no NaN."""
    return draw_betas(rng, 7, 0.03, 0.135)


def strong_betas(rng: np.random.Generator, T: int = 12) -> Array:
    """Betas after which hardly any signal is left."""
    return draw_betas(rng, T, 0.05, 0.5)


def reference_values(function: str, *args: Any) -> Array:
    """A function of reference/ddpm.py on numpy arguments, in float64 (integers stay)."""
    import torch

    from reference import ddpm as reference

    def tensor(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return torch.from_numpy(np.array(value, dtype=np.int64 if value.dtype.kind == "i" else np.float64))

    values: Array = getattr(reference, function)(*map(tensor, args)).numpy()
    return values


def tables(betas: Array) -> dict[str, Any]:
    """The reference as tables over t = 0..T (entry 0 is not used); `step` takes the posterior variance.

    betas, beta_bar: (T,); q, predict, mean: two coefficients each, (T+1,); variance (T+1,); step: of x_t, of the
    predicted noise, of the added noise.
    """
    T = len(betas)
    t, one, zero = np.arange(1, T + 1), np.ones((T, 1)), np.zeros((T, 1))

    def padded(values: Array) -> Array:
        return np.concatenate([[0.0], values.ravel()])

    def pair(function: str, *order: Any) -> list[Array]:
        """The two coefficients of a function; its tensors are numbered 0 and 1 in the order of its arguments."""

        def unit(place: Any, k: int) -> Any:
            if isinstance(place, int):
                return one if place == k else zero
            return place

        return [padded(reference_values(function, *(unit(place, k) for place in order))) for k in (0, 1)]

    predict = pair("predict_x_0", 0, t, betas, 1)
    mean = pair("posterior_mean", 0, 1, t, betas)
    variance = padded(reference_values("posterior_variance", t, betas))
    return {
        "betas": betas,
        "beta_bar": reference_values("beta_bar", betas),
        "q": pair("q_sample", 0, t, betas, 1),
        "predict": predict,
        "mean": mean,
        "variance": variance,
        "step": [mean[0] + mean[1] * predict[0], mean[1] * predict[1], np.sqrt(variance)],
    }


def beta_deviations(betas: Array) -> Array:
    """Standard deviations of the other accepted reverse variance: beta_t, and 0 at t = 1; (T+1,)."""
    deviations: Array = np.sqrt(np.concatenate([[0.0], betas]))
    deviations[1] = 0.0
    return deviations


def only(full: dict[str, Any], *names: str) -> dict[str, Any]:
    """Some of the tables: those planted for the functions that a student's function may call."""
    return {name: full[name] for name in ("betas", *names)}


def hidden_predictor(rng: np.random.Generator, full: dict[str, Any], spread: float) -> dict[str, Array]:
    """A planted noise predictor for points in the plane; the x_0 that it implies is near points of that spread.

    slope (T+1,), shift (T+1, 2), matrix (2, 2), as drivers/ddpm.py takes them.
    """
    a, b = (np.asarray(c) for c in full["q"])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.nan_to_num(1 / b, nan=0.0, posinf=0.0)
        ratio = np.nan_to_num(a / b, nan=0.0, posinf=0.0)
    target = rng.uniform(0.5, 1.0, (len(a), 2)) * rng.choice([-1, 1], (len(a), 2)) * spread
    shift = -ratio[:, None] * target
    matrix = rng.normal(0, 0.05, (2, 2))
    return {"slope": slope, "shift": shift, "matrix": matrix}


def predict_noise(model: dict[str, Array], x: Array, t: Array) -> Array:
    """What the planted predictor returns for x (N, 2) and t (N,)."""
    noise: Array = model["slope"][t][:, None] * x + model["shift"][t] + x @ model["matrix"]
    return noise
