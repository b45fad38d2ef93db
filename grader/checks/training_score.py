"""5.4 of the score track: the student's ScoreNet learns the score of three blobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from grader.checks import figures
from grader.checks.registry import Bench, Record, Settings, check
from grader.checks.training_judge import judge_training
from grader.checks.training_points import Floats, Recipe, train_network
from grader.model import Evidence, Finding, Lost
from grader.scoring.tolerances import read_tolerances

SIGMAS = np.geomspace(2.0, 0.2, 8)
STEPS_PER_LEVEL, EPS = 6, 0.02


def score_rows(x: Floats, rng: np.random.Generator) -> tuple[list[Any], Floats, Floats]:
    """(x̃, σ), the score of N(x̃; x, σ² I), and the weight σ², for points x (n, 2)."""
    sigma = SIGMAS[rng.integers(len(SIGMAS), size=(len(x), 1))]
    z = rng.standard_normal(x.shape)
    inputs = [(x + sigma * z).astype(np.float32), sigma.astype(np.float32)]
    return inputs, -z / sigma, sigma**2


def langevin_steps() -> dict[str, Any]:
    """The annealed Langevin updates as numbers: x ← x + α s + √(2α) z."""
    sigma = np.repeat(SIGMAS, STEPS_PER_LEVEL)
    alpha = EPS * sigma**2 / SIGMAS[-1] ** 2
    columns = {"keep": np.ones_like(alpha), "push": alpha, "spread": np.sqrt(2 * alpha), "label": sigma}
    return {name: value.astype(np.float32) for name, value in columns.items()}


RECIPE = Recipe("ScoreNet", score_rows, langevin_steps(), column=True)


@check("score.training", module="hw5_diffusion", driver="training+figures", cost="training")
def training(bench: Bench, record: Record) -> None:
    """ScoreNet learns a score from which samples of the data can be drawn"""
    bars = {"energy": read_tolerances()["score.training_energy"].value, "modes_missing": 0.0}
    train_network(bench, record, RECIPE, bars)
    figures.points_of_cs446(bench, record)


@training.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    blocked = seen.facts.get("blocked", [0, 0])
    if blocked[1]:
        yield Lost(
            "frozen_network", f"{blocked[1]} of ScoreNet's parameter tensors require no gradient: they never learn."
        )
    elif blocked[0]:
        yield Lost(
            "no_gradient", f"No gradient reaches {blocked[0]} of ScoreNet's parameter tensors (detach in forward?)."
        )
    else:
        yield from _sampled(seen, settings)


def _sampled(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    yield from judge_training(seen, settings, "score.training_energy", "ScoreNet")
