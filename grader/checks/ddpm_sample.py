"""sample under the exact noise predictor of a Gaussian: every step, the start, the end, and the moments are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.ddpm_tables import beta_deviations, draw_betas, only, predict_noise, tables
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.model import Array, Evidence, Finding, Json, Lost, Note
from grader.scoring.laws import independent_rows, standard_normal

T, SAMPLES = 8, 700
PLANTED = ("beta_bar", "q", "predict", "mean", "variance", "step")
VARIANCES = ("posterior", "beta")
"""The two accepted variances of a reverse step."""


@check("ddpm.sample", module="hw5_ddpm", driver="ddpm")
def sample(bench: Bench, record: Record) -> None:
    """sample starts from N(0, I), visits T..1 once each and ends without noise: an exact predictor gives its Gaussian"""
    betas = draw_betas(bench.rng, T, 0.08, 0.4)
    full = tables(betas)
    centre, spread = bench.rng.uniform(0.15, 0.4, 2) * bench.rng.choice([-1, 1], 2), bench.rng.uniform(0.1, 0.2)
    model = _exact_predictor(full, centre, spread)
    for mode, planted in (("as_is", None), ("planted", only(full, *PLANTED))):
        try:
            record(**{mode: _measure(bench, record, mode, betas, full, model, planted)})
        except StudentFailure as failure:
            if mode == "planted" or failure.failure.kind in compare.FATAL:
                raise
            record(as_is=None)


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
    value = reply["value"]
    facts: dict[str, Json] = {
        "shape": _shape(value),
        "single_shape": _shape(single["value"]),
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


def _shape(value: object) -> list[int] | None:
    return list(value.shape) if isinstance(value, np.ndarray) else None


def _told(t: Array) -> float | None:
    """The one t that a call was told; None where its samples were told different ones."""
    return float(t.flat[0]) if t.size and np.all(t == t.flat[0]) and np.isfinite(t.flat[0]) else None


def _steps(path: Sequence[Array], betas: Array, full: dict[str, Any], model: dict[str, Array]) -> dict[str, Json]:
    """Each step less its mean, in units of each accepted standard deviation; the last step less its mean."""
    residuals = []
    for x, after, t in zip(path[:-1], path[1:], range(T, 0, -1), strict=True):
        ts = np.full(len(x), t)
        p, q = float(full["step"][0][t]), float(full["step"][1][t])
        residuals.append(after - p * x - q * predict_noise(model, x, ts))
    noisy = np.stack(residuals[:-1])
    deviations = {"posterior": np.asarray(full["step"][2]), "beta": beta_deviations(betas)}
    surprises = {}
    for name, deviation in deviations.items():
        z = noisy / deviation[T:1:-1][:, None, None]
        flat = z.reshape(len(z), -1)
        surprises[name] = max(standard_normal(z), independent_rows(flat), *(standard_normal(step) for step in z))
    unit = noisy / deviations["posterior"][T:1:-1][:, None, None]
    return {
        "surprises": surprises,
        "largest": float(np.abs(noisy).max()),
        "per_step": [float(step.std()) for step in unit],
        "shared": bool(np.abs(noisy - noisy[:, :1]).max() < 1e-4 or np.abs(noisy - noisy[:, :, :1]).max() < 1e-4),
        "repeated": bool(np.abs(unit - unit[:1]).max() < 1e-3),
        "last": float(np.abs(residuals[-1]).max()),
        "last_std": float(residuals[-1].std()),
    }


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


@sample.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    as_is, planted = seen.facts.get("as_is"), seen.facts.get("planted")
    found = list(_judge(as_is, settings)) if as_is is not None else None
    if found is None or any(isinstance(f, Lost) for f in found):
        if planted is None:
            return
        isolated = list(_judge(planted, settings))
        if not any(isinstance(f, Lost) for f in isolated):
            yield Note("sample is right by itself; a function that it calls is not (another question).")
        yield from isolated
        return
    yield from found


def _judge(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    found = _shapes(facts) or _order(facts) or _start(facts, settings) or _path(facts, settings)
    if found is not None:
        yield found


def _shapes(facts: Mapping[str, Any]) -> Lost | None:
    if facts["shape"] is None:
        return Lost("not_a_tensor", "sample returns no tensor (is the return statement missing?).")
    for shape, asked in ((facts["shape"], [SAMPLES, 2]), (facts["single_shape"], [1, 2])):
        if shape != asked:
            return Lost(
                "shape", f"sample returns the shape {tuple(shape or ())} for {asked[0]} samples; {tuple(asked)} is asked."
            )
    if not facts["finite"]:
        return Lost("not_finite", "sample returns numbers that are not finite under an exact noise predictor.")
    if not facts["calls"]:
        return Lost("model_unused", "sample never calls the model.")
    if set(facts["rows"]) != {SAMPLES}:
        return Lost("rows", f"sample asks the network about {facts['rows'][0]} points at a time, not about all samples.")
    return None


def _order(facts: Mapping[str, Any]) -> Lost | None:
    told = facts["told"]
    if told == list(range(T, 0, -1)):
        return None
    known = {
        "forward_order": (list(range(1, T + 1)), "t runs upwards from 1 to T; sampling goes down from T"),
        "zero_based_t": (list(range(T - 1, -1, -1)), "t runs over T − 1..0; it runs over T..1"),
        "t_1_skipped": (list(range(T, 1, -1)), "the last step (t = 1) is skipped"),
        "t_T_skipped": (list(range(T - 1, 0, -1)), "the first step (t = T) is skipped"),
        "t_0_visited": (list(range(T, -1, -1)), "a step with t = 0 is made; the last step is t = 1"),
        "one_step": ([T], "only one step is made"),
        "t_constant": ([T] * T, "the network is told T in every step"),
    }
    for name, (order, sentence) in known.items():
        if told == order:
            return Lost(name, f"sample: {sentence}.")
    if any(t is None for t in told):
        return Lost("mixed_t", "sample tells the network different t for the samples of one step.")
    if all(0 <= t <= 1 for t in told):
        return Lost("normalised_t", "sample hands the network t as a fraction; the network takes t from 1..T.")
    return Lost("order", f"sample visits t = {_few(told)}; T = {T} steps from T down to 1 are asked.")


def _few(told: Sequence[float]) -> str:
    return ", ".join(f"{t:g}" for t in told[:6]) + (", …" if len(told) > 6 else "")


def _start(facts: Mapping[str, Any], settings: Settings) -> Lost | None:
    start = facts["start"]
    if settings.within("ddpm.surprise", start["surprise"]):
        return None
    low, high = start["range"]
    if start["zero"]:
        return Lost("starts_at_zero", "sample starts at zeros; x_T is standard normal noise.")
    if low > -1.001 and high < 1.001:
        return Lost("uniform_start", "sample starts from noise between −1 and 1; x_T is standard normal noise.")
    return Lost(
        "start",
        f"sample does not start from independent standard normal noise (mean {start['mean']:.2f}, standard deviation "
        f"{start['std']:.2f}).",
    )


def _path(facts: Mapping[str, Any], settings: Settings) -> Lost | None:
    steps = facts["steps"]
    fitting = [v for v in VARIANCES if settings.within("ddpm.surprise", steps["surprises"][v])]
    if not fitting:
        return _wrong_steps(steps)
    if not settings.within("ddpm.last_step", steps["last"]):
        return Lost("noise_at_t_1", "sample adds noise in the last step (t = 1), or does not return its result.")
    if not settings.within("ddpm.moments", facts["moments"][fitting[0]]):
        return Lost("moments", "sample does not reproduce the Gaussian whose exact noise predictor it is given.")
    return None


def _wrong_steps(steps: Mapping[str, Any]) -> Lost:
    if steps["largest"] < 1e-3:
        return Lost("no_noise", "sample adds no noise between its steps; every run of the chain is deterministic.")
    if steps["shared"]:
        return Lost("shared_noise", "sample adds one noise to several samples or coordinates; each has its own.")
    if steps["repeated"]:
        return Lost("repeated_noise", "sample adds the same noise in every step; it is drawn anew in each.")
    return Lost(
        "unnamed",
        "sample does not follow the reverse process: under an exact noise predictor its steps differ from those of "
        "p_sample with independent standard normal noise.",
    )
