"""Trainings judged as they run: accept at any checkpoint, stop at the first pass, up to three fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from grader.model import Json

TRIES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was seen of a training at one step."""

    step: int
    measured: Mapping[str, float]
    """By metric; smaller is better for every one."""

    def passes(self, bars: Mapping[str, float]) -> bool:
        """Whether every metric that has a bar is a number not above it."""
        return all(self.measured.get(name, float("nan")) <= bar for name, bar in bars.items())


@dataclass(slots=True)
class Attempts:
    """All checkpoints of all tries, and whether one passed."""

    bars: dict[str, float]
    tries: list[list[Checkpoint]] = field(default_factory=list)
    passed: bool = False

    @property
    def steps(self) -> int:
        """Steps trained in all tries together."""
        return sum(checkpoints[-1].step for checkpoints in self.tries if checkpoints)

    def facts(self) -> dict[str, Json]:
        """As evidence."""
        return {
            "bars": dict(self.bars),
            "passed": self.passed,
            "tries": [[{"step": c.step, **_finite(c.measured)} for c in t] for t in self.tries],
        }


def train_until_good(
    training: Callable[[int], Iterator[Checkpoint]],
    bars: Mapping[str, float],
    tries: int = TRIES,
    again: Callable[[], bool] = lambda: True,
) -> Attempts:
    """Runs `training(number)` up to `tries` times and reads its checkpoints until one is within all bars.

    After a failed try `again` says whether another one is worth its time.
    """
    attempts = Attempts(dict(bars))
    for number in range(tries):
        if number and not again():
            break
        seen: list[Checkpoint] = []
        attempts.tries.append(seen)
        for checkpoint in training(number):
            seen.append(checkpoint)
            if checkpoint.passes(bars):
                attempts.passed = True
                return attempts
    return attempts


def decision(facts: Mapping[str, Json], bars: Mapping[str, float]) -> bool | None:
    """Whether stored attempts pass under `bars`; None when they stopped at easier bars and can't tell."""
    points = [Checkpoint(c["step"], {k: v for k, v in c.items() if v is not None}) for t in facts["tries"] for c in t]
    if any(c.passes(bars) for c in points):
        return True
    stopped_early = facts["passed"] and any(bars[name] < facts["bars"].get(name, bars[name]) for name in bars)
    return None if stopped_early else False


def best(facts: Mapping[str, Json], metric: str) -> float | None:
    """The smallest value of a metric over all checkpoints."""
    values = [c[metric] for t in facts["tries"] for c in t if c.get(metric) is not None]
    return min(values) if values else None


def _finite(measured: Mapping[str, float]) -> dict[str, float | None]:
    return {name: (float(value) if abs(value) < float("inf") else None) for name, value in measured.items()}
