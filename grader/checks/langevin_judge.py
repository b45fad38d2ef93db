"""5.3 Langevin sampling: from the recorded path to the findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.checks.langevin_path import NAMES
from grader.checks.registry import Settings, lost_share
from grader.model import Finding, Lost

SAMPLES, LEVELS, STEPS, EPS = 500, 4, 5, 0.05
DEFAULT_STEPS, DEFAULT_EPS = 100, 0.00002


def judge_langevin(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """Findings on what `score.langevin` recorded."""
    if facts["network_calls"] == 0:
        yield Lost("network_not_used", "The sampler never calls the score network.")
        return
    losses = list(_shape(facts) or _steps(facts) or _law(facts, settings))
    yield from losses
    yield from _trajectory(facts["trajectory"], settings, bool(losses))
    if not losses:
        yield from _small(facts, settings)
    if facts.get("one_by_one"):
        yield Lost(
            "python_loop",
            "The sampler calls the network for one sample at a time (a Python loop over the samples, about a thousand "
            "times slower); one call takes all samples.",
            fraction=lost_share(settings, "python_loop_credit"),
        )


def _shape(facts: Mapping[str, Any]) -> list[Finding]:
    shape, n = facts["shape"], SAMPLES
    if shape == [n, 2]:
        return []
    if shape in ([1, 2], [2]):
        return [Lost("one_sample", f"Only one sample came back for n_samples={n}; expected shape ({n}, 2).")]
    if len(shape) == 3 and shape[2] == 2:
        return [Lost("return_traj_ignored", f"Without return_traj the shape is {tuple(shape)}; expected ({n}, 2).")]
    return [Lost("shape", f"The samples have shape {tuple(shape)} for n_samples={n}; expected ({n}, 2).")]


def _steps(facts: Mapping[str, Any]) -> list[Finding]:
    """Number and order of the updates."""
    expected = facts["expected_steps"]
    if not facts["arranged"]:
        return [
            Lost(
                "calls",
                f"The network was asked for {facts['points_asked']} points in {facts['network_calls']} calls; expected "
                f"{SAMPLES} samples at each of {expected} steps, all at the same noise level.",
            )
        ]
    steps, levels, sigmas = facts["steps"], np.array(facts["levels"]), np.array(facts["sigmas"])
    if steps != expected:
        names = {
            LEVELS * (STEPS - 1): ("one_update_less", f"iterations={STEPS} makes {STEPS - 1} updates at each level."),
            LEVELS * (STEPS + 1): ("one_update_more", f"iterations={STEPS} makes {STEPS + 1} updates at each level."),
            (LEVELS - 1) * STEPS: ("levels_skipped", "One of the noise levels is left out."),
            STEPS: ("levels_skipped", "Only one noise level is used, or one update for each iteration in all."),
            LEVELS: (
                "stale_score",
                "The network is asked only once at each noise level; each update needs the score at x.",
            ),
            LEVELS * DEFAULT_STEPS: ("hard_coded_arguments", "`iterations` is not used."),
            expected + 1: ("extra_step", "There is one more step at the end."),
        }
        name, why = names.get(steps, ("step_count", "Count the loops over noise levels and iterations."))
        return [Lost(name, f"The sampler makes {steps} updates, expected {expected} (L·T). {why}")]
    ladder = np.repeat(sigmas, STEPS)
    if np.abs(levels / ladder - 1).max() < 1e-3:
        return []
    if np.abs(levels / ladder[::-1] - 1).max() < 1e-3:
        return [
            Lost("sigma_order", "The noise levels are used in ascending order; the handout goes from large to small.")
        ]
    if np.abs(levels / np.tile(sigmas, STEPS) - 1).max() < 1e-3:
        return [Lost("sigma_order", "The loops are nested the other way: each level has all its iterations in turn.")]
    known = {"α": levels**0 * np.repeat(EPS * sigmas**2 / sigmas[-1] ** 2, STEPS), "σ_L": np.full(expected, sigmas[-1])}
    known |= {"σ²": ladder**2, "log σ": np.log(ladder), "σ_1": np.full(expected, sigmas[0])}
    for name, values in known.items():
        if np.abs(levels - values).max() < 1e-3:
            return [Lost("wrong_sigma_passed", f"The network is given {name} in the place of σ_i.")]
    return [
        Lost("wrong_sigma_passed", "The network is given other noise levels than the handout's, or in another order.")
    ]


def _law(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """Start, step size and noise."""
    seen = facts["updates"]
    if not settings.within("score.surprise", facts["start_surprise"]):
        found = f"mean {facts['start_mean']:.2f}, standard deviation {facts['start_std']:.2f}"
        if facts["start_shared"]:
            yield Lost("start_shared", "All samples start from the same point; each needs its own x_0 ~ N(0, I).")
        else:
            yield Lost("start_not_normal", f"The first points are not standard normal (found {found}); x_0 ~ N(0, I).")
    if not seen["finite"]:
        yield Lost("not_finite", "The samples become infinite or NaN with a bounded score.")
        return
    if facts.get("returns_last_input"):
        yield Lost("last_update_lost", "The returned samples lack the last update.")
    if seen["clamped"] or seen["restarts"]:
        if seen["clamped"]:
            yield Lost("clamped", "The points are cut off at a bound; the handout's updates have no bound.")
        else:
            yield Lost("restarts_at_each_level", "Each level starts from new points; it must go on from the last ones.")
        return
    scales = np.array(seen["noise_ratios"]) * np.sqrt(2 * np.array(seen["alpha"]))
    quiet = scales / np.sqrt(2 * np.array(seen["alpha"])) - np.sqrt(DEFAULT_EPS / EPS)
    if np.abs(quiet).max() < 0.1 * np.sqrt(DEFAULT_EPS / EPS):
        yield Lost("hard_coded_arguments", "`eps` is not used: the updates have the size of the default.")
        return
    half = scales / np.sqrt(np.array(seen["alpha"]))
    if np.abs(half - 1).max() < 0.08 and seen["closest"] == "half_drift":
        yield Lost(
            "half_step_convention",
            "The updates are α/2 along the score with noise √α; the handout has α and √(2α).",
        )
        return
    drift_wrong = not settings.within("score.step_size", seen["step_error"])
    if drift_wrong:
        named = settings.within("score.step_size", seen["closest_error"])
        why = NAMES[seen["closest"]] if named else "The step along the score is not the handout's α_i."
        yield Lost(seen["closest"].partition(":")[0] if named else "step_size", why)
    if scales.max() < 1e-3:
        yield Lost("noise_missing", "The updates add no noise; the handout adds √(2α) z in every update.")
    elif seen["shared_noise"]:
        yield Lost("noise_shared", "All samples get the same noise z; each needs its own.")
    elif seen["same_coordinates"]:
        yield Lost("noise_shared", "Both coordinates get the same noise; z has a value for each.")
    elif seen["last_quiet"] and not facts.get("returns_last_input"):
        yield Lost(
            "noise_missing_at_the_end", "The last update adds no noise; the handout adds √(2α) z in every update."
        )
    elif not settings.within("score.noise_scale", seen["noise_error"]):
        yield _noise_scale(seen, drift_wrong)
    elif not drift_wrong and not settings.within("score.surprise", seen["order_surprise"]):
        yield Lost("noise_drawn_once", "The noise of one update returns in another, or between samples; draw z anew.")
    elif not drift_wrong and not settings.within("score.surprise", seen["noise_surprise"]):
        yield Lost("noise_not_normal", "The noise in the updates is not standard normal (randn, not rand).")


def _noise_scale(seen: Mapping[str, Any], drift_wrong: bool) -> Lost:
    """Which scale the noise has in the handout's place of √(2α)."""
    alpha, ratios = np.array(seen["alpha"]), np.array(seen["noise_ratios"])
    scale = ratios * np.sqrt(2 * alpha)
    known = {
        "noise_not_rooted": (2 * alpha, "The noise is multiplied by 2α; the handout has its square root."),
        "noise_without_2": (np.sqrt(alpha), "The noise is multiplied by √α; the handout has √(2α)."),
        "noise_alpha": (alpha, "The noise is multiplied by α; the handout has √(2α)."),
        "noise_two_outside": (2 * np.sqrt(alpha), "The noise is multiplied by 2√α; the handout has √(2α)."),
        "noise_root_two": (np.sqrt(2) * alpha, "The noise is multiplied by √2·α; the handout has √(2α)."),
        "noise_scaled_by_sigma": (np.array(seen["sigmas"]), "The noise is multiplied by σ; the handout has √(2α)."),
        "noise_unscaled": (np.ones_like(alpha), "The noise is not multiplied by √(2α)."),
        "noise_eps": (
            np.full_like(alpha, np.sqrt(2 * EPS)),
            "The noise has √(2ε) at every level; the handout has √(2α_i).",
        ),
        "noise_not_normal": (
            np.sqrt(2 * alpha / 12),
            "The noise is uniform on [0, 1) (rand); it must be normal (randn).",
        ),
    }
    gaps = {name: float(np.abs(scale / value - 1).max()) for name, (value, _) in known.items()}
    name = min(gaps, key=lambda key: gaps[key])
    if gaps[name] < 0.08:
        return Lost(name, known[name][1])
    where = " (and the step size with it)" if drift_wrong else ""
    return Lost("noise_scale", f"The noise in the updates does not have the scale √(2α_i){where}.")


def _trajectory(seen: Mapping[str, Any], settings: Settings, already: bool) -> Iterator[Finding]:
    """return_traj=True."""
    share = lost_share(settings, "trajectory_credit")
    expected = f"({SAMPLES}, {LEVELS * STEPS}, 2)"

    def lost(mistake: str, message: str) -> Lost:
        return Lost(mistake, message, fraction=share)

    shape = tuple(seen.get("shape", ()))
    if "sentence" in seen:
        where = f" ({seen['where']})" if seen["where"] else ""
        yield lost("trajectory_fails", f"With return_traj=True: {seen['sentence']}{where}")
    elif seen.get("transposed"):
        yield lost("trajectory_axes", f"The trajectory has shape {shape}; expected {expected}, samples first.")
    elif seen.get("aliased"):
        yield lost(
            "trajectory_aliased", "All entries of the trajectory are one tensor, changed in place: store copies."
        )
    elif already:
        return
    elif seen.get("reversed"):
        yield lost("trajectory_reversed", "The trajectory runs backwards; its last entry must be the sample.")
    elif shape == (SAMPLES, 2):
        yield lost("return_traj_ignored", f"With return_traj=True the shape is {shape}; expected {expected}.")
    elif len(shape) == 3 and shape[0] == 1:
        yield lost("one_sample", f"The trajectory of one sample came back: shape {shape}; expected {expected}.")
    elif len(shape) == 3 and shape[1] in (LEVELS, LEVELS + 1, STEPS, STEPS + 1):
        yield lost("trajectory_per_level", f"The trajectory has shape {shape}; expected {expected}: every update.")
    elif "errors" not in seen or not seen["errors"]:
        yield lost("trajectory_shape", f"With return_traj=True the shape is {shape}; expected {expected}.")
    elif not any(settings.within("score.trajectory_match", e) for e in seen["errors"].values()):
        where = " Some entries repeat their neighbour (changed in place?)." if seen["repeats"] else ""
        yield lost("trajectory", f"The trajectory does not hold the points that the updates go through.{where}")
    elif not settings.within("score.trajectory_match", min(v for k, v in seen["errors"].items() if k != "without_end")):
        yield lost(
            "trajectory_shifted", "The trajectory starts with x_0 and lacks the last point, which is the sample."
        )


def _small(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """One sample, fresh draws, defaults."""
    alone, defaults = facts["alone"], facts["defaults"]
    if alone.get("shape") != [1, 2]:
        why = alone.get("sentence") or f"the shape is {tuple(alone['shape'])}, expected (1, 2)"
        yield Lost("one_sample", f"With n_samples=1: {why}.")
    if facts.get("same_draws"):
        yield Lost("noise_not_random", "Two calls start from the same points (a seed set inside the function?).")
    if "sentence" in defaults:
        yield Lost("defaults", f"Without iterations and eps: {defaults['sentence']}.")
    elif defaults and defaults["steps"] != defaults["expected"]:
        yield Lost(
            "defaults", f"Without `iterations` there are {defaults['steps'] // 2} updates a level; expected 100."
        )
    elif defaults and abs(defaults["eps"] / DEFAULT_EPS - 1) > 0.25:
        yield Lost(
            "defaults", f"Without `eps` the updates have the noise of eps={defaults['eps']:.1g}; expected 0.00002."
        )
