"""The student's two GAN losses train networks of ours on a ring of eight modes; the samples are drawn on our side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checks.registry import Bench, Record
from grader.model import Json
from grader.scoring.metrics import energy_distance, mode_coverage, sliced_wasserstein
from grader.scoring.sequential import Checkpoint, train_until_good

Floats = NDArray[np.float64]

MODES, RADIUS, DEVIATION = 8, np.sqrt(2.0), 0.1
ZDIM, BATCH, EVERY, SAMPLES = 8, 128, 125, 1000
SCHEDULE = ((750, 1e-3), (1000, 1e-3), (1500, 1e-3))
"""Steps and learning rate of each try."""
CPU_S = 20.0


class UnusableLoss(Exception):
    """A loss is not a scalar that carries a gradient; the argument names it, d or g."""


def ring_centres(rng: np.random.Generator) -> Floats:
    """Eight modes on a circle of variance 1 a coordinate, at a random angle."""
    angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(MODES) / MODES
    centres: Floats = RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centres


def draw_ring(centres: Floats, n: int, rng: np.random.Generator) -> Floats:
    """A sample (n, 2) of the ring."""
    points: Floats = centres[rng.integers(MODES, size=n)] + DEVIATION * rng.standard_normal((n, 2))
    return points


def generator_points(weights: Mapping[str, Any], z: Floats) -> Floats:
    """Our generator's points (n, 2) from its weights as they came back, in evaluation mode; z (n, ZDIM)."""
    w = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}
    h = z
    for linear, norm in ((0, 1), (3, 4)):
        h = h @ w[f"net.{linear}.weight"].T + w[f"net.{linear}.bias"]
        scale = w[f"net.{norm}.weight"] / np.sqrt(w[f"net.{norm}.running_var"] + 1e-5)
        h = np.maximum((h - w[f"net.{norm}.running_mean"]) * scale + w[f"net.{norm}.bias"], 0)
    points: Floats = h @ w["net.6.weight"].T + w["net.6.bias"]
    return points


def ring_measured(points: Floats, centres: Floats, rng: np.random.Generator) -> dict[str, float]:
    """'energy' and 'modes_missing' (of 8) decide; the others are shown."""
    if not np.isfinite(points).all():
        return {"energy": float("inf"), "modes_missing": float(MODES)}
    fresh = draw_ring(centres, len(points), rng)
    coverage = mode_coverage(points, centres, 4 * DEVIATION)
    return {
        "energy": energy_distance(points, fresh),
        "modes_missing": float(MODES - coverage.covered),
        "outside": 1 - coverage.inside,
        "sliced_w2": sliced_wasserstein(points, fresh, rng, 32),
    }


def train_ring(
    bench: Bench,
    record: Record,
    bars: Mapping[str, float],
    schedule: Sequence[tuple[int, float]] = SCHEDULE,
    again: Callable[[], bool] = lambda: True,
) -> None:
    """Writes down the tries (fact 'ring'), or which loss could not be used (fact 'unusable_loss').

    Raises StudentFailure when a loss fails.
    """
    centres = ring_centres(bench.rng)
    losses: list[NDArray[np.float32]] = []
    latest: dict[str, Floats] = {}

    def training(number: int) -> Iterator[Checkpoint]:
        seed, spent = int(bench.rng.integers(2**31 - 10_000)), 0.0
        cap, rate = schedule[number]
        bench.call("ring_begin", ZDIM, seed, rate, bench.device)
        losses.clear()
        for step in range(EVERY, cap + 1, EVERY):
            points = draw_ring(centres, EVERY * BATCH, bench.rng).astype(np.float32)
            z = bench.rng.uniform(-1, 1, size=(EVERY * BATCH, ZDIM)).astype(np.float32)
            seen: dict[str, Json] = bench.call("ring_advance", points, z, BATCH, seed + step, limit_s=60.0)
            if "unusable" in seen:
                raise UnusableLoss(seen["unusable"])
            losses.append(np.asarray(seen["losses"], np.float32))
            drawn = generator_points(seen["weights"], bench.rng.uniform(-1, 1, size=(SAMPLES, ZDIM)))
            latest["samples"] = drawn
            yield Checkpoint(step, ring_measured(drawn, centres, bench.rng))
            spent += float(seen["cpu_s"])
            if spent > CPU_S:
                return

    try:
        record(ring=train_until_good(training, bars, len(schedule), again).facts())
    except UnusableLoss as which:
        record(unusable_loss=str(which))
        return
    record.array("picture.samples", np.nan_to_num(latest["samples"]).astype(np.float32))
    record.array("picture.data", draw_ring(centres, SAMPLES, bench.rng).astype(np.float32))
    both = np.concatenate(losses)
    record.array("picture.loss.discriminator_ring", both[:, 0])
    record.array("picture.loss.generator_ring", both[:, 1])
