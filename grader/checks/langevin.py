"""5.3 Langevin sampling: a planted score records every point that it is asked for, so that every step is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from grader.checks.langevin_path import NAMES, arranged, trajectory_facts, updates
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.checks.score_plants import Floats, as_float32, draw_plant, noise_levels
from grader.model import Evidence, Finding, Json, Lost, Note
from grader.scoring.laws import standard_normal

SAMPLES, LEVELS, STEPS, EPS = 500, 4, 5, 0.05
DEFAULT_STEPS, DEFAULT_EPS = 100, 0.00002


@check("score.langevin", module="hw5_diffusion", driver="score")
def langevin(bench: Bench, record: Record) -> None:
    """langevin_dynamics_sample makes the handout's steps, level by level, and returns samples or trajectories"""
    sigmas = noise_levels(bench.rng, 0.9, 0.35, LEVELS)
    plant = draw_plant(bench.rng, linear=0.0, shift=2.0, height=60.0)
    options = {"iterations": STEPS, "eps": EPS}
    seed = int(bench.rng.integers(2**31 - 4))

    def sample(n: int, extra: dict[str, Any], form: str, number: int, levels: Floats = sigmas) -> dict[str, Any]:
        seen = bench.call(
            "record_sampling", as_float32(plant), n, levels.astype(np.float32), form, extra, seed + number
        )
        return {**seen, **{k: np.asarray(seen[k], np.float64) for k in ("x", "sigma", "value")}}

    first: StudentFailure | None = None
    for form in ("tensor", "array", "list"):
        try:
            plain = sample(SAMPLES, options, form, 0)
            break
        except StudentFailure as fault:
            first = first or fault
            if fault.failure.kind != "exception":
                raise first from None
    else:
        assert first is not None
        raise first
    steps = LEVELS * STEPS
    record(form=form, shape=list(plain["value"].shape), network_calls=len(plain["rows"]), points_asked=len(plain["x"]))
    record(finite=bool(np.isfinite(plain["value"]).all()), expected_steps=steps)
    found = arranged(plain["rows"], plain["x"], plain["sigma"], SAMPLES)
    record(arranged=found is not None)
    if found is not None:
        path, levels, one_by_one = found
        record(one_by_one=one_by_one, steps=len(path), levels=levels.tolist(), sigmas=sigmas.tolist())
        start = np.nan_to_num(path[0])
        record(start_surprise=standard_normal(path[0]), start_std=float(start.std()), start_mean=float(start.mean()))
        value = plain["value"]
        same_shape = value.shape == (SAMPLES, 2) and bool(np.isfinite(value).all())
        whole = np.concatenate([path, value[None]]) if same_shape else path
        record(updates=updates(whole, levels, sigmas, plant, EPS))
        if same_shape:
            record(returns_last_input=bool(np.abs(value - path[-1]).max() < 1e-6))
    with_path: dict[str, Json] = {}
    try:
        seen = sample(SAMPLES, {**options, "return_traj": True}, form, 1)
        second = arranged(seen["rows"], seen["x"], seen["sigma"], SAMPLES)
        if second is not None:
            with_path = trajectory_facts(seen["value"], second[0], SAMPLES, len(second[0]))
            record(same_draws=bool(found is not None and np.abs(second[0][0] - found[0][0]).max() == 0))
            record.array("picture.trajectory", seen["value"][:3].astype(np.float32))
        else:
            with_path = {"shape": list(seen["value"].shape)}
    except StudentFailure as fault:
        with_path = {"sentence": fault.failure.sentence, "where": fault.failure.where}
    record(trajectory=with_path)
    alone: dict[str, Json] = {}
    try:
        alone["shape"] = list(sample(1, options, form, 2)["value"].shape)
    except StudentFailure as fault:
        alone = {"sentence": fault.failure.sentence, "where": fault.failure.where}
    record(alone=alone)
    _defaults(record, sample, plant, form)


def _defaults(record: Record, sample: Any, plant: Mapping[str, Floats], form: str) -> None:
    """Iterations and ε when they are not given: seen from the number of calls and the size of the noise."""
    levels = np.array([0.4, 0.2])
    try:
        seen = sample(50, {}, form, 3, levels)
    except StudentFailure as fault:
        record(defaults={"sentence": fault.failure.sentence, "where": fault.failure.where})
        return
    found = arranged(seen["rows"], seen["x"], seen["sigma"], 50)
    if found is None:
        record(defaults={})
        return
    path, asked, _ = found
    low = np.abs(asked - levels[-1]) < 1e-3
    inside = low[:-1] & low[1:]
    moves = np.diff(path, axis=0)[inside]
    deviation = float(moves.std()) if moves.size else 0.0
    record(defaults={"steps": len(path), "expected": 2 * DEFAULT_STEPS, "eps": deviation**2 / 2})


@langevin.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    facts = seen.facts
    if facts["network_calls"] == 0:
        yield Lost("network_not_used", "The sampler never calls the score network.")
        return
    losses = list(_shape(facts) or _steps(facts) or _law(facts, settings))
    yield from losses
    yield from _trajectory(facts["trajectory"], settings, bool(losses))
    if not losses:
        yield from _small(facts, settings)
    if facts.get("one_by_one"):
        yield Note("The sampler calls the network for one sample at a time; all samples fit into one call.")


def _shape(facts: Mapping[str, Any]) -> list[Finding]:
    shape, n = facts["shape"], SAMPLES
    if shape == [n, 2]:
        return []
    if shape in ([1, 2], [2]):
        return [Lost("only_one_sample", f"Only one sample came back for n_samples={n}; expected shape ({n}, 2).")]
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
            LEVELS * (STEPS - 1): ("one_step_short", f"iterations={STEPS} makes {STEPS - 1} updates at each level."),
            LEVELS * (STEPS + 1): ("one_step_more", f"iterations={STEPS} makes {STEPS + 1} updates at each level."),
            (LEVELS - 1) * STEPS: ("level_left_out", "One of the noise levels is left out."),
            STEPS: ("one_level", "Only one noise level is used, or one update for each iteration in all."),
            LEVELS: ("one_update", "There is only one update at each noise level."),
        }
        name, why = names.get(steps, ("step_count", "Count the loops over noise levels and iterations."))
        return [Lost(name, f"The sampler makes {steps} updates, expected {expected} (L·T). {why}")]
    ladder = np.repeat(sigmas, STEPS)
    if np.abs(levels / ladder - 1).max() < 1e-3:
        return []
    if np.abs(levels / ladder[::-1] - 1).max() < 1e-3:
        return [
            Lost("ascending", "The noise levels are used in ascending order; the handout goes from large to small.")
        ]
    if np.abs(levels / np.tile(sigmas, STEPS) - 1).max() < 1e-3:
        return [Lost("loops_swapped", "The loops are nested the other way: each level has all its iterations in turn.")]
    return [Lost("levels", "The network is given other noise levels than the handout's, or in another order.")]


def _law(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """Start, step size and noise."""
    seen = facts["updates"]
    if not settings.within("score.surprise", facts["start_surprise"]):
        found = f"mean {facts['start_mean']:.2f}, standard deviation {facts['start_std']:.2f}"
        yield Lost("start", f"The first points are not standard normal (found {found}); x_0 ~ N(0, I).")
    if not seen["finite"]:
        yield Lost("not_finite", "The samples become infinite or NaN with a bounded score.")
        return
    if facts.get("returns_last_input"):
        yield Lost("last_update_lost", "The returned samples lack the last update.")
    drift_wrong = not settings.within("score.step_size", seen["step_error"])
    if drift_wrong:
        named = settings.within("score.step_size", seen["closest_error"])
        why = NAMES[seen["closest"]] if named else "The step along the score is not the handout's α_i."
        yield Lost(seen["closest"] if named else "step_size", why)
    if seen["shared_noise"]:
        yield Lost("shared_noise", "All samples get the same noise z; each needs its own.")
    elif seen["same_coordinates"]:
        yield Lost("shared_coordinates", "Both coordinates get the same noise; z has a value for each.")
    elif seen["last_quiet"] and not facts.get("returns_last_input"):
        yield Lost("last_step_quiet", "The last update adds no noise; the handout adds √(2α) z in every update.")
    elif not settings.within("score.noise_scale", seen["noise_error"]):
        yield _noise_scale(seen, drift_wrong)
    elif not settings.within("score.surprise", seen["order_surprise"]):
        yield Lost("noise_repeats", "The noise of one update returns in another, or between samples; draw z anew.")
    elif not drift_wrong and not settings.within("score.surprise", seen["noise_surprise"]):
        yield Lost("noise_not_normal", "The noise in the updates is not standard normal (randn, not rand).")


def _noise_scale(seen: Mapping[str, Any], drift_wrong: bool) -> Lost:
    """Which scale the noise has in the handout's place of √(2α)."""
    alpha, ratios = np.array(seen["alpha"]), np.array(seen["noise_ratios"])
    scale = ratios * np.sqrt(2 * alpha)
    if scale.max() < 1e-3:
        return Lost("no_noise", "The updates add no noise.")
    known = {
        "noise_root_missing": (2 * alpha, "The noise is multiplied by 2α; the handout has its square root."),
        "noise_two_missing": (np.sqrt(alpha), "The noise is multiplied by √α; the handout has √(2α)."),
        "noise_alpha": (alpha, "The noise is multiplied by α; the handout has √(2α)."),
        "noise_two_outside": (2 * np.sqrt(alpha), "The noise is multiplied by 2√α; the handout has √(2α)."),
        "noise_root_two": (np.sqrt(2) * alpha, "The noise is multiplied by √2·α; the handout has √(2α)."),
        "noise_unscaled": (np.ones_like(alpha), "The noise is not multiplied by √(2α)."),
        "noise_eps": (
            np.full_like(alpha, np.sqrt(2 * EPS)),
            "The noise has √(2ε) at every level; the handout has √(2α_i).",
        ),
        "noise_uniform": (np.sqrt(2 * alpha / 12), "The noise is uniform on [0, 1) (rand); it must be normal (randn)."),
    }
    gaps = {name: float(np.abs(scale / value - 1).max()) for name, (value, _) in known.items()}
    name = min(gaps, key=lambda key: gaps[key])
    if gaps[name] < 0.08:
        return Lost(name, known[name][1])
    where = " (and the step size with it)" if drift_wrong else ""
    return Lost("noise_scale", f"The noise in the updates does not have the scale √(2α_i){where}.")


def _trajectory(seen: Mapping[str, Any], settings: Settings, already: bool) -> Iterator[Finding]:
    """return_traj=True."""
    credit = Fraction(str(settings.policy("trajectory_credit")))
    expected = f"({SAMPLES}, {LEVELS * STEPS}, 2)"

    def lost(mistake: str, message: str) -> Lost:
        return Lost(mistake, message, fraction=1 - credit)

    shape = tuple(seen.get("shape", ()))
    if "sentence" in seen:
        where = f" ({seen['where']})" if seen["where"] else ""
        yield lost("trajectory_fails", f"With return_traj=True: {seen['sentence']}{where}")
    elif seen.get("transposed"):
        yield lost("trajectory_transposed", f"The trajectory has shape {shape}; expected {expected}, samples first.")
    elif seen.get("aliased"):
        yield lost(
            "trajectory_aliased", "All entries of the trajectory are one tensor, changed in place: store copies."
        )
    elif already:
        return
    elif "errors" not in seen or not seen["errors"]:
        yield lost("trajectory_shape", f"With return_traj=True the shape is {shape}; expected {expected}.")
    elif not any(settings.within("score.trajectory_match", e) for e in seen["errors"].values()):
        where = " Some entries repeat their neighbour (changed in place?)." if seen["repeats"] else ""
        yield lost("trajectory", f"The trajectory does not hold the points that the updates go through.{where}")
    elif not settings.within("score.trajectory_match", min(v for k, v in seen["errors"].items() if k != "without_end")):
        yield Note("The trajectory starts with x_0 and lacks the final sample.")


def _small(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """One sample, fresh draws, defaults."""
    alone, defaults = facts["alone"], facts["defaults"]
    if alone.get("shape") != [1, 2]:
        why = alone.get("sentence") or f"the shape is {tuple(alone['shape'])}, expected (1, 2)"
        yield Lost("one_sample", f"With n_samples=1: {why}.")
    if facts.get("same_draws"):
        yield Lost("same_draws", "Two calls start from the same points (a seed set inside the function?).")
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
