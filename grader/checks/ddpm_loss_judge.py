"""Judging ddpm_loss from what its calls under planted predictors showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks.ddpm_loss_facts import T
from grader.checks.isolated import judge_isolated
from grader.checks.registry import Settings, lost_share
from grader.model import Evidence, Finding, Lost, Note
from grader.scoring.laws import uniform_counts

FRESH = 0.15
"""Relative spread of a mean of 800 squares around its expectation, with a margin; it only names, it never decides."""
OTHER_T = 0.12
"""Likewise for the regression of x_t on x_0 where t is not the one that the network is told."""
ONE_LAW = 1.5
"""Ratio of the noise's deviations at different t above which the network is told another t; it only names."""
LIKELY = 4.0
"""Surprise below which a known way to make x_t is taken to be the student's."""

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


def judge_loss(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    """Right as it is, or right once the functions that it calls are; else what is wrong with it."""
    yield from judge_isolated("ddpm_loss", seen.facts, lambda facts: _judge(facts, settings))


def _judge(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    draws = facts["draws"]
    broken = _unusable(draws)
    if broken is not None:
        yield broken
        return
    noise = _judge_noise(facts, settings)
    times = (
        [] if noise is not None and noise.mistake in ("t_shifted", "t_not_passed") else list(_judge_t(facts, settings))
    )
    yield from times
    if noise is not None:
        yield noise
    elif not any(isinstance(f, Lost) for f in times):
        yield from _judge_value(facts, settings)
    if any(d["changed"] for d in draws):
        yield Lost(
            "input_changed",
            "ddpm_loss overwrites the tensors that it is given: the next step trains on other data.",
            fraction=lost_share(settings, "overwritten_input_credit"),
        )


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
            yield Note(
                "ddpm_loss draws one t for the whole batch; it is accepted, though one for each sample varies less."
            )
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
            return Lost(
                "t_not_random", "ddpm_loss uses the same t in the same order in every call; t is drawn at random."
            )
        return None
    worst = {name: max(d["inputs"][name] for d in draws) for name in INPUTS}
    nearest = min(worst, key=lambda name: worst[name])
    if worst[nearest] < LIKELY:
        return Lost(nearest.split("~")[0], f"ddpm_loss: {INPUTS[nearest]}.")
    if all(max(abs(v) for v in d["noise_range"]) < 1e-3 for d in draws):
        return Lost("noise_missing", "x_t in ddpm_loss holds no noise.")
    if all(d["noise_shared"] for d in draws):
        return Lost("noise_shared", "ddpm_loss uses one noise for several samples or coordinates; each has its own.")
    if all(d["other_t"] < OTHER_T and d["noise_spread"] > ONE_LAW for d in draws):
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
        if all(
            w is not None and settings.within("ddpm.loss", abs(d["value"] / w - 1))
            for d, w in zip(draws, weighted, strict=True)
        ):
            if _known_weights(facts, settings):
                yield Note("ddpm_loss weights the squared errors by t, as a variational bound does; it is accepted.")
            else:
                yield Lost(
                    "weighted_by_t",
                    "ddpm_loss weights the squared errors by t, but not as a variational bound does.",
                    fraction=lost_share(settings, "unknown_weights_credit"),
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
        yield Lost(
            "gradient", "ddpm_loss has the right value, but its gradient for the network is that of another function."
        )
    elif not settings.within("ddpm.loss", facts["exact"]):
        yield Lost("exact", "ddpm_loss is not 0 under a network that predicts the noise exactly.")
