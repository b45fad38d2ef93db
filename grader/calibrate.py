"""`grader calibrate`: measures every bound of reference/tolerances.toml again on the reference, over fresh seeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from grader.checks.catalogue import find_check
from grader.checks.registry import Record
from grader.checks.trusted_bench import TrustedBench, measure_trusted
from grader.judge import JudgeSettings, ObservedSettings
from grader.model import Evidence, GraderError, Lost
from grader.rubric import read_rubric
from grader.scoring.calibration import failure_rate, fit_tail
from grader.scoring.tolerances import Tolerance, read_tolerances

TARGET = 1e-4
"""Wanted share of right submissions that fail a bound, all tries together."""


Statistic = Callable[[Evidence], float]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the runs of one tolerance come from."""

    checks: tuple[str, ...]
    """One run measures all of them; the largest statistic counts."""
    statistic: Statistic
    """What the tolerance bounds, in the evidence of one check."""
    tries: int = 1
    """How many tries a submission has."""
    law_is_known: bool = False
    """Whether the share that fails follows from a known law, which the runs only confirm."""
    part: str = ""
    """Of a check with two trainings, the one that is run."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the runs say of one tolerance."""

    name: str
    value: float
    runs: int
    worst: float
    wanted: float | None
    """The bound that the fitted tail gives for the target; None without a tail."""
    false_fail: float
    """Estimated share of right submissions failing the present value, all tries together."""

    @property
    def sound(self) -> bool:
        """Whether no run failed and the estimate meets the target (or, without a tail, no run came near)."""
        return self.worst <= self.value and (self.false_fail <= TARGET or self.worst <= self.value / 10)


@cache
def _settings(check: str) -> JudgeSettings:
    rubric = read_rubric()
    question = next(q for q in rubric.questions if q.check == check)
    return JudgeSettings(question, rubric.policy, read_tolerances())


def _compared(name: str) -> Statistic:
    """The largest value that the judge compared with a tolerance and found within; infinite where it found a fault.

    A value beyond the bound beside no fault belongs to another hypothesis: another scale, another accepted variance.
    """

    def statistic(seen: Evidence) -> float:
        check = find_check(seen.check)
        settings = ObservedSettings.of(_settings(seen.check))
        assert check.judge_function is not None
        if any(isinstance(found, Lost) for found in check.judge_function(seen, settings)):
            return float("inf")
        inside = (value for bound, value, within in settings.compared if bound == name and within)
        return max((value for value in inside if value is not None), default=0.0)

    return statistic


def _updates(name: str) -> Statistic:
    return lambda seen: float(seen.facts["updates"][name])


def _fact(name: str) -> Statistic:
    return lambda seen: float(seen.facts[name])


def _forms(seen: Evidence) -> float:
    return max(float(form["error"]) for form in seen.facts["forms"].values())


def _draws(seen: Evidence) -> float:
    if "updates" in seen.facts:
        updates = seen.facts["updates"]
        return max(float(seen.facts["start_surprise"]), *(float(updates[f"{k}_surprise"]) for k in ("noise", "order")))
    return max(float(seen.facts["levels_surprise"]), float(seen.facts["noise_surprise"]))


def _trajectory(seen: Evidence) -> float:
    return min(float(e) for e in seen.facts["trajectory"]["errors"].values())


def _weights(seen: Evidence) -> float:
    """Spread of the weights by t of a loss without weights."""
    return max(float(max(w) / min(w)) - 1 for w in (draw["weights"] for draw in seen.facts["as_is"]["draws"]))


def _best(fact: str, metric: str = "energy") -> Statistic:
    return lambda seen: min(float(c[metric]) for c in seen.facts[fact]["tries"][0])


_LOSSES = ("gan.discriminator_loss", "gan.generator_loss")
_NETS = ("gan.dnet", "gan.gnet")
_FORMULAS = tuple(
    f"ddpm.{name}" for name in ("schedule", "q_sample", "predict_x_0", "posterior", "p_sample", "conditional_score")
)


def _judged(name: str, *checks: str, law_is_known: bool = False) -> tuple[str, Source]:
    return name, Source(checks, _compared(name), law_is_known=law_is_known)


SOURCES: dict[str, Source] = {
    "score.net_output": Source(("score.score_net",), _forms),
    "score.loss_match": Source(("score.denoising_loss",), _fact("loss_error")),
    "score.gradient_match": Source(("score.denoising_loss",), _fact("gradient_error")),
    "score.surprise": Source(("score.denoising_loss", "score.langevin"), _draws, law_is_known=True),
    "score.step_size": Source(("score.langevin",), _updates("step_error")),
    "score.noise_scale": Source(("score.langevin",), _updates("noise_error")),
    "score.trajectory_match": Source(("score.langevin",), _trajectory),
    **dict(
        (
            _judged("gan.forward", *_NETS),
            _judged("gan.gradient", *_NETS, *_LOSSES),
            _judged("gan.loss", *_LOSSES),
            _judged("gan.loss_large", *_LOSSES),
            _judged("gan.steps", *_LOSSES),
            _judged("gan.init_bias", "gan.weight_init", law_is_known=True),
            _judged("gan.init_bound", "gan.weight_init", law_is_known=True),
            _judged("gan.init_distance", "gan.weight_init", law_is_known=True),
            _judged("ddpm.formula", *_FORMULAS),
            _judged("ddpm.joint", "ddpm.posterior", law_is_known=True),
            _judged("ddpm.loss", "ddpm.loss"),
            _judged("ddpm.surprise", "ddpm.loss", "ddpm.sample", law_is_known=True),
            _judged("ddpm.last_step", "ddpm.sample"),
            _judged("ddpm.moments", "ddpm.sample", law_is_known=True),
        )
    ),
    "ddpm.weights": Source(("ddpm.loss",), _weights),
    "score.training_energy": Source(("score.training",), _best("training"), tries=3),
    "ddpm.training_energy": Source(("ddpm.training",), _best("training"), tries=3),
    "gan.ring_energy": Source(("gan.training",), _best("ring"), tries=3, part="ring"),
    "gan.optimum": Source(("gan.training",), _best("optimum", "deviation"), tries=3, part="optimum"),
}


def calibrate(
    tolerances: dict[str, Tolerance],
    runs: int,
    *,
    names: Sequence[str] = (),
    first_seed: int = 10_000,
    listener: Callable[[str, int], None] = lambda _name, _run: None,
) -> Iterator[Calibration]:
    """Runs the reference `runs` times for each tolerance that has a source, and yields what came out.

    Trainings run one short try without early stopping. Raises GraderError for an unknown name.
    """
    unknown = [n for n in names if n not in SOURCES]
    if unknown:
        raise GraderError(f"There is nothing to measure for {unknown[0]!r}; known: {', '.join(SOURCES)}.")
    evidence: dict[tuple[str, str], list[Evidence]] = {}
    for name, source in SOURCES.items():
        if (names and name not in names) or name not in tolerances:
            continue
        for check in source.checks:
            if (key := (check, source.part)) not in evidence:
                evidence[key] = []
                for i in range(runs):
                    listener(check, i)
                    evidence[key].append(_measure(*key, first_seed + i))
        columns = [[source.statistic(seen) for seen in evidence[check, source.part]] for check in source.checks]
        yield _calibration(tolerances[name], np.array(columns).max(axis=0), source)


def _measure(name: str, part: str, seed: int) -> Evidence:
    check, module = find_check(name), _reference(name)
    if not name.endswith(".training"):
        seen = measure_trusted(check, module, seed)
    else:
        record = Record()
        _short_try(name, part, TrustedBench(check, module, seed), record)
        seen = Evidence(name, record.facts, record.arrays)
    if seen.failures:
        raise GraderError(f"The reference fails {name} at seed {seed}: {next(iter(seen.failures.values())).sentence}")
    return seen


def _short_try(name: str, part: str, bench: TrustedBench, record: Record) -> None:
    """One try of the length in which right code passes, with a bar that nothing meets."""
    from grader.checks import training_ddpm, training_optimum, training_points, training_ring, training_score

    if part == "optimum":
        training_optimum.train_to_optimum(bench, record, {"deviation": -1.0}, schedule=((180, 0.05),))
        return
    never = {"energy": -1.0}
    if part == "ring":
        training_ring.train_ring(bench, record, never, schedule=((375, 1e-3),))
        return
    recipe = training_score.RECIPE if name == "score.training" else training_ddpm.recipe()
    training_points.train_network(bench, record, recipe, never, schedule=((750, 2e-3),))


def _reference(name: str) -> ModuleType:
    import reference.ddpm
    import reference.gan
    import reference.score

    modules: dict[str, Any] = {"gan": reference.gan, "ddpm": reference.ddpm, "score": reference.score}
    module: ModuleType = modules[name.partition(".")[0]]
    return module


def _calibration(tolerance: Tolerance, values: np.ndarray[Any, np.dtype[np.float64]], source: Source) -> Calibration:
    tail, worst = fit_tail(values), float(values.max())
    if source.law_is_known:
        return Calibration(tolerance.name, tolerance.value, len(values), worst, None, tolerance.false_fail)
    exact = np.ptp(values) == 0 and values[0] <= tolerance.value / 10  # then nothing random is bounded
    rate = 0.0 if exact else failure_rate(values, tolerance.value)
    wanted = tail.quantile(TARGET ** (1 / source.tries)) if tail is not None else None
    return Calibration(tolerance.name, tolerance.value, len(values), worst, wanted, rate**source.tries)


def table(results: Sequence[Calibration]) -> list[str]:
    """Lines for the terminal."""
    lines = [f"{'bound':26} {'value':>9} {'runs':>5} {'worst run':>10} {'at 1e-4':>9} {'false fail':>10}  sound"]
    for r in results:
        wanted = f"{r.wanted:9.2g}" if r.wanted is not None else "        -"
        sound = "yes" if r.sound else "NO"
        lines.append(f"{r.name:26} {r.value:9.2g} {r.runs:5d} {r.worst:10.2g} {wanted} {r.false_fail:10.1g}  {sound}")
    return lines


def updated(text: str, results: Sequence[Calibration]) -> str:
    """The text of tolerances.toml with `runs` and `false_fail` of these results; values and sentences stay."""
    for r in results:
        pattern = re.compile(rf'(\["{re.escape(r.name)}"\]\n(?:(?!\[).*\n)*?)runs = \d+\nfalse_fail = \S+')
        shown = f"{r.false_fail:.0e}" if r.false_fail >= 1e-12 else "0.0"
        text = pattern.sub(lambda m, n=r.runs, s=shown: f"{m[1]}runs = {n}\nfalse_fail = {s}", text)  # type: ignore[misc]
    return text
