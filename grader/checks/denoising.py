"""5.2 Denoising loss: a planted network records (x̃, σ); what the loss must be follows from them exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks.denoising_judge import judge_denoising
from grader.checks.registry import Bench, Record, StudentFailure, check
from grader.checks.score_plants import (
    POINTS,
    Floats,
    as_float32,
    draw_plant,
    in_any_form,
    losses_by_mistake,
    noise_levels,
    plant_score,
    scattered_points,
)
from grader.scoring.laws import CAP, best_law, independent_rows, standard_normal, uniform_counts

LEVELS, CALLS = 6, 30
POWERS = {"sigma": 1.0, "square": 2.0, "root": 0.5, "none": 0.0}
"""Exponents of σ that the scale of the noise may have."""
INPUT_FORMS = (("tensor", "tensor"), ("tensor", "array"), ("array", "array"), ("tensor", "list"), ("array", "tensor"))


@check("score.denoising_loss", module="hw5_diffusion", driver="stand_in+score")
def denoising(bench: Bench, record: Record) -> None:
    """compute_denoising_loss is the handout's loss of the noisy points that it shows the network"""
    x, sigmas = scattered_points(bench.rng), noise_levels(bench.rng, 0.4, 0.06, LEVELS)
    plant = draw_plant(bench.rng, linear=0.05, shift=0.6, height=1.5)
    seed = int(bench.rng.integers(2**31))

    def losses(forms: tuple[str, str]) -> list[dict[str, Any]]:
        data = (x.astype(np.float32), sigmas.astype(np.float32))
        seen: list[dict[str, Any]] = bench.call("record_losses", as_float32(plant), *data, list(forms), CALLS, seed)
        return seen

    forms, calls = in_any_form(INPUT_FORMS, losses)
    record(forms=list(forms), rows=[len(c["x"]) for c in calls], network_calls=[len(c["rows"]) for c in calls])
    last = calls[-1]
    record(loss_shape=last["loss_shape"], is_tensor=last["is_tensor"], has_gradient=last["has_gradient"])
    record(data_kept=all(c["data_kept"] for c in calls), sigma_shapes=sorted(map(list, last["shapes"])))
    if any(s == [POINTS] for s in last["shapes"]):
        record(flat_sigmas_taken=_takes_flat_sigmas(bench))
    full = [c for c in calls if len(c["x"]) == POINTS]
    if len(full) == len(calls):
        _draws(record, calls, x, sigmas)
        _values(record, calls, x, plant)
    elif all(len(c["x"]) == POINTS * LEVELS for c in calls):
        record(every_level=True)


def _takes_flat_sigmas(bench: Bench) -> bool:
    """Whether the student's own ScoreNet gives the same scores for sigmas (N,) as for (N, 1)."""
    x = bench.rng.normal(size=(5, 2)).astype(np.float32)
    sigmas = bench.rng.uniform(0.1, 0.5, 5).astype(np.float32)
    try:
        flat, column = (np.asarray(s) for s in bench.call("own_outputs", x, [sigmas, sigmas[:, None]]))
    except StudentFailure:
        return False
    return flat.shape == column.shape and bool(np.allclose(flat, column, rtol=1e-4, atol=1e-5))


def _rows(seen: Mapping[str, Any], x: Floats) -> tuple[Floats, Floats, Floats, bool]:
    """(x, x̃, σ) of one call's rows, in the order of the network's calls, and whether each x was visited once."""
    x_tilde, sigma = np.asarray(seen["x"], np.float64), np.asarray(seen["sigma"], np.float64)
    if np.abs(x_tilde - x).max() < 2.0:
        return x, x_tilde, sigma, True
    order = ((x_tilde[:, None] - x[None]) ** 2).sum(-1).argmin(1)
    if len(set(order.tolist())) == len(x):
        return x[order], x_tilde, sigma, True
    return x, x_tilde, sigma, False


def _draws(record: Record, calls: Sequence[Mapping[str, Any]], x: Floats, sigmas: Floats) -> None:
    """What the recorded rows say of the noise levels and of the noise."""
    rows = [_rows(c, x) for c in calls]
    sigma = np.concatenate([r[2] for r in rows])
    d = np.concatenate([r[1] - r[0] for r in rows])
    off = np.abs(np.log(np.maximum(sigma, 1e-30)[:, None] / sigmas)).min(1)
    nearest = np.abs(np.log(np.maximum(sigma, 1e-30)[:, None] / sigmas)).argmin(1)
    counts = np.bincount(nearest, minlength=LEVELS).astype(np.float64)
    laws: dict[str, Floats] = {"uniform": np.ones(LEVELS), "sigma": sigmas, "square": sigmas**2, "inverse": 1 / sigmas}
    z = d / sigma[:, None]
    deviations = [float(d[nearest == k].std()) if (nearest == k).any() else 0.0 for k in range(LEVELS)]
    sizes = np.array([s if s > 0 else 1e-30 for s in deviations])
    filled = np.array(deviations) > 0
    slope, bend = _power(sigmas[filled], sizes[filled])
    powers = {name: abs(slope - power) for name, power in POWERS.items()}
    record(
        each_point_once=all(r[3] for r in rows),
        off_level=float(off.max()),
        per_batch=bool(all(len(np.unique(r[2])) == 1 for r in rows)),
        counts=[int(c) for c in counts],
        levels_surprise=uniform_counts(counts),
        levels_law=best_law(counts, laws),
        same_levels=bool(all(np.array_equal(r[2], rows[0][2]) for r in rows[1:])),
        batch_levels=len(np.unique(nearest)),
        functions=_function_of_level(sigma, sigmas),
        same_draws=bool(all(np.allclose(r[1], rows[0][1]) for r in rows[1:])),
        clean=bool(np.abs(d).max() < 1e-5),
        noise_surprise=max(standard_normal(z), independent_rows(z) if np.isfinite(z).all() else CAP),
        noise_scale=min(powers, key=lambda name: powers[name]),
        noise_scale_error=max(min(powers.values()), bend),
        noise_mean=z.mean(0).tolist(),
        noise_std=float(z.std()),
        same_noise=bool(np.ptp(z.reshape(len(rows), -1, 2), axis=1).max() < 1e-2),
        same_coordinates=bool(np.abs(z[:, 0] - z[:, 1]).max() < 1e-2),
    )


def _power(sigmas: Floats, sizes: Floats) -> tuple[float, float]:
    """The exponent of σ in the size of the noise, by regression of logarithms, and the largest residual."""
    if len(sizes) < 2:
        return 1.0, 0.0
    x, y = np.log(sigmas), np.log(sizes)
    line = np.polyfit(x, y, 1)
    return float(line[0]), float(np.abs(y - np.polyval(line, x)).max())


def _function_of_level(asked: Floats, sigmas: Floats) -> str:
    """Which function of a noise level the network was given, where every value is one; empty where none fits."""
    known = {"square": sigmas**2, "log": np.log(sigmas), "inverse": 1 / sigmas, "index": np.arange(len(sigmas))}
    for name, values in known.items():
        if np.abs(asked[:, None] - values).min(1).max() < 1e-4:
            return name
    return ""


def _values(record: Record, calls: Sequence[Mapping[str, Any]], x: Floats, plant: Mapping[str, Floats]) -> None:
    """Compares every call's loss with what its own rows imply, under each mistake of the catalogue."""
    errors: dict[str, float] = {}
    gradient_errors = []
    ratios = []
    for seen in calls:
        own, x_tilde, sigma, _ = _rows(seen, x)
        score = plant_score(plant, x_tilde, sigma)
        loss = float(seen["loss"])
        for name, value in losses_by_mistake(score, own, x_tilde, sigma).items():
            error = abs(loss - value) / abs(value) if np.isfinite(loss) else float("inf")
            errors[name] = max(errors.get(name, 0.0), min(error, 1e6))
        t = score + (x_tilde - own) / sigma[:, None] ** 2
        exact = (sigma[:, None] ** 2 * t).T @ x_tilde / len(own)
        right = float((0.5 * sigma**2 * (t**2).sum(1)).mean())
        ratios.append(loss / right)
        scale = ratios[-1] if np.isfinite(ratios[-1]) else 1.0
        gap = np.abs(np.asarray(seen["gradient"], np.float64) - scale * exact).max() / (
            np.abs(scale * exact).max() + 1e-30
        )
        gradient_errors.append(float(min(gap, 1e6)) if np.isfinite(gap) else 1e6)
    closest = min((n for n in errors if n != "right"), key=lambda name: errors[name])
    record(
        loss_error=errors["right"],
        closest=closest,
        closest_error=errors[closest],
        gradient_error=max(gradient_errors),
        ratio=float(np.mean(ratios)) if np.isfinite(ratios).all() else None,
        ratio_spread=float(np.std(ratios)) if np.isfinite(ratios).all() else None,
    )


denoising.judge(judge_denoising)
