"""Training of a network on points in the plane: three unequal blobs off the centre, where one Gaussian cannot pass.

The grader makes the noisy rows and the targets, and the numbers of the sampling steps; the student process only
regresses and draws. So a mistake in the student's loss or sampler cannot fail the student's network here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checks.registry import Bench, Record
from grader.model import Json
from grader.scoring.metrics import distinct_share, energy_distance, mode_coverage, mode_width, sliced_wasserstein
from grader.scoring.sequential import Checkpoint, train_until_good

Floats = NDArray[np.float64]

WEIGHTS = np.array([0.5, 0.3, 0.2])
CENTRES = np.array([[-1.1, 1.0], [1.7, 1.4], [1.0, -1.2]])
DEVIATION = 0.25
SAMPLES, BATCH, EVERY = 1000, 128, 250
SCHEDULE = ((1500, 2e-3), (3000, 5e-3), (6000, 2e-3))
"""Steps and learning rate of each try. Sigmoid units and tables of t learn slowly: they pass in the later tries."""
CPU_S = 25.0
"""A try ends when the student process has computed for so long."""
SHAKE = 0.5


@dataclass(frozen=True, slots=True)
class Blobs:
    """A mixture of three Gaussians, turned about the origin by an angle that is drawn for each submission."""

    centres: Floats

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Blobs:
        """The blobs at a random angle, perhaps mirrored."""
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        mirror = np.diag([1.0, rng.choice([-1.0, 1.0])])
        return cls(CENTRES @ mirror @ turn.T)

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """A sample (n, 2)."""
        which = rng.choice(len(WEIGHTS), size=n, p=WEIGHTS)
        return self.centres[which] + DEVIATION * rng.standard_normal((n, 2))

    def measured(self, x: Any, rng: np.random.Generator) -> dict[str, float]:
        """Distances of a sample from the law; 'energy' and 'modes_missing' decide, the others are shown."""
        x = np.asarray(x, dtype=np.float64)
        if not np.isfinite(x).all():
            return {"energy": float("inf"), "modes_missing": 3.0}
        fresh = self.draw(len(x), rng)
        coverage = mode_coverage(x, self.centres, 4 * DEVIATION, WEIGHTS)
        return {
            "energy": energy_distance(x, fresh),
            "modes_missing": float(len(WEIGHTS) - coverage.covered),
            "outside": 1 - coverage.inside,
            "sliced_w2": sliced_wasserstein(x, fresh, rng, 32),
            "width": mode_width(x, self.centres, 4 * DEVIATION) / DEVIATION,
            "constant": 1 - distinct_share(x),
        }


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is learned and how samples are drawn from it."""

    class_name: str
    rows: Callable[[Floats, np.random.Generator], tuple[list[Any], Floats, Floats]]
    """Points (n, 2) → inputs of the network, target (n, 2), weight (n, 1)."""
    steps: Mapping[str, Any]
    """keep, push, spread, label of each sampling step."""
    column: bool
    """Whether the label goes to the network as (N, 1) or as (N,)."""


class Stopped(Exception):
    """The training cannot go on: the network's output has no gradient or another shape."""

    def __init__(self, why: Mapping[str, Json]) -> None:
        super().__init__(str(why))
        self.why = dict(why)


def train_network(
    bench: Bench,
    record: Record,
    recipe: Recipe,
    bars: Mapping[str, float],
    schedule: Sequence[tuple[int, float]] = SCHEDULE,
    again: Callable[[], bool] = lambda: True,
) -> None:
    """Trains the student's network by the recipe and writes down every checkpoint, then the counterfactual.

    Facts: training (tries, bars, passed), stopped (why it could not go on), shaken (energy between the samples of
    the weights and of disturbed weights, from the same noise). Arrays: picture.samples, picture.data, picture.loss.
    """
    blobs = Blobs.drawn(bench.rng)
    losses: list[float] = []
    latest: dict[str, Any] = {}

    def training(number: int) -> Iterator[Checkpoint]:
        seed, spent = int(bench.rng.integers(2**31 - 10_000)), 0.0
        cap, rate = schedule[number]
        begun = bench.call("begin", recipe.class_name, seed, rate, bench.device)
        latest["parameters"] = begun["parameters"]
        if not begun["parameters"]:
            raise Stopped({"frozen": begun["frozen"]})
        losses.clear()
        for step in range(EVERY, cap + 1, EVERY):
            inputs, target, weight = recipe.rows(blobs.draw(EVERY * BATCH, bench.rng), bench.rng)
            seen = bench.call("advance", inputs, _single(target), _single(weight), BATCH, seed + step, limit_s=60.0)
            losses.extend(seen["losses"])
            latest["blocked"] = seen.get("blocked", [0, 0])
            if "no_gradient" in seen or "shape" in seen:
                raise Stopped({k: v for k, v in seen.items() if k != "losses"})
            drawn = bench.call("draw", SAMPLES, dict(recipe.steps), recipe.column, seed + step, 0.0, limit_s=60.0)
            latest["samples"] = drawn["samples"]
            yield Checkpoint(step, blobs.measured(drawn["samples"], bench.rng))
            spent += float(seen["cpu_s"])
            if spent > CPU_S:
                return

    try:
        attempts = train_until_good(training, bars, len(schedule), again)
    except Stopped as stop:
        record(stopped=stop.why)
        return
    record(training=attempts.facts(), parameters=latest["parameters"], blocked=latest["blocked"])
    seed = int(bench.rng.integers(2**31 - 10_000))
    pair = bench.call("draw", 300, dict(recipe.steps), recipe.column, seed, SHAKE, limit_s=60.0)
    same = np.asarray(pair["samples"], np.float64), np.asarray(pair["shaken"], np.float64)
    record(shaken=float(np.abs(np.nan_to_num(same[0] - same[1], nan=1e3)).mean()))
    record.array("picture.samples", np.asarray(latest["samples"], np.float32))
    record.array("picture.data", blobs.draw(SAMPLES, bench.rng).astype(np.float32))
    record.array("picture.loss", np.asarray(losses, np.float32))


def _single(values: Floats) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
