"""`grader calibrate`: measures every bound of reference/tolerances.toml again on the reference, over fresh seeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from grader.checks.catalogue import find_check
from grader.checks.registry import Record
from grader.checks.trusted_bench import TrustedBench, measure_trusted
from grader.model import Evidence, GraderError
from grader.scoring.calibration import failure_rate, fit_tail
from grader.scoring.tolerances import Tolerance

TARGET = 1e-4
"""Wanted share of right submissions that fail a bound, all tries together."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the runs of one tolerance come from."""

    check: str
    statistic: Callable[[Evidence], float]
    """What the tolerance bounds, in the evidence of one run."""
    tries: int = 1
    """How many tries a submission has."""


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


def _updates(name: str) -> Callable[[Evidence], float]:
    return lambda seen: float(seen.facts["updates"][name])


def _fact(name: str) -> Callable[[Evidence], float]:
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


def _energy(fact: str) -> Callable[[Evidence], float]:
    return lambda seen: min(float(c["energy"]) for c in seen.facts[fact]["tries"][0])


SOURCES: dict[str, Source] = {
    "score.net_output": Source("score.score_net", _forms),
    "score.loss_match": Source("score.denoising_loss", _fact("loss_error")),
    "score.gradient_match": Source("score.denoising_loss", _fact("gradient_error")),
    "score.surprise": Source("score.langevin", _draws),
    "score.step_size": Source("score.langevin", _updates("step_error")),
    "score.noise_scale": Source("score.langevin", _updates("noise_error")),
    "score.trajectory_match": Source("score.langevin", _trajectory),
    "score.training_energy": Source("score.training", _energy("training"), tries=3),
    "ddpm.training_energy": Source("ddpm.training", _energy("training"), tries=3),
    "gan.ring_energy": Source("gan.training", _energy("ring"), tries=3),
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
    evidence: dict[str, list[Evidence]] = {}
    for name, source in SOURCES.items():
        if (names and name not in names) or name not in tolerances:
            continue
        if source.check not in evidence:
            evidence[source.check] = []
            for i in range(runs):
                listener(source.check, i)
                evidence[source.check].append(_measure(source.check, first_seed + i))
        values = np.array([source.statistic(seen) for seen in evidence[source.check]])
        yield _calibration(tolerances[name], values, source.tries)


def _measure(name: str, seed: int) -> Evidence:
    check, module = find_check(name), _reference(name)
    if not name.endswith(".training"):
        seen = measure_trusted(check, module, seed)
    else:
        record = Record()
        _short_try(name, TrustedBench(check, module, seed), record)
        seen = Evidence(name, record.facts, record.arrays)
    if seen.failures:
        raise GraderError(f"The reference fails {name} at seed {seed}: {next(iter(seen.failures.values())).sentence}")
    return seen


def _short_try(name: str, bench: TrustedBench, record: Record) -> None:
    """One try of the length in which right code passes, with a bar that nothing meets."""
    from grader.checks import training_ddpm, training_points, training_ring, training_score

    never = {"energy": -1.0}
    if name == "gan.training":
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


def _calibration(tolerance: Tolerance, values: np.ndarray[Any, np.dtype[np.float64]], tries: int) -> Calibration:
    tail = fit_tail(values)
    exact = np.ptp(values) == 0 and values[0] <= tolerance.value / 10  # then nothing random is bounded
    rate = 0.0 if exact else failure_rate(values, tolerance.value)
    wanted = tail.quantile(TARGET ** (1 / tries)) if tail is not None else None
    return Calibration(tolerance.name, tolerance.value, len(values), float(values.max()), wanted, rate**tries)


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
