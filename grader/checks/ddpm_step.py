"""p_sample under a planted noise predictor: one reverse step against the reference, with both accepted variances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.compare import Array, Case
from grader.checks.ddpm_step_mistakes import SENTENCES, StepInput, step_variants
from grader.checks.ddpm_tables import beta_deviations, draw_betas, hidden_predictor, only, predict_noise, tables
from grader.checks.isolated import judge_isolated
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check, lost_share
from grader.model import Evidence, Finding, Json, Lost

PLANTED = ("beta_bar", "q", "predict", "mean", "variance")
MIXED, FAR = "mixed t", "points beyond [−1, 1]"


@check("ddpm.p_sample", module="hw5_ddpm", driver="stand_in+ddpm")
def p_sample(bench: Bench, record: Record) -> None:
    """p_sample draws x_{t−1} from the posterior at the predicted x_0; at t = 1 it adds no noise"""
    T = 10
    betas = draw_betas(bench.rng, T, 0.05, 0.35)
    full = tables(betas)
    plans = [(f"t = {t}" if t != T else "t = T", np.full(5, t), 0.6) for t in (T, 6, 2, 1)]
    plans += [(MIXED, np.array([3, 1, T, 7]), 0.6), (FAR, np.full(6, 5), 4.0), ("a batch of 1", np.full(1, 4), 0.6)]
    draws = [_draw(bench.rng, betas, full, t, spread) for _, t, spread in plans]
    first: StudentFailure | None = None
    for mode, planted in (("as_is", None), ("planted", only(full, *PLANTED))):
        seen = []
        for (label, t, _), (model, given) in zip(plans, draws, strict=True):
            case = _case(label, model, given, betas, full)
            try:
                args = [_float32(model), given.x, t, betas.astype(np.float32), given.noise]
                reply = bench.call("planted_step", *args, tables=planted)
            except StudentFailure as failure:
                if failure.failure.kind in compare.FATAL:
                    raise
                first = failure
                seen.append(compare.failed_case(case, failure))
                continue
            value = reply["value"]
            facts = compare.facts_of(case, value, "torch" if isinstance(value, np.ndarray) else reply["kind"])
            ignores = t[0] > 1 and label != MIXED and _ignores_noise(bench, given, args, planted, value)
            told, calls = _told(reply, t), len(reply["x"])
            changed = reply["changed"]
            seen.append({**facts, "calls": calls, "told": told, "ignores_noise": bool(ignores), "changed": changed})
        record(**{mode: seen})
        if mode == "planted" and first is not None and all(c["failure"] is not None for c in seen):
            raise first


def _draw(
    rng: np.random.Generator, betas: Array, full: dict[str, Any], t: Array, spread: float
) -> tuple[dict[str, Array], StepInput]:
    """A predictor and a noisy point for it, such that the implied x_0 has about the given size."""
    for _ in range(compare.REDRAWS):
        model = hidden_predictor(rng, full, spread)
        a, b = (np.asarray(c)[t][:, None] for c in full["q"])
        x = (a * rng.uniform(-spread, spread, (len(t), 2)) + b * rng.uniform(-1, 1, (len(t), 2))).astype(np.float32)
        noise = (rng.normal(size=x.shape) + np.sign(rng.normal(size=x.shape))).astype(np.float32)
        predicted = predict_noise(model, x.astype(np.float64), t)
        implied = np.abs(
            np.asarray(full["predict"][0])[t][:, None] * x + np.asarray(full["predict"][1])[t][:, None] * predicted
        )
        if (spread < 1 and implied.max() < 0.97) or (spread > 1 and implied.min() > 1.3):
            break
    return model, StepInput(x, noise, predicted, t)


def _float32(model: Mapping[str, Array]) -> dict[str, Array]:
    return {name: values.astype(np.float32) for name, values in model.items()}


def _case(label: str, model: dict[str, Array], given: StepInput, betas: Array, full: dict[str, Any]) -> Case:
    p, q, s = (np.asarray(c)[given.t][:, None] for c in full["step"])
    mean = p * given.x + q * given.predicted
    other = mean + beta_deviations(betas)[given.t][:, None] * given.noise
    wrong = step_variants(given, model, betas, full)
    return Case(label, [], mean + s * given.noise, {"beta_variance": other, **wrong})


def _told(reply: Mapping[str, Any], t: Array) -> str:
    """What the predictor was told as t: right, one_too_low, one_too_high, fraction, or other."""
    if len(reply["t"]) != 1:
        return "other"
    told = reply["t"][0]
    if told.size not in (1, len(t)):
        return "other"
    for name, expected in (("right", t), ("one_too_low", t - 1), ("one_too_high", t + 1)):
        if np.all(told == expected):
            return name
    return "fraction" if told.max(initial=0) <= 1 and np.any(told != np.rint(told)) else "other"


def _ignores_noise(bench: Bench, given: StepInput, args: list[Any], planted: Any, value: object) -> bool:
    """Whether other noise gives the same step; the student's own draws are the same in every call."""
    other = bench.call("planted_step", *args[:4], -given.noise, tables=planted)["value"]
    return isinstance(value, np.ndarray) and isinstance(other, np.ndarray) and np.array_equal(value, other)


@p_sample.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    yield from judge_isolated("p_sample", seen.facts, lambda cases: _judge(cases, settings))


def _judge(cases: Sequence[Mapping[str, Json]], settings: Settings) -> Iterator[Finding]:
    def within(error: float | None) -> bool:
        return settings.within("ddpm.formula", error)

    def as_beta(case: Mapping[str, Json]) -> Mapping[str, Json]:
        return {**case, "error": case["variants"].get("beta_variance")}

    near = [c for c in cases if c["label"] not in (MIXED, FAR)]
    far, mixed = (next(c for c in cases if c["label"] == label) for label in (FAR, MIXED))
    beta_fits, posterior_fits = (sum(within(f(c)["error"]) for c in near) for f in (as_beta, dict))
    view = as_beta if beta_fits > posterior_fits else dict
    diagnosis = compare.diagnose([view(c) for c in near], within, SENTENCES, "p_sample")
    if diagnosis is not None:
        told = {c["told"] for c in near if c["failure"] is None} - {"right"}
        silent = [c for c in near if not within(view(c)["error"])]
        if diagnosis.mistake == "unnamed" and any(c.get("ignores_noise") for c in near):
            yield Lost("ignores_noise", "p_sample does not use the noise that it is given, but draws its own.")
        elif (
            diagnosis.mistake in ("unnamed", "noise_missing")
            and len(silent) < len(near) - 1
            and _noiseless(silent, within)
        ):
            steps = ", ".join(c["label"] for c in silent)
            yield Lost("noise_missing_at_a_step", f"p_sample adds no noise for {steps}; only the last step has none.")
        elif diagnosis.mistake == "unnamed" and told:
            how = {"one_too_low": "t − 1", "one_too_high": "t + 1", "fraction": "a fraction of T"}
            mistake = "t_not_passed" if told & {"other", "fraction"} else "t_shifted"
            kind = "other" if "other" in told else min(told)
            yield Lost(mistake, f"p_sample tells the network {how.get(kind, 'another t')} where the sample is at t.")
        elif diagnosis.mistake == "unnamed" and any(c.get("calls") == 0 for c in near):
            yield Lost("ignores_model", "p_sample never calls the model.")
        else:
            yield Lost(diagnosis.mistake, f"{diagnosis.sentence.rstrip('.')}.")
        return
    if not within(view(far)["error"]):
        if any(within(v) for name, v in far["variants"].items() if name.split("~")[0] == "clamped"):
            yield Lost(
                "clamped",
                "p_sample clips the predicted x_0 to [−1, 1]. The handout does not ask for it; points may lie outside.",
                fraction=lost_share(settings, "clipped_x_0_credit"),
            )
        else:
            broken = compare.diagnose([view(far)], within, SENTENCES, "p_sample")
            assert broken is not None
            yield Lost(broken.mistake, f"For {FAR}, {broken.sentence.rstrip('.')}.")
        return
    if any(c["changed"] for c in cases):
        yield Lost(
            "input_changed",
            "p_sample overwrites the tensors that it is given: its caller still needs them.",
            fraction=lost_share(settings, "overwritten_input_credit"),
        )
    if not within(view(mixed)["error"]):
        yield Lost(
            "first_t_only",
            "p_sample is right where all samples have the same t, but not for a batch of mixed t: each sample has its "
            "own t, and no noise is added where that is 1.",
            fraction=lost_share(settings, "mixed_t_credit"),
        )


def _noiseless(cases: Sequence[Mapping[str, Json]], within: Callable[[float | None], bool]) -> bool:
    return bool(cases) and all(within(c["variants"].get("noise_missing")) for c in cases)
