"""Planted score networks, training points and noise levels of the score track, and the catalogue of mistaken losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from grader.checks.registry import StudentFailure
from reference.score import denoising_loss

Floats = NDArray[np.float64]
Form = TypeVar("Form")
Answer = TypeVar("Answer")

POINTS = 150


def draw_plant(rng: np.random.Generator, *, linear: float, shift: float, height: float) -> dict[str, Floats]:
    """A planted score x Aᵀ + shift/σ + height sin(x Wᵀ + phase), with coefficients of the given sizes."""
    plant = {
        "linear": rng.uniform(0.5, 1.0, size=(2, 2)) * rng.choice([-1, 1], size=(2, 2)) * linear,
        "shift": rng.uniform(0.5, 1.0, size=2) * rng.choice([-1, 1], size=2) * shift,
        "height": rng.uniform(0.5, 1.0, size=2) * rng.choice([-1, 1], size=2) * height,
        "wave": rng.uniform(0.5, 1.5, size=(2, 2)) * rng.choice([-1, 1], size=(2, 2)),
        "phase": rng.uniform(0, 6, size=2),
    }
    return {name: value.astype(np.float32).astype(np.float64) for name, value in plant.items()}


def plant_score(plant: Mapping[str, Floats], x: Floats, sigma: Floats) -> Floats:
    """The planted score at x (N, 2), sigma (N,): (N, 2)."""
    wave = np.sin(x @ plant["wave"].T + plant["phase"])
    score: Floats = x @ plant["linear"].T + plant["shift"] / sigma[:, None] + plant["height"] * wave
    return score


def as_float32(plant: Mapping[str, Floats]) -> dict[str, NDArray[np.float32]]:
    """The plant as it travels to the student process."""
    return {name: value.astype(np.float32) for name, value in plant.items()}


def scattered_points(rng: np.random.Generator) -> Floats:
    """POINTS places on a grid so wide that x̃ tells which x it came from, in random order, with jitter."""
    side = int(np.ceil(np.sqrt(POINTS)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)[:POINTS] * 4.0
    points = rng.permutation(grid - grid.mean(0)) + rng.uniform(-0.4, 0.4, size=(POINTS, 2))
    return points.astype(np.float32).astype(np.float64)


def noise_levels(rng: np.random.Generator, largest: float, smallest: float, count: int) -> Floats:
    """Descending noise levels between about `largest` and `smallest`, no two ratios alike."""
    steps = rng.uniform(0.7, 1.3, size=count - 1)
    ladder = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])
    levels = largest * (smallest / largest) ** ladder * rng.uniform(0.95, 1.05)
    return np.asarray(levels, dtype=np.float32).astype(np.float64)


def losses_by_mistake(s: Floats, x: Floats, x_tilde: Floats, sigma: Floats) -> dict[str, float]:
    """What the loss of these recorded rows would be with one mistake each. Shapes (N, 2), (N,); includes 'right'."""
    d, v = x_tilde - x, sigma[:, None]
    each = denoising_loss(*(torch.from_numpy(a) for a in (s, x, x_tilde, v))).numpy()
    right = float(each.mean())

    def loss(target: Floats, weight: Floats) -> float:
        return float((0.5 * weight * (s + target) ** 2).sum(1).mean())

    norm = np.sqrt(((s + d / v**2) ** 2).sum(1))
    found = {
        "right": right,
        "halved": right / 2,
        "factor_half_missing": right * 2,
        "summed_over_data": right * len(x),
        "summed_doubled": right * len(x) * 2,
        "quartered": right / 4,
        "lambda_missing": loss(d / v**2, np.ones_like(v)),
        "lambda_not_squared": loss(d / v**2, v),
        "lambda_not_squared:fourth": loss(d / v**2, v**4),
        "lambda_inverse": loss(d / v**2, 1 / v**2),
        "target_sign": loss(-d / v**2, v**2),
        "target_over_sigma": loss(d / v, v**2),
        "target_undivided": loss(d, v**2),
        "target_fourth": loss(d / v**4, v**2),
        "wrong_target:x_tilde": loss(x_tilde / v**2, v**2),
        "norm_not_squared": float((0.5 * sigma**2 * norm).mean()),
        "norm_not_squared:absolute": float((0.5 * v**2 * np.abs(s + d / v**2)).sum(1).mean()),
        "no_target": loss(np.zeros_like(d), v**2),
        "summed_before_square": float((0.5 * sigma**2 * (s + d / v**2).sum(1) ** 2).mean()),
        "score_times_sigma": float((0.5 * v**2 * (s * v + d / v**2) ** 2).sum(1).mean()),
        "wrong_target": loss(-x, v**2),
        "wrong_target:noise": loss(-d / v, v**2),
        "maximised": -right,
        "not_the_mean": float(each.max()),
        "not_the_mean:median": float(np.sort(each)[(len(each) - 1) // 2]),
        "broadcast_n_by_n": float(0.5 * (sigma**2).mean() * ((s + d / v**2) ** 2).sum(1).mean()),
        "coordinate_missing": float((0.5 * v[:, 0] ** 2 * (s + d / v**2)[:, 0] ** 2).mean()),
    }
    scaled = {
        f"{name}/{scale}": value * factor
        for name, value in found.items()
        for scale, factor in (("halved", 0.5), ("factor_half_missing", 2.0), ("summed_over_data", float(len(x))))
        if name not in ("right", "halved", "factor_half_missing", "summed_over_data", "quartered", "summed_doubled")
    }
    return found | scaled


NAMES = {
    "factor_half_missing": "The factor ½ is missing.",
    "summed_over_data": "The loss is summed over the data; the handout takes the mean.",
    "summed_doubled": "The loss is summed over the data and lacks the factor ½; the handout takes the mean.",
    "quartered": "The loss is a quarter of what its points and noise levels imply: look at ½ and at the mean.",
    "lambda_missing": "The weight λ(σ) = σ² is missing.",
    "lambda_not_squared": "The weight is σ; the handout has λ(σ) = σ².",
    "lambda_not_squared:fourth": "The weight is σ⁴; the handout has λ(σ) = σ².",
    "lambda_inverse": "The weight is 1/σ²; the handout has λ(σ) = σ².",
    "target_sign": "A sign is wrong: the score and (x̃ − x)/σ² cancel where the network is right, so they are added.",
    "target_over_sigma": "x̃ − x is divided by σ; the handout divides it by σ².",
    "target_undivided": "x̃ − x is not divided by σ².",
    "wrong_target": "The target is x; the handout's is −(x̃ − x)/σ².",
    "wrong_target:noise": "The target is the noise z with the wrong sign and scale; the handout's is −(x̃ − x)/σ².",
    "maximised": "The loss has the wrong sign: minimizing it drives the score away from its target.",
    "not_the_mean": "The largest loss is taken in the place of the mean over the data.",
    "not_the_mean:median": "The median is taken in the place of the mean over the data.",
    "target_fourth": "x̃ − x is divided by σ⁴; the handout divides it by σ².",
    "wrong_target:x_tilde": "The target uses x̃ alone, the handout has x̃ − x.",
    "norm_not_squared": "The norm is not squared.",
    "norm_not_squared:absolute": "Absolute values are summed; the handout has the squared norm.",
    "no_target": "The target (x̃ − x)/σ² has no part in the loss: only the network's output is squared.",
    "summed_before_square": "The two coordinates are added before they are squared; the norm squares each first.",
    "score_times_sigma": "The network's output is multiplied by σ, but the target is not.",
    "broadcast_n_by_n": "Shapes (N, 1) and (N,) meet and make an N × N table: every weight λ(σ) meets every sample.",
    "coordinate_missing": "Only one of the two coordinates enters the loss.",
}


def in_any_form(forms: Iterable[Form], call: Callable[[Form], Answer]) -> tuple[Form, Answer]:
    """The first form of the arguments (tensor, array, list) under which the student's code runs, and its answer.

    Raises the first StudentFailure where no form does, or where one is no exception (a crash, a time limit).
    """
    first: StudentFailure | None = None
    for form in forms:
        try:
            return form, call(form)
        except StudentFailure as fault:
            first = first or fault
            if fault.failure.kind != "exception":
                break
    assert first is not None
    raise first
