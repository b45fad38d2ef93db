"""5.3 Langevin sampling: a planted score records every point that it is asked for, so that every step is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.checks.langevin_judge import DEFAULT_STEPS, EPS, LEVELS, SAMPLES, STEPS, judge_langevin
from grader.checks.langevin_path import arranged, trajectory_facts, updates
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.checks.score_plants import Floats, as_float32, draw_plant, in_any_form, noise_levels
from grader.model import Evidence, Finding, Json
from grader.scoring.laws import standard_normal


@check("score.langevin", module="hw5_diffusion", driver="stand_in+score")
def langevin(bench: Bench, record: Record) -> None:
    """langevin_dynamics_sample makes the handout's steps, level by level, and returns samples or trajectories"""
    sigmas = noise_levels(bench.rng, 2.2, 0.85, LEVELS)
    plant = draw_plant(bench.rng, linear=0.0, shift=2.0, height=60.0)
    options = {"iterations": STEPS, "eps": EPS}
    seed = int(bench.rng.integers(2**31 - 4))

    def sample(n: int, extra: dict[str, Any], form: str, number: int, levels: Floats = sigmas) -> dict[str, Any]:
        seen = bench.call(
            "record_sampling", as_float32(plant), n, levels.astype(np.float32), form, extra, seed + number
        )
        return {**seen, **{k: np.asarray(seen[k], np.float64) for k in ("x", "sigma", "value")}}

    form, plain = in_any_form(("tensor", "array", "list"), lambda form: sample(SAMPLES, options, form, 0))
    steps = LEVELS * STEPS
    record(form=form, shape=list(plain["value"].shape), network_calls=len(plain["rows"]), points_asked=len(plain["x"]))
    record(finite=bool(np.isfinite(plain["value"]).all()), expected_steps=steps)
    found = arranged(plain["rows"], plain["x"], plain["sigma"], SAMPLES)
    record(arranged=found is not None)
    if found is not None:
        path, levels, one_by_one = found
        record(one_by_one=one_by_one, steps=len(path), levels=levels.tolist(), sigmas=sigmas.tolist())
        start = np.nan_to_num(path[0])
        record(start_shared=bool(len(start) > 1 and np.ptp(start, axis=0).max() < 1e-6 and np.abs(start).max() > 0))
        record(start_surprise=standard_normal(path[0]), start_std=float(start.std()), start_mean=float(start.mean()))
        value = plain["value"]
        same_shape = value.shape == (SAMPLES, 2) and bool(np.isfinite(value).all())
        whole = np.concatenate([path, value[None]]) if same_shape else path
        record(updates={**updates(whole, levels, sigmas, plant, EPS), "sigmas": sigmas.tolist()})
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
    levels = np.array([0.5, 0.25])
    try:
        seen = sample(47, {}, form, 3, levels)
    except StudentFailure as fault:
        record(defaults={"sentence": fault.failure.sentence, "where": fault.failure.where})
        return
    found = arranged(seen["rows"], seen["x"], seen["sigma"], 47)
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
    yield from judge_langevin(seen.facts, settings)
