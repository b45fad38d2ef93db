"""5.2 Denoising loss: a planted network records (x̃, σ); what the loss must be follows from them exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.checks.registry import Bench, Record, Settings, StudentFailure, check, lost_share
from grader.checks.score_plants import (
    NAMES,
    POINTS,
    Floats,
    as_float32,
    draw_plant,
    losses_by_mistake,
    noise_levels,
    plant_score,
    scattered_points,
)
from grader.model import Evidence, Finding, Lost
from grader.scoring.laws import CAP, best_law, independent_rows, standard_normal, uniform_counts

LEVELS, CALLS = 6, 30
POWERS = {"sigma": 1.0, "square": 2.0, "root": 0.5, "none": 0.0}
"""Exponents of σ that the scale of the noise may have."""
INPUT_FORMS = (("tensor", "tensor"), ("tensor", "array"), ("array", "array"), ("tensor", "list"), ("array", "tensor"))


@check("score.denoising_loss", module="hw5_diffusion", driver="score")
def denoising(bench: Bench, record: Record) -> None:
    """compute_denoising_loss is the handout's loss of the noisy points that it shows the network"""
    x, sigmas = scattered_points(bench.rng), noise_levels(bench.rng, 0.4, 0.06, LEVELS)
    plant = draw_plant(bench.rng, linear=0.05, shift=0.6, height=1.5)
    seed = int(bench.rng.integers(2**31))
    first: StudentFailure | None = None
    for forms in INPUT_FORMS:
        try:
            calls = bench.call(
                "record_losses",
                as_float32(plant),
                x.astype(np.float32),
                sigmas.astype(np.float32),
                list(forms),
                CALLS,
                seed,
            )
            break
        except StudentFailure as fault:
            first = first or fault
            if fault.failure.kind != "exception":
                raise first from None
    else:
        assert first is not None
        raise first
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


def _draws(record: Record, calls: list[Mapping[str, Any]], x: Floats, sigmas: Floats) -> None:
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
    slope = float(np.polyfit(np.log(sigmas[filled]), np.log(sizes[filled]), 1)[0]) if filled.sum() >= 2 else 1.0
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
        noise_mean=z.mean(0).tolist(),
        noise_std=float(z.std()),
        same_noise=bool(np.ptp(z.reshape(len(rows), -1, 2), axis=1).max() < 1e-2),
        same_coordinates=bool(np.abs(z[:, 0] - z[:, 1]).max() < 1e-2),
    )


def _function_of_level(asked: Floats, sigmas: Floats) -> str:
    """Which function of a noise level the network was given, where every value is one; empty where none fits."""
    known = {"square": sigmas**2, "log": np.log(sigmas), "inverse": 1 / sigmas, "index": np.arange(len(sigmas))}
    for name, values in known.items():
        if np.abs(asked[:, None] - values).min(1).max() < 1e-4:
            return name
    return ""


def _values(record: Record, calls: list[Mapping[str, Any]], x: Floats, plant: Mapping[str, Floats]) -> None:
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


@denoising.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    facts = seen.facts
    if not any(facts["network_calls"]):
        yield Lost("network_not_used", "The loss never calls the score network.")
        return
    if "loss_error" not in facts:
        yield from _wrong_rows(facts)
        return
    draws = list(_judge_draws(facts, settings))
    yield from draws
    scalar = facts["is_tensor"] and int(np.prod(facts["loss_shape"])) == 1
    if not facts["is_tensor"]:
        yield Lost(
            "not_a_tensor", "The loss is a Python number (item()?); it must be a tensor that can be differentiated."
        )
    elif not scalar:
        yield Lost("not_a_scalar", f"The loss has shape {tuple(facts['loss_shape'])}, expected a scalar.")
    elif not facts["has_gradient"]:
        yield Lost("no_gradient", "The loss carries no gradient to the network (detach(), numpy or no_grad).")
    yield from _judge_value(facts, settings, explained=bool(draws), gradient=scalar and facts["has_gradient"])
    if not facts["data_kept"]:
        yield Lost("data_changed", "compute_denoising_loss changes the training data in place.")
    if facts.get("flat_sigmas_taken") is False:
        yield Lost(
            "flat_sigmas", "The network is given sigmas of shape (N,); the handout's ScoreNet takes shape (N, 1)."
        )
    if max(facts["network_calls"]) > 1:
        yield Lost(
            "python_loop",
            f"The loss calls the network {max(facts['network_calls'])} times for {POINTS} points (a Python loop over "
            "the samples, about a thousand times slower); one call takes the whole batch.",
            fraction=lost_share(settings, "python_loop_credit"),
        )


def _wrong_rows(facts: Mapping[str, Any]) -> Iterator[Finding]:
    if facts.get("every_level"):
        yield Lost(
            "every_level_used", "The loss uses every noise level for every x; the handout draws one σ for each x."
        )
        return
    rows = max(facts["rows"])
    name = "uses_part_of_the_data" if rows < POINTS else "rows"
    yield Lost(
        name, f"The network was shown {rows} points for {POINTS} training points; the handout draws one x̃ for each."
    )


def _judge_draws(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    if facts["clean"]:
        if settings.within("score.loss_match", facts["loss_error"]):
            yield Lost("noise_missing", "The training points are not perturbed: x̃ = x + σz.")
        else:
            yield Lost(
                "network_sees_clean_data", "The network is shown the training points themselves, not x̃ = x + σz."
            )
        return
    wrong_noise = not settings.within("score.surprise", facts["noise_surprise"])
    if facts["same_draws"]:
        yield Lost("noise_not_random", "Each call draws the same noise and noise levels (a seed set inside?).")
    elif facts["functions"] and facts["off_level"] > 1e-3:
        how = {"square": "σ²", "log": "log σ", "inverse": "1/σ", "index": "the index of σ"}[facts["functions"]]
        yield Lost("wrong_sigma_passed", f"The network is given {how} in the place of σ.")
        return
    elif facts["off_level"] > 1e-3:
        yield Lost(
            "sigma_not_of_the_list", "The network is given values of σ that are not in the list of noise levels."
        )
    elif facts["per_batch"] and wrong_noise:
        yield Lost("wrong_sigma_passed", "The network is given one σ for all points, but the noise has others.")
        return
    elif facts["per_batch"] and facts["batch_levels"] > 1:
        yield Lost("one_sigma_for_all", "All points of a batch share one σ; the handout draws σ for every x.")
    elif not settings.within("score.surprise", facts["levels_surprise"]):
        yield _levels(facts)
    elif facts["same_levels"]:
        yield Lost("sigma_not_random", "Each x has the same σ at every call; the handout draws σ at random.")
    if facts["same_noise"]:
        yield Lost("noise_shared", "One z is used for the whole batch; each x needs its own.")
    elif facts["same_coordinates"]:
        yield Lost("noise_shared", "Both coordinates of a point get the same noise; z has a value for each.")
    elif wrong_noise and not facts["same_draws"]:
        yield _noise(facts)


def _levels(facts: Mapping[str, Any]) -> Lost:
    missing = sum(c == 0 for c in facts["counts"])
    law = {"sigma": " (in proportion to σ)", "square": " (in proportion to σ²)", "inverse": " (in proportion to 1/σ)"}
    how = law.get(facts["levels_law"], "")
    if missing:
        how = f" ({missing} of {len(facts['counts'])} levels never occur)"
    return Lost("sigma_not_uniform", f"σ is not drawn uniformly from the noise levels{how}.")


def _noise(facts: Mapping[str, Any]) -> Lost:
    scale = facts["noise_scale"]
    if scale != "sigma":
        name = {"square": "noise_scaled_by_variance", "root": "noise_scaled_by_root", "none": "noise_not_scaled"}[scale]
        size = {"square": "σ² z", "root": "√σ z", "none": "z, without the factor σ"}[scale]
        return Lost(name, f"The noise added to x is {size}; the handout adds σz.")
    if not facts["each_point_once"]:
        return Lost("rows_do_not_match", "The noisy points cannot be matched with the training points one by one.")
    if abs(facts["noise_mean"][0]) > 0.2:
        return Lost("noise_not_normal", "The noise does not have mean 0: z must be standard normal (randn, not rand).")
    return Lost("noise_not_normal", "The noise added to x is not σ times standard normal noise.")


def _judge_value(facts: Mapping[str, Any], settings: Settings, *, explained: bool, gradient: bool) -> Iterator[Finding]:
    if settings.within("score.loss_match", facts["loss_error"]):
        if gradient and not settings.within("score.gradient_match", facts["gradient_error"]):
            yield Lost("wrong_gradient", "The loss is right, but its gradient is not: part of it is detached.")
        return
    name = facts["closest"]
    if not settings.within("score.loss_match", facts["closest_error"]):
        if not explained:
            yield Lost(
                "unnamed",
                "The loss is not the one that its own noisy points and noise levels imply "
                "(the noise in the target must be the noise that was added to x).",
            )
        return
    if name == "halved":
        yield Lost(
            "halved",
            "The loss is half of the handout's: the squared norm sums over the two coordinates; "
            "the mean is over the data only.",
            fraction=lost_share(settings, "halved_denoising_loss_credit"),
        )
        return
    first, _, scale = name.partition("/")
    also = {
        "halved": " Besides, it is halved.",
        "factor_half_missing": " Besides, ½ is missing.",
        "summed_over_data": " Besides, it is summed.",
    }
    yield Lost(first.partition(":")[0], NAMES[first] + also.get(scale, ""))
