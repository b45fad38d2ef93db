"""Judging sample from the steps that it made under an exact noise predictor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grader.checks.isolated import judge_isolated
from grader.checks.registry import Settings
from grader.model import Evidence, Finding, Lost

T, SAMPLES = 8, 700
"""Length of the hidden schedule; samples that are drawn."""
VARIANCES = ("posterior", "beta")
"""The two accepted variances of a reverse step."""
UPDATES = {
    "root_missing_noise": "a square root is missing in the weight of the predicted noise",
    "signal_not_scaled": "the mean is not rescaled after the predicted noise is taken off",
    "noise_sign": "the predicted noise is added, not subtracted",
    "fresh_noise_from_x_0": "x_{t−1} is made by adding new noise to the predicted x_0 as the forward process does",
}
"""Steps of a sampler that is written out in the loop."""


def judge_sample(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    """Right as it is, or right once the functions that it calls are; else what is wrong with it."""
    yield from judge_isolated("sample", seen.facts, lambda facts: _judge(facts, settings))


def _judge(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    found = _shapes(facts) or _order(facts) or _start(facts, settings) or _path(facts, settings)
    if found is not None:
        yield found


def _shapes(facts: Mapping[str, Any]) -> Lost | None:
    if facts["shape"] is None:
        if facts["kind"] == "NoneType":
            return Lost(
                "not_implemented", "sample returns nothing: is it unfinished, or is the return statement missing?"
            )
        return Lost("not_a_tensor", f"sample returns a value of type {facts['kind']}; a tensor is asked.")
    for shape, asked in ((facts["shape"], [SAMPLES, 2]), (facts["single_shape"], [1, 2])):
        if shape != asked:
            mistake = "output_shape"
            if shape and len(shape) == 3:
                mistake = "returns_trajectory"
            elif asked[0] > 1 and shape in ([2], [1, 2]):
                mistake = "one_sample"
            return Lost(
                mistake,
                f"sample returns the shape {tuple(shape or ())} for {asked[0]} samples; {tuple(asked)} is asked.",
            )
    if not facts["finite"]:
        return Lost("not_finite", "sample returns numbers that are not finite under an exact noise predictor.")
    if not facts["calls"]:
        return Lost("ignores_model", "sample never calls the model.")
    if set(facts["rows"]) != {SAMPLES}:
        return Lost(
            "python_loop", f"sample asks the network about {facts['rows'][0]} points at a time, not about all samples."
        )
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
        if facts["same_start"]:
            return Lost("noise_not_random", "sample draws the same x_T in every call: is a seed set inside?")
        return None
    low, high = start["range"]
    if start["zero"]:
        return Lost("start_not_normal", "sample starts at zeros; x_T is standard normal noise.")
    if start["shared"]:
        return Lost(
            "start_shared", "all samples start at the same point (or with equal coordinates); x_T is drawn for each."
        )
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
