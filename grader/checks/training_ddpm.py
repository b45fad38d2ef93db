"""5.9 of the DDPM track: the student's NoiseNet learns to denoise three blobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from grader.checks import figures
from grader.checks.registry import Bench, Record, Settings, check
from grader.checks.training_judge import judge_training
from grader.checks.training_points import Floats, Recipe, train_network
from grader.model import Evidence, Finding, Lost
from grader.scoring.tolerances import read_tolerances
from reference.ddpm import beta_schedule, p_sample, q_sample

T, BETA_T = 100, 0.1
BETAS = beta_schedule(T, 1e-4, BETA_T).double()


def noise_rows(x: Floats, rng: np.random.Generator) -> tuple[list[Any], Floats, Floats]:
    """(x_t, t), the noise in x_t, and the weight 1, for points x (n, 2)."""
    t = rng.integers(1, T + 1, size=len(x))
    noise = rng.standard_normal(x.shape)
    x_t = q_sample(torch.from_numpy(x), torch.from_numpy(t), BETAS, torch.from_numpy(noise)).numpy()
    return [x_t.astype(np.float32), t], noise, np.ones((len(x), 1))


def reverse_steps() -> dict[str, Any]:
    """The reverse steps T..1 as numbers: each is linear in x, in the predicted noise and in the fresh noise."""
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    columns: dict[str, list[float]] = {"keep": [], "push": [], "spread": []}
    times = range(T, 0, -1)
    for t in times:
        at = torch.tensor([t])
        columns["keep"].append(float(p_sample(lambda x, _: 0 * x, one, at, BETAS, zero)))
        columns["push"].append(float(p_sample(lambda x, _: 0 * x + 1, zero, at, BETAS, zero)))
        columns["spread"].append(float(p_sample(lambda x, _: 0 * x, zero, at, BETAS, one)))
    steps: dict[str, Any] = {name: np.array(value, dtype=np.float32) for name, value in columns.items()}
    return steps | {"label": np.array(times, dtype=np.int64)}


def recipe() -> Recipe:
    """Regression on the noise, sampling by the reverse steps."""
    return Recipe("NoiseNet", noise_rows, reverse_steps(), column=False)


@check("ddpm.training", module="hw5_ddpm", driver="training+figures", cost="training")
def training(bench: Bench, record: Record) -> None:
    """NoiseNet learns to predict the noise, so that the data can be sampled"""
    bars = {"energy": read_tolerances()["ddpm.training_energy"].value, "modes_missing": 0.0}
    train_network(bench, record, recipe(), bars)
    if "training" not in record.facts:
        return
    x = bench.rng.standard_normal((200, 2)).astype(np.float32)
    early, late = (bench.call("outputs", [x, np.full(200, t, dtype=np.int64)]) for t in (2, T))
    early, late = np.asarray(early, np.float64), np.asarray(late, np.float64)
    figures.points_of_ddpm(bench, record)
    record(time_effect=float(np.abs(early - late).mean() / (np.abs(early).mean() + 1e-12)))


@training.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    effect = seen.facts.get("time_effect")
    if effect is not None and effect < 1e-4:
        yield Lost("t_ignored", "NoiseNet gives the same output for every t: the step does not enter the network.")
        return
    yield from judge_training(seen, settings, "ddpm.training_energy", "NoiseNet")
