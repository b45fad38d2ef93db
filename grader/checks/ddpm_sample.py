"""sample under the exact noise predictor of a Gaussian: every step, the start, the end, and the moments are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from grader.checks import compare
from grader.checks.ddpm_tables import beta_deviations, draw_betas, only, predict_noise, tables
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.model import Array, Evidence, Finding, Json, Lost, Note
from grader.scoring.laws import independent_rows, standard_normal, surprise

T, SAMPLES = 8, 700
PLANTED = ("beta_bar", "q", "predict", "mean", "variance", "step")
VARIANCES = ("posterior", "beta")
"""The two accepted variances of a reverse step."""


@check("ddpm.sample", module="hw5_ddpm", driver="ddpm")
def sample(bench: Bench, record: Record) -> None:
    """sample starts from N(0, I), visits T..1 once each and ends without noise: an exact predictor gives its Gaussian"""
    betas = draw_betas(bench.rng, T, 0.08, 0.4)
    full = tables(betas)
    centre, spread = bench.rng.uniform(1.3, 1.8, 2) * bench.rng.choice([-1, 1], 2), bench.rng.uniform(0.2, 0.4)
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
        "kind": reply["kind"],
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


UPDATES = {
    "root_missing_noise": "a square root is missing in the weight of the predicted noise",
    "signal_not_scaled": "the mean is not rescaled after the predicted noise is taken off",
    "noise_sign": "the predicted noise is added, not subtracted",
    "fresh_noise_from_x_0": "x_{t−1} is made by adding new noise to the predicted x_0 as the forward process does",
}
"""Steps of a sampler that is written out in the loop."""


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
    """Surprise of the correlation of standard normal steps with the predicted noise, (T − 1, n, 2) each: a wrong mean."""
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
        if facts["kind"] == "NoneType":
            return Lost("not_implemented", "sample returns nothing: is it unfinished, or is the return statement missing?")
        return Lost("not_a_tensor", f"sample returns a value of type {facts['kind']}; a tensor is asked.")
    for shape, asked in ((facts["shape"], [SAMPLES, 2]), (facts["single_shape"], [1, 2])):
        if shape != asked:
            mistake = "output_shape"
            if shape and len(shape) == 3:
                mistake = "returns_trajectory"
            elif asked[0] > 1 and shape in ([2], [1, 2]):
                mistake = "one_sample"
            return Lost(
                mistake, f"sample returns the shape {tuple(shape or ())} for {asked[0]} samples; {tuple(asked)} is asked."
            )
    if not facts["finite"]:
        return Lost("not_finite", "sample returns numbers that are not finite under an exact noise predictor.")
    if not facts["calls"]:
        return Lost("ignores_model", "sample never calls the model.")
    if set(facts["rows"]) != {SAMPLES}:
        return Lost("python_loop", f"sample asks the network about {facts['rows'][0]} points at a time, not about all samples.")
    return None


def _order(facts: Mapping[str, Any]) -> Lost | None:
    told = facts["told"]
    if told == list(range(T, 0, -1)):
        return None
    known = {
        "order_of_t": (list(range(1, T + 1)), "t runs upwards from 1 to T; sampling goes down from T"),
        "t_shifted": (list(range(T - 1, -1, -1)), "t runs over T − 1..0; it runs over T..1"),
        "step_skipped": (list(range(T, 1, -1)), "the last step (t = 1) is skipped"),
        "step_skipped~first": (list(range(T - 1, 0, -1)), "the first step (t = T) is skipped"),
        "step_repeated~zero": (list(range(T, -1, -1)), "a step with t = 0 is made; the last step is t = 1"),
        "one_step": ([T], "only one step is made"),
        "t_constant": ([T] * T, "the network is told T in every step"),
    }
    for name, (order, sentence) in known.items():
        if told == order:
            return Lost(name.split("~")[0], f"sample: {sentence}.")
    if any(t is None for t in told):
        return Lost("mixed_t", "sample tells the network different t for the samples of one step.")
    if all(0 <= t <= 1 for t in told):
        return Lost("normalised_t", "sample hands the network t as a fraction; the network takes t from 1..T.")
    mistake = "order_of_t"
    if len(told) > T and max(told) > T:
        mistake = "hard_coded_arguments"
    elif set(told) < set(range(1, T + 1)):
        mistake = "step_skipped"
    elif len(told) > T:
        mistake = "step_repeated"
    return Lost(mistake, f"sample visits t = {_few(told)}; T = {T} steps from T down to 1 are asked.")


def _few(told: Sequence[float]) -> str:
    return ", ".join(f"{t:g}" for t in told[:6]) + (", …" if len(told) > 6 else "")


def _start(facts: Mapping[str, Any], settings: Settings) -> Lost | None:
    start = facts["start"]
    if settings.within("ddpm.surprise", start["surprise"]):
        return None
    low, high = start["range"]
    if start["zero"]:
        return Lost("start_not_normal", "sample starts at zeros; x_T is standard normal noise.")
    if start["shared"]:
        return Lost("start_shared", "all samples start at the same point (or with equal coordinates); x_T is drawn for each.")
    if low > -1.001 and high < 1.001:
        return Lost("start_not_normal", "sample starts from noise between −1 and 1; x_T is standard normal noise.")
    return Lost(
        "start_not_normal",
        f"sample does not start from independent standard normal noise (mean {start['mean']:.2f}, standard deviation "
        f"{start['std']:.2f}).",
    )


def _path(facts: Mapping[str, Any], settings: Settings) -> Lost | None:
    steps = facts["steps"]
    fitting = [v for v in VARIANCES if settings.within("ddpm.surprise", steps["surprises"][v])]
    if not fitting:
        return _wrong_steps(steps)
    if not settings.within("ddpm.last_step", steps["last"]):
        return _wrong_end(steps)
    if not settings.within("ddpm.moments", facts["moments"][fitting[0]]):
        return Lost("moments", "sample does not reproduce the Gaussian whose exact noise predictor it is given.")
    return None


def _wrong_end(steps: Mapping[str, Any]) -> Lost:
    """The chain is right up to x_1, what is returned is not its last step."""
    if steps["returns"] is not None:
        return Lost("returns_x_T", f"sample returns {steps['returns']}, not the result of its last step.")
    if steps["clamped"]:
        return Lost("clamped", "sample clamps its result; the handout does not ask for it, and points may lie outside.")
    if steps["affine"] < 1e-3:
        return Lost("normalised", "sample shifts or scales its result after the last step.")
    return Lost("noise_at_the_last_step", "sample adds noise in the last step (t = 1); its last step has none.")


def _wrong_steps(steps: Mapping[str, Any]) -> Lost:
    if steps["returns"] is not None:
        return Lost("returns_x_T", f"sample returns {steps['returns']}: the steps do not follow one another.")
    if steps["largest"] < 1e-3:
        return Lost("noise_missing", "sample adds no noise between its steps; every run of the chain is deterministic.")
    if steps["shared"]:
        return Lost("noise_shared", "sample adds one noise to several samples or coordinates; each has its own.")
    if steps["repeated"]:
        return Lost("noise_drawn_once", "sample adds the same noise in every step; it is drawn anew in each.")
    for name, sentence in UPDATES.items():
        if any(s < 8 for s in steps["updates"][name]):
            return Lost(name.split("~")[0], f"sample: {sentence}.")
    if steps["scale_surprise"] < 8:
        return Lost(
            "noise_not_normal",
            f"sample adds noise with {steps['scale']:.2g} times the standard deviation of its steps.",
        )
    if steps["bounded"]:
        return Lost("noise_not_normal", "The noise between the steps of sample is not normal, but bounded.")
    return Lost(
        "unnamed",
        "sample does not follow the reverse process: under an exact noise predictor its steps differ from those of "
        "p_sample with independent standard normal noise.",
    )
