"""The pure functions of the DDPM track against the reference: schedule, q_sample, posterior, conditional score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.compare import Array, Case
from grader.checks.ddpm_mistakes import sentences, variants
from grader.checks.ddpm_more_mistakes import (
    BETA_BAR,
    CONDITIONAL,
    SCHEDULE,
    conditional_variants,
    schedule_variants,
)
from grader.checks.ddpm_tables import gentle_betas, only, reference_values, strong_betas, tables
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check, lost_share
from grader.model import WHOLE, Evidence, Finding, Lost, Note, Undecided

ADVICE = "more than two axes"
"""Label of the cases that cost nothing: the homework's own data are points (N, 2)."""


@check("ddpm.schedule", module="hw5_ddpm", driver="stand_in+ddpm")
def schedule(bench: Bench, record: Record) -> None:
    """beta_schedule is the linear schedule between its two ends; beta_bar is the variance of the noise in x_t"""
    rng = bench.rng
    custom: list[tuple[Any, ...]] = [
        (9, round(rng.uniform(0.01, 0.05), 3), round(rng.uniform(0.2, 0.6), 3)),
        (14, 0.002, 0.1),
    ]
    with record.part("beta_schedule"):
        cases = [
            Case(f"T = {args[0]}", args, reference_values("beta_schedule", *args), schedule_variants(*args))
            for args in [*custom, (int(rng.integers(50, 400)),)]
        ]
        _record(bench, record, "beta_schedule", cases, None)
    with record.part("beta_bar"):
        cases = []
        for label, betas in (
            ("seven betas", gentle_betas(rng)),
            ("betas in float64", strong_betas(rng)),
            ("a linear schedule", reference_values("beta_schedule", 200)),
            ("a schedule that leaves no signal", reference_values("beta_schedule", 1000)),
        ):
            given = betas if "float64" in label else betas.astype(np.float32)
            expected = reference_values("beta_bar", given.astype(np.float64))
            wrong = {name: make(given.astype(np.float64)) for name, (make, _) in BETA_BAR.items()}
            cases.append(Case(label, [given], expected, wrong, strided="seven" in label))
        _record(bench, record, "beta_bar", cases, None)


@check("ddpm.q_sample", module="hw5_ddpm", driver="stand_in+ddpm")
def q_sample(bench: Bench, record: Record) -> None:
    """q_sample returns x_t made of x_0 and the noise, with the weights that belong to each sample's own t"""
    _measure(bench, record, "q_sample", lambda x, y, t, betas: [x, t, betas, y], ("beta_bar",))


@check("ddpm.predict_x_0", module="hw5_ddpm", driver="stand_in+ddpm")
def predict_x_0(bench: Bench, record: Record) -> None:
    """predict_x_0 undoes q_sample when it is given the same noise"""
    _measure(bench, record, "predict_x_0", lambda x, y, t, betas: [x, t, betas, y], ("beta_bar",))


@check("ddpm.posterior", module="hw5_ddpm", driver="stand_in+ddpm")
def posterior(bench: Bench, record: Record) -> None:
    """posterior_mean and posterior_variance are those of q(x_{t−1} | x_t, x_0), also at t = 1"""
    planted = ("beta_bar", "q", "predict")
    with record.part("mean"):
        _measure(bench, record, "posterior_mean", lambda x, y, t, betas: [x, y, t, betas], planted)
    with record.part("variance"):
        _measure(bench, record, "posterior_variance", lambda x, y, t, betas: [t, betas], planted)
    if not record.failures:
        with record.part("joint"):
            record(joint=_joint(bench))
        record.failures.pop("joint", None)


@check("ddpm.conditional_score", module="hw5_ddpm", driver="stand_in+ddpm")
def conditional_score(bench: Bench, record: Record) -> None:
    """conditional_score adds to the score what the known coordinates of x say"""
    cases = []
    for label, shape in {
        "a batch": (6, 3),
        "a batch of 1": (1, 5),
        "float64": (4, 2),
        "not contiguous": (5, 4),
    }.items():
        score, x, known = (bench.rng.normal(size=shape) for _ in range(3))
        mask = (bench.rng.uniform(size=shape) < 0.5).astype(float)
        mask.flat[0], mask.flat[-1] = 1.0, 0.0
        args = [a if label == "float64" else a.astype(np.float32) for a in (score, x, known, mask)]
        wide = [a.astype(np.float64) for a in args]
        expected = reference_values("conditional_score", *wide)
        cases.append(Case(label, args, expected, conditional_variants(*wide), strided=label == "not contiguous"))
    _record(bench, record, "conditional_score", cases, None)


ARGUMENTS = {
    "q_sample": ("x_0", "t", "betas", "noise"),
    "predict_x_0": ("x_t", "t", "betas", "noise"),
    "posterior_mean": ("x_t", "x_0", "t", "betas"),
    "posterior_variance": ("t", "betas"),
}
LENGTHS = {"beta_schedule": "schedule_length", "beta_bar": "beta_bar_length", "posterior_variance": "variance_shape"}
"""How a wrong shape is called where a function returns one number for each t."""
Order = Callable[[Array, Array, Array, Array], list[Any]]
Plan = tuple[str, Array, tuple[int, ...]]
"""Kind of input, t, and the shape of a sample."""
Plans = Callable[[np.random.Generator, int], list[Plan]]


def _measure(bench: Bench, record: Record, function: str, order: Order, planted: Sequence[str]) -> None:
    """Calls a function of (x, y, t, betas) on all kinds of input, as it is and with its helpers planted."""
    gentle, strong = gentle_betas(bench.rng), strong_betas(bench.rng)
    for betas, plans in ((gentle, _gentle_plans), (strong, _strong_plans)):

        def draw(betas: Array = betas, plans: Plans = plans) -> list[Case]:
            return [_case(bench.rng, function, order, betas, *plan) for plan in plans(bench.rng, len(betas))]

        cases = compare.draw_separated(draw, lambda drawn: drawn)
        helpers = only(tables(betas), *planted)
        _record(bench, record, function, cases, helpers)
    names = ARGUMENTS[function]
    record.facts[function]["ignored"] = compare.ignored_arguments(bench, function, cases[0], names, helpers)


def _times(rng: np.random.Generator, T: int) -> Array:
    """Many t strictly inside 1..T; t = 1 and t = T are asked apart, so that they name a shifted index."""
    inner = rng.integers(2, T, size=64)
    inner[:2] = 2, T - 1
    return inner


def _gentle_plans(rng: np.random.Generator, T: int) -> list[Plan]:
    t = _times(rng, T)
    return [
        ("mixed t", t[:7], (3,)),
        ("as many samples as dimensions", t[7:11], (4,)),
        ("a batch of 1", t[11:12], (2,)),
        ("t = 1", np.full(3, 1), (2,)),
        ("t = T", np.full(5, T), (2,)),
        (ADVICE, t[12:17], (2, 3)),
    ]


def _strong_plans(rng: np.random.Generator, T: int) -> list[Plan]:
    t = _times(rng, T)
    return [
        ("mixed t, another schedule", t[:9], (2,)),
        ("float64", t[9:15], (1,)),
        ("not contiguous", t[15:21], (5,)),
        ("t from 1 to T", np.concatenate([t[21:25], [1, T]]), (2,)),
    ]


def _case(
    rng: np.random.Generator, function: str, order: Order, betas: Array, label: str, t: Array, tail: tuple[int, ...]
) -> Case:
    kind = np.float64 if label == "float64" else np.float32
    shape = (len(t),) if function == "posterior_variance" else (len(t), *tail)
    x, y = (rng.normal(size=shape).astype(kind) for _ in range(2))
    given = betas.astype(kind)
    wide = [a.astype(np.float64) for a in (x, y, given)]
    expected = reference_values(function, *order(wide[0], wide[1], t, wide[2]))
    wrong = variants(function, wide[2], t, wide[0], wide[1])
    return Case(label, order(x, y, t.astype(np.int64), given), expected, wrong, strided=label == "not contiguous")


def _record(
    bench: Bench, record: Record, function: str, cases: Sequence[Case], planted: Mapping[str, Any] | None
) -> None:
    """Adds the function's cases to the facts; raises the failure when none of them was survived."""
    as_is, first = compare.run_cases(bench, function, cases, None)
    isolated, second = compare.run_cases(bench, function, cases, planted) if planted is not None else (as_is, first)
    known = record.facts.setdefault(function, {"as_is": [], "planted": []})
    known["as_is"] += as_is
    known["planted"] += isolated
    if second is not None and all(c["failure"] is not None for c in known["planted"]):
        raise second


def _joint(bench: Bench) -> dict[str, float | None]:
    """Draws x_{t−1} and x_t from the forward process itself; how far the student's posterior is from them, in σ."""
    n, betas = 4000, strong_betas(bench.rng)
    t = int(bench.rng.integers(3, len(betas) + 1))
    x_0 = np.full((n, 1), bench.rng.normal())
    before = x = x_0
    for beta in betas[:t]:
        before, x = x, np.sqrt(1 - beta) * x + np.sqrt(beta) * bench.rng.normal(size=(n, 1))
    ts = np.full(n, t)
    try:
        mean = bench.call("evaluate", "posterior_mean", [x, x_0, ts, betas])["value"]
        variance = bench.call("evaluate", "posterior_variance", [ts, betas])["value"]
    except StudentFailure:
        return {"mean": None, "correlation": None, "variance": None}
    if not all(isinstance(v, np.ndarray) and v.size == n for v in (mean, variance)):
        return {"mean": None, "correlation": None, "variance": None}
    z = (before.ravel() - mean.ravel()) / np.sqrt(np.abs(variance.ravel()) + 1e-30)
    centred = (x.ravel() - x.mean()) / x.std()
    scores = {
        "mean": z.mean() * np.sqrt(n),
        "correlation": (z * centred).sum() / np.sqrt(n),
        "variance": ((z**2).sum() - n) / np.sqrt(2 * n),
    }
    return {name: float(abs(v)) if np.isfinite(v) else None for name, v in scores.items()}


def judge_function(
    facts: Mapping[str, Any], settings: Settings, function: str, catalogue: Mapping[str, str], part: str = WHOLE
) -> Iterator[Finding]:
    """Right as it is, or right once its helpers are (their mistakes are their own questions'); else the mistake."""

    def within(error: float | None) -> bool:
        return settings.within("ddpm.formula", error)

    as_is, planted = ([c for c in facts[k] if c["label"] != ADVICE] for k in ("as_is", "planted"))
    if (found := compare.diagnose(as_is, within, catalogue, function)) is not None:
        if (isolated := compare.diagnose(planted, within, catalogue, function)) is not None:
            yield _lost(facts, function, isolated if isolated.mistake != "unnamed" else found, part)
            return
        yield Note(f"{function} is right by itself; a function that it calls is not (another question).")
    used = as_is if found is None else planted
    if not all(str(c["kind"]).startswith("torch.") for c in used):
        yield Lost(
            "not_a_tensor",
            f"{function} returns right numbers, but not a tensor.",
            part,
            lost_share(settings, "not_a_tensor_credit"),
        )
    if all(any(c["changed"] for c in cases) for cases in (used, planted)):
        sentence = f"{function} overwrites the tensors that it is given: its caller still needs them."
        yield Lost("input_changed", sentence, part, lost_share(settings, "overwritten_input_credit"))
    if any(c["kind"] != "torch.float64" for c in used if c["label"] == "float64"):
        yield Note(f"{function} returns another precision than it is given.")
    if any(c["label"] == ADVICE and not within(c["error"]) for c in facts["as_is"]):
        yield Note(f"{function} works for points (N, d), but not for samples with more axes, such as images.")


def _lost(facts: Mapping[str, Any], function: str, found: compare.Diagnosis, part: str) -> Lost:
    """The loss for a diagnosis, with what else is known of it."""
    mistake, sentence = found.mistake, found.sentence.rstrip(".")
    if mistake == "output_shape" and function in LENGTHS:
        shapes = [c["shape"] for c in facts["as_is"] if c["shape"] is not None]
        fixed = len(shapes) > 1 and all(s == shapes[0] for s in shapes) and function == "beta_schedule"
        mistake = "hard_coded_arguments" if fixed else LENGTHS[function]
    if mistake == "unnamed" and facts.get("ignored"):
        name = facts["ignored"][0]
        mistake = f"ignores_{name}"
        sentence = f"{function} does not use its argument {name}: another one gives the same result"
    return Lost(mistake, f"{sentence}.", part=part)


@schedule.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    known = {
        "beta_schedule": SCHEDULE,
        "beta_bar": {name: sentence for name, (_, sentence) in BETA_BAR.items()},
    }
    for function, catalogue in known.items():
        if function in seen.facts and function not in seen.failures:
            yield from judge_function(seen.facts[function], settings, function, catalogue, part=function)


@q_sample.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    yield from judge_function(seen.facts["q_sample"], settings, "q_sample", sentences("q_sample"))


@predict_x_0.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    yield from judge_function(seen.facts["predict_x_0"], settings, "predict_x_0", sentences("predict_x_0"))


@posterior.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    right = True
    for part, function in (("mean", "posterior_mean"), ("variance", "posterior_variance")):
        if function in seen.facts and part not in seen.failures:
            for finding in judge_function(seen.facts[function], settings, function, sentences(function), part=part):
                right &= isinstance(finding, Note) and "by itself" not in finding.message
                yield finding
        else:
            right = False
    if right and not all(settings.within("ddpm.joint", z) for z in seen.facts["joint"].values()):
        yield Undecided(
            "The formulas agree with the grader's, but samples of the forward process disagree with both.",
            reason="grader",
        )


@conditional_score.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    yield from judge_function(seen.facts["conditional_score"], settings, "conditional_score", CONDITIONAL)
