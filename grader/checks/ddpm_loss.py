"""ddpm_loss under a planted noise predictor: from what the predictor was asked, the loss is known exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.ddpm_tables import draw_betas, hidden_predictor, only, predict_noise, tables
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.model import Array, Evidence, Finding, Json, Lost, Note
from grader.scoring.laws import independent_rows, standard_normal, uniform_counts

WEIGHTED_SHARE = Fraction(1, 4)
"""Lost for a weighting by t that no bound gives."""
T = 9
BATCHES = (900, 900, 400)
"""The first two differ only by the seed, so that noise that is always the same shows."""
FRESH = 0.15
"""Relative spread of a mean of 800 squares around its expectation, with a margin; it only names, it never decides."""
OTHER_T = 0.12
"""Likewise for the regression of x_t on x_0 where t is not the one that the network is told."""
LIKELY = 4.0
"""Surprise below which a known way to make x_t is taken to be the student's."""
SMALL_CALLS = 150
"""Calls that show the law of t where one t serves a whole batch."""

TARGETS: Mapping[str, str] = {
    "target_is_x_t": "the prediction is compared with x_t, not with the noise",
    "target_is_x_0": "the prediction is compared with x_0, not with the noise",
    "target_sign": "the prediction and the noise are added, not subtracted",
    "not_squared": "absolute errors are averaged; squared errors are asked",
    "not_squared~huber": "the loss is quadratic for small errors only; squared errors are asked",
    "root_of_the_loss": "a square root is taken of the mean squared error",
    "squared_norm": "the squared error is squared again",
    "prediction_only": "the noise is missing: the prediction alone is squared",
    "root_of_the_loss~rows": "norms are averaged; squared norms are asked",
    "target_is_the_difference": "the prediction is compared with x_t − x_0, not with the noise",
    "target_is_scaled_noise": "the prediction is compared with the scaled noise of x_t, not with the noise itself",
    "maximised": "the sign is wrong: minimising it makes the prediction worse",
    "not_squared~difference": "the difference is averaged without being squared",
}
INPUTS: Mapping[str, str] = {
    "t_shifted": "the network is told t − 1 for a sample with the noise of t",
    "t_shifted~late": "the network is told t + 1 for a sample with the noise of t",
    "model_sees_x_0": "the network is given x_0 without noise",
    "model_sees_noise": "the network is given the noise itself",
    "root_missing_noise": "a square root is missing in front of the noise of x_t",
    "root_missing_signal": "a square root is missing in front of x_0 in x_t",
    "root_missing_both": "the square roots are missing in x_t",
    "signal_not_scaled": "x_0 is not scaled in x_t",
    "coefficients_swapped": "x_0 and the noise have exchanged their weights in x_t",
}


@check("ddpm.loss", module="hw5_ddpm", driver="ddpm")
def loss(bench: Bench, record: Record) -> None:
    """ddpm_loss is the mean squared error of the predicted noise, for t uniform on 1..T and standard normal noise"""
    betas = draw_betas(bench.rng, T, 0.05, 0.3)
    full = tables(betas)
    model = hidden_predictor(bench.rng, full, 0.4)
    for mode, planted in (("as_is", None), ("planted", only(full, "beta_bar", "q"))):
        try:
            record(**{mode: _measure(bench, betas, full, model, planted)})
        except StudentFailure:
            if mode == "planted":
                raise
            record(as_is=None)


def _measure(bench: Bench, betas: Array, full: dict[str, Any], model: dict[str, Array], planted: Any) -> dict[str, Json]:
    rng = np.random.default_rng(bench.rng.integers(2**63))
    small = {k: v.astype(np.float32) for k, v in model.items()}
    betas32 = betas.astype(np.float32)
    draws: list[dict[str, Json]] = []
    noises: list[Array | None] = []
    for n in BATCHES:
        x_0 = rng.normal(0.3, 0.6, (n, 2)).astype(np.float32)
        reply = bench.call("planted_loss", small, x_0, betas32, int(rng.integers(2**31)), tables=planted)
        facts, noise = _facts(reply, x_0.astype(np.float64), full, model)
        draws.append(facts)
        noises.append(noise)
    same = [a is not None and b is not None and np.allclose(a, b, atol=1e-4) for a, b in [noises[:2]]]
    facts: dict[str, Json] = {
        "draws": draws,
        "same_noise": bool(same[0]),
        "same_t": bool(draws[0]["t_distinct"] > 1 and draws[0].pop("t", 0) == draws[1].pop("t", 1)),
        "exact": _exact(bench, rng, betas32, full, planted),
    }
    draws[-1].pop("t", None)
    facts["bounds"] = _bounds(betas, full)
    if all(d["t_distinct"] == 1 for d in draws):
        facts["t_of_calls"] = _small_calls(bench, rng, small, betas32, planted)
    return facts


def _exact(bench: Bench, rng: np.random.Generator, betas: Array, full: dict[str, Any], planted: Any) -> float | None:
    """The loss under the exact predictor of one repeated point."""
    point = rng.normal(size=2)
    a, b = (np.asarray(c) for c in full["q"])
    slope = np.append(0.0, 1 / b[1:])
    model = {"slope": slope, "shift": -(a * slope)[:, None] * point, "matrix": np.zeros((2, 2))}
    model = {k: v.astype(np.float32) for k, v in model.items()}
    x_0 = np.repeat(point[None], 64, axis=0).astype(np.float32)
    value = bench.call("planted_loss", model, x_0, betas, int(rng.integers(2**31)), tables=planted)["value"]
    usable = isinstance(value, np.ndarray) and value.size == 1 and np.isfinite(value).all()
    return float(abs(value.reshape(()))) if usable else None


def _small_calls(bench: Bench, rng: np.random.Generator, model: Any, betas: Array, planted: Any) -> list[float]:
    found = []
    x_0 = rng.normal(size=(4, 2)).astype(np.float32)
    for _ in range(SMALL_CALLS):
        reply = bench.call("planted_loss", model, x_0, betas, int(rng.integers(2**31)), tables=planted)
        found += [float(t[0]) for t in reply["t"][:1] if t.size]
    return found


def _facts(
    reply: Mapping[str, Any], x_0: Array, full: dict[str, Any], model: dict[str, Array]
) -> tuple[dict[str, Json], Array | None]:
    value = reply["value"]
    usable = isinstance(value, np.ndarray) and value.size == 1 and bool(np.isfinite(value).all())
    facts: dict[str, Json] = {
        "n": len(x_0),
        "value": float(value.reshape(())) if usable else None,
        "kind": reply["kind"],
        "shape": list(value.shape) if isinstance(value, np.ndarray) else None,
        "is_tensor": reply["is_tensor"],
        "differentiable": reply["differentiable"],
        "calls": len(reply["x"]),
        "rows": [int(x.shape[0]) for x in reply["x"]][:20],
        "x_shape": list(reply["x"][0].shape) if reply["x"] else None,
        "t_shape": reply["t_shapes"][0] if reply["t_shapes"] else None,
        "t_distinct": 0,
    }
    if facts["x_shape"] != list(x_0.shape) or not np.isfinite(reply["x"][0]).all():
        return facts, None
    x, asked = reply["x"][0].astype(np.float64), reply["t"][0].astype(np.float64)
    if asked.size not in (1, len(x)) or not np.isfinite(asked).all():
        return facts, None
    t = np.broadcast_to(asked, len(x))
    facts.update(_law_of_t(t))
    index = np.clip(np.rint(t), 0, T).astype(int)
    noise, inputs = _noise(x, x_0, index, full)
    facts["noise_surprise"] = _surprise(noise)
    facts["inputs"] = {name: _surprise(v) for name, v in inputs.items()}
    facts["other_t"] = _other_t(x, x_0, full)
    facts["noise_range"] = [float(noise.min()), float(noise.max())]
    facts["noise_shared"] = bool(np.abs(noise - noise[:1]).max() < 1e-3 or np.abs(noise[:, :1] - noise).max() < 1e-3)
    predicted = predict_noise(model, x, index)
    facts["mean_square"] = float(np.mean(predicted**2))
    facts["right"] = float(np.mean((noise - predicted) ** 2))
    facts["variants"] = _targets(noise, predicted, x, x_0, np.asarray(full["q"][1])[index][:, None])
    facts["weights"] = _weights(reply["gradient"], noise - predicted, index)
    facts["weighted"] = _weighted(facts["weights"], noise - predicted, index)
    return facts, noise


def _law_of_t(t: Array) -> dict[str, Json]:
    whole = bool(np.all(np.rint(t) == t))
    counts = [int(np.sum(t == k)) for k in range(T + 2)]
    return {
        "t_distinct": len(np.unique(t)),
        "t": t.tolist(),
        "t_whole": whole,
        "t_min": float(t.min()),
        "t_max": float(t.max()),
        "t_counts": counts,
        "t_surprise": float(uniform_counts(np.array(counts[1 : T + 1]))),
    }


def _noise(x: Array, x_0: Array, t: Array, full: dict[str, Any]) -> tuple[Array, dict[str, Array]]:
    """The noise that x_t holds, if it is made as it should be, and if it is made with each known mistake."""
    a, b = (np.asarray(c) for c in full["q"])

    def read(c: Array, i: Array) -> Array:
        return c[np.clip(i, 1, T)][:, None]

    with np.errstate(all="ignore"):
        s, r = read(a, t), read(b, t)
        wrong = {
            "t_shifted": (x - read(a, t + 1) * x_0) / read(b, t + 1),
            "t_shifted~late": (x - read(a, t - 1) * x_0) / read(b, t - 1),
            "model_sees_x_0": np.where(np.abs(x - x_0).max() < 1e-5, 0.0, np.nan) + 0 * x,
            "model_sees_noise": x,
            "root_missing_noise": (x - s * x_0) / r**2,
            "root_missing_signal": (x - s**2 * x_0) / r,
            "root_missing_both": (x - s**2 * x_0) / r**2,
            "signal_not_scaled": (x - x_0) / r,
            "coefficients_swapped": (x - r * x_0) / s,
        }
        return (x - s * x_0) / r, wrong


def _other_t(x: Array, x_0: Array, full: dict[str, Any]) -> float:
    """How far x_t is from a rightly noised x_0 whose t is uniform but unknown: by regression and residual variance."""
    a, b = (np.asarray(c)[1:] for c in full["q"])
    slope = float((x * x_0).sum() / (x_0**2).sum())
    spread = float(np.mean((x - slope * x_0) ** 2) / (np.mean(b**2) + np.var(a) * np.mean(x_0**2)))
    return max(abs(slope - float(a.mean())), abs(spread - 1))


def _surprise(noise: Array) -> float:
    """Of noise as independent standard normal draws; 0 for exact zeros, which only the clean input gives."""
    if not noise.any():
        return 0.0
    return max(standard_normal(noise), independent_rows(noise))


def _targets(noise: Array, predicted: Array, x: Array, x_0: Array, scale: Array) -> dict[str, float]:
    error = noise - predicted
    size = np.abs(error)
    values = {
        "target_is_x_t": np.mean((x - predicted) ** 2),
        "target_is_x_0": np.mean((x_0 - predicted) ** 2),
        "target_sign": np.mean((noise + predicted) ** 2),
        "not_squared": np.mean(size),
        "not_squared~huber": np.mean(np.where(size < 1, size**2 / 2, size - 0.5)),
        "root_of_the_loss": np.sqrt(np.mean(size**2)),
        "squared_norm": np.mean((size**2).sum(1) ** 2),
        "prediction_only": np.mean(predicted**2),
        "root_of_the_loss~rows": np.mean(np.sqrt((size**2).sum(1))),
        "target_is_the_difference": np.mean((x - x_0 - predicted) ** 2),
        "target_is_scaled_noise": np.mean((scale * noise - predicted) ** 2),
        "maximised": -np.mean(size**2),
        "not_squared~difference": np.mean(error),
    }
    return {name: float(v) for name, v in values.items()}


def _weights(gradient: object, error: Array, t: Array) -> list[float] | None:
    """Per t, the factor of its squared errors (mean 1/(2n) each), read from the gradient of the predictor's shift.

    None where the gradient is not that of a weighted sum of squared errors with positive weights.
    """
    if not isinstance(gradient, np.ndarray) or not np.isfinite(gradient).all():
        return None
    found = []
    for k in range(1, T + 1):
        right = -2 * error[t == k].sum(axis=0) / error.size
        given = gradient[k].astype(np.float64)
        if not (t == k).any():
            found.append(0.0)
            continue
        factor = float(given @ right / (right @ right))
        if factor <= 0 or np.abs(given - factor * right).max() > 2e-2 * factor * np.abs(right).max() + 1e-7:
            return None
        found.append(factor)
    return found


def _weighted(weights: Sequence[float] | None, error: Array, t: Array) -> float | None:
    """The loss that those weights make."""
    if weights is None:
        return None
    return float(sum(w * (error[t == k] ** 2).sum() for k, w in enumerate(weights, 1)) / error.size)


@loss.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    as_is, planted = seen.facts.get("as_is"), seen.facts.get("planted")
    found = list(_judge(as_is, settings)) if as_is is not None else [Lost("exception", "")]
    if any(isinstance(f, Lost) for f in found):
        if planted is None:
            return
        isolated = list(_judge(planted, settings))
        if not any(isinstance(f, Lost) for f in isolated):
            yield Note("ddpm_loss is right by itself; a function that it calls is not (another question).")
        yield from isolated
        return
    yield from found


def _judge(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    draws = facts["draws"]
    broken = _unusable(draws)
    if broken is not None:
        yield broken
        return
    noise = _judge_noise(facts, settings)
    times = [] if noise is not None and noise.mistake in ("t_shifted", "t_not_passed") else list(_judge_t(facts, settings))
    yield from times
    if noise is not None:
        yield noise
    elif not any(isinstance(f, Lost) for f in times):
        yield from _judge_value(facts, settings)


def _known_weights(facts: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the weights are those of a variational bound or of the signal-to-noise ratio, up to a factor."""
    return any(
        all(
            settings.within("ddpm.weights", _spread([f / k for f, k in zip(d["weights"], known, strict=True) if f]))
            for d in facts["draws"]
        )
        for known in facts["bounds"].values()
    )


def _spread(ratios: Sequence[float]) -> float:
    return max(ratios) / min(ratios) - 1 if ratios else 0.0


def _bounds(betas: Array, full: dict[str, Any]) -> dict[str, list[float]]:
    """Weights of the squared noise error in known bounds: for either reverse variance, over x_{t−1} or x_0; signal to noise.

    The posterior's own variance is 0 at t = 1, where β_1 stands for it.
    """
    weight_of_x_0, a, b = (np.asarray(full[k][i])[1:] for k, i in (("mean", 1), ("q", 0), ("q", 1)))
    ratio = b / a
    variance = np.where(np.arange(T) == 0, betas, np.asarray(full["variance"])[1:])
    weights = {
        "bound_beta": (weight_of_x_0 * ratio) ** 2 / betas,
        "bound_posterior": (weight_of_x_0 * ratio) ** 2 / variance,
        "unsquared_beta": weight_of_x_0**2 / betas**2 * ratio**2,
        "x_0": ratio**2,
        "signal_to_noise": 1 / ratio**2,
        "noise": b**2,
    }
    return {name: [float(w) for w in values] for name, values in weights.items()}


def _unusable(draws: Sequence[Mapping[str, Any]]) -> Lost | None:
    for draw in draws:
        if not draw["calls"]:
            return Lost("ignores_model", "ddpm_loss never calls the model.")
        if draw["kind"] == "NoneType":
            return Lost("not_implemented", "ddpm_loss returns nothing: is it unfinished, or is the return missing?")
        if draw["shape"] is None or draw["kind"] == "tuple":
            return Lost("not_a_tensor", f"ddpm_loss returns a value of type {draw['kind']}; a scalar tensor is asked.")
        if draw["value"] is None and draw["shape"] not in ([], [1]):
            return Lost("not_a_scalar", f"ddpm_loss returns the shape {tuple(draw['shape'])}; a scalar is asked.")
        if draw["value"] is None:
            return Lost("not_finite", "ddpm_loss is not finite under a network with small outputs.")
        if not draw["is_tensor"]:
            return Lost("not_a_tensor", "ddpm_loss returns a number, not a tensor: nothing can be trained with it.")
        if not draw["differentiable"]:
            return Lost(
                "no_gradient", "No gradient of ddpm_loss reaches the network: is something detached or made a number?"
            )
        if "right" not in draw:
            shape = tuple(draw["x_shape"])
            return Lost(
                "uses_one_sample" if set(draw["rows"]) == {1} and draw["calls"] == 1 else "batch_not_used",
                f"ddpm_loss calls the model with x_t of shape {shape} and t of shape {tuple(draw['t_shape'])} for "
                f"{draw['n']} points in the plane; one x_t and one t for each point are asked.",
            )
    return None


def _judge_t(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    draws = facts["draws"]
    low, high = min(d["t_min"] for d in draws), max(d["t_max"] for d in draws)
    if "t_of_calls" in facts:
        t = np.array(facts["t_of_calls"])
        low, high = min(low, float(t.min(initial=low))), max(high, float(t.max(initial=high)))
        surprise = float(uniform_counts(np.array([np.sum(t == k) for k in range(1, T + 1)])))
        if low >= 1 and high <= T and settings.within("ddpm.surprise", surprise):
            yield Note("ddpm_loss draws one t for the whole batch; it is accepted, though one for each sample varies less.")
            return
        if len(np.unique(t)) == 1:
            yield Lost("t_constant", f"ddpm_loss always uses the same t ({t[0]:g}); it is drawn from 1..T.")
            return
    if not all(d["t_whole"] for d in draws):
        yield Lost("normalised_t", "ddpm_loss hands the network t as a fraction; the network takes t from 1..T.")
    elif low == 0:
        mistake, upper = ("t_range", "T − 1") if high == T - 1 else ("t_range", "T")
        yield Lost(mistake, f"t runs over 0..{upper} in ddpm_loss; the network takes t from 1..T.")
    elif high < T:
        yield Lost("t_range", "The last steps are never drawn in ddpm_loss: t must reach T.")
    elif low > 1:
        yield Lost("t_range", "The first steps are never drawn in ddpm_loss: t starts at 1.")
    elif high > T:
        yield Lost("t_range", f"ddpm_loss draws t up to {high:g} for a schedule of {T} steps.")
    elif not all(settings.within("ddpm.surprise", d["t_surprise"]) for d in draws):
        yield Lost("t_not_uniform", "t is not drawn uniformly from 1..T in ddpm_loss.")


def _judge_noise(facts: Mapping[str, Any], settings: Settings) -> Lost | None:
    draws = facts["draws"]

    def normal(values: Sequence[float]) -> bool:
        return all(settings.within("ddpm.surprise", v) for v in values)

    if normal([d["noise_surprise"] for d in draws]):
        if facts["same_noise"]:
            return Lost("noise_not_random", "ddpm_loss draws the same noise in every call: is a seed set inside?")
        if facts["same_t"]:
            return Lost("t_not_random", "ddpm_loss uses the same t in the same order in every call; t is drawn at random.")
        return None
    worst = {name: max(d["inputs"][name] for d in draws) for name in INPUTS}
    nearest = min(worst, key=lambda name: worst[name])
    if worst[nearest] < LIKELY:
        return Lost(nearest.split("~")[0], f"ddpm_loss: {INPUTS[nearest]}.")
    if all(max(abs(v) for v in d["noise_range"]) < 1e-3 for d in draws):
        return Lost("noise_missing", "x_t in ddpm_loss holds no noise.")
    if all(d["noise_shared"] for d in draws):
        return Lost("noise_shared", "ddpm_loss uses one noise for several samples or coordinates; each has its own.")
    if all(d["other_t"] < OTHER_T for d in draws):
        return Lost("t_not_passed", "The network in ddpm_loss is told another t than the one that made x_t.")
    low, high = (f(d["noise_range"][i] for d in draws) for i, f in ((0, min), (1, max)))
    if low > -1e-3 and high < 1.001:
        return Lost("noise_not_normal", "The noise in ddpm_loss is uniform on [0, 1]; standard normal noise is asked.")
    if low > -1.001 and high < 1.001:
        return Lost("noise_not_normal", "The noise in ddpm_loss is uniform on [−1, 1]; standard normal noise is asked.")
    return Lost("noise_not_normal", "x_t in ddpm_loss is not x_0 with independent standard normal noise of its t.")


def _judge_value(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    draws = facts["draws"]

    def constant(values: Sequence[float]) -> float | None:
        """The positive factor between the losses and these values, where it is the same for all draws."""
        ratios = [d["value"] / v if v else np.nan for d, v in zip(draws, values, strict=True)]
        agree = all(settings.within("ddpm.loss", abs(r / ratios[0] - 1)) for r in ratios)
        return ratios[0] if agree and ratios[0] > 0 else None

    scale = constant([d["right"] for d in draws])
    summed = constant([d["right"] * d["n"] for d in draws])
    if scale is None and summed is None:
        for name, sentence in TARGETS.items():
            if constant([d["variants"][name] for d in draws]) is not None:
                yield Lost(name.split("~")[0], f"ddpm_loss: {sentence}.")
                return
        if all(abs(d["value"] / (1 + d["mean_square"]) - 1) < FRESH for d in draws):
            yield Lost("target_is_fresh_noise", "ddpm_loss compares the prediction with other noise than that of x_t.")
            return
        weighted = [d["weighted"] for d in draws]
        if all(w is not None and settings.within("ddpm.loss", abs(d["value"] / w - 1)) for d, w in zip(draws, weighted, strict=True)):
            if _known_weights(facts, settings):
                yield Note("ddpm_loss weights the squared errors by t, as a variational bound does; it is accepted.")
            else:
                yield Lost(
                    "weighted_by_t",
                    "ddpm_loss weights the squared errors by t, but not as a variational bound does.",
                    fraction=WEIGHTED_SHARE,
                )
                return
        else:
            yield Lost(
                "unnamed",
                "ddpm_loss is not the squared error of the predicted noise: for known predictions and the noise that "
                "x_t holds, its value differs, and by no constant factor.",
            )
            return
    elif scale is None:
        yield Note("ddpm_loss is summed over the batch; it is accepted, but its size then depends on the batch.")
    if any(d["weights"] is None for d in draws):
        yield Lost("gradient", "ddpm_loss has the right value, but its gradient for the network is that of another function.")
    elif not settings.within("ddpm.loss", facts["exact"]):
        yield Lost("exact", "ddpm_loss is not 0 under a network that predicts the noise exactly.")
