"""5.9 of the DDPM track: the student's NoiseNet learns to denoise three blobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from grader.checks import figures
from grader.checks.registry import Bench, Record, Settings, check
from grader.checks.training_judge import judge_training
from grader.checks.training_points import Floats, Recipe, train_network
from grader.model import Evidence, Finding, Json, Lost
from grader.scoring.tolerances import read_tolerances
from reference.ddpm import beta_schedule, p_sample, q_sample

T, BETA_T = 100, 0.1
NO_EFFECT = 1e-4
"""Relative change of the output below which x_t or t has no part in it (trained networks: about 1)."""
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
    train_network(bench, record, recipe(), bars, again=lambda: not list(_depends(_probe(bench))))
    if "training" in record.facts or "no_gradient" in record.facts["stopped"]:
        record(probe=_probe(bench))
    if "training" in record.facts:
        figures.points_of_ddpm(bench, record)


def _probe(bench: Bench) -> dict[str, Json]:
    """On what the averaged network's output depends: x, t, the other rows; relative to its size."""
    x = bench.rng.standard_normal((200, 2)).astype(np.float32)
    low, high = np.full(200, 2), np.full(200, T)
    mixed = np.where(np.arange(200) % 2, high, low)

    def output(points: Any, t: Any) -> Floats:
        return np.nan_to_num(np.asarray(bench.call("outputs", [points, t]), np.float64))

    early, late, both, few = output(x, low), output(x, high), output(x, mixed), output(x[:20], low[:20])
    scale = float(np.abs(early).mean()) + 1e-12
    own = np.where((mixed == T)[:, None], late, early)
    return {
        "t": float(np.abs(early - late).mean()) / scale,
        "x": float(early.std(axis=0).max()) / scale,
        "batch": float(np.abs(early[:20] - few).max()) / scale,
        "row_t": float(np.abs(both - own).max()) / scale,
        "first_t": float(np.abs(both - early).max()) / scale,
        "input": float(np.abs(early - x).max()),
    }


def _depends(probe: Mapping[str, Any]) -> Iterator[Lost]:
    """Faults in what the output depends on."""
    if probe["input"] < 1e-5:
        yield Lost("returns_input", "NoiseNet returns x_t itself.")
    elif probe["x"] < NO_EFFECT and probe["t"] < NO_EFFECT:
        yield Lost("constant_output", "NoiseNet gives the same output for every x_t and every t.")
    elif probe["x"] < NO_EFFECT:
        yield Lost("x_not_used", "NoiseNet gives the same output for every x_t: the point does not enter the network.")
    elif probe["t"] < NO_EFFECT:
        yield Lost("t_not_used", "NoiseNet gives the same output for every t: the step does not enter the network.")
    elif probe["row_t"] > 1e-2 and probe["first_t"] < 1e-3:
        yield Lost("first_t_only", "NoiseNet uses the first t of the batch for all rows; each row has its own t.")
    elif max(probe["batch"], probe["row_t"]) > 1e-2:
        yield Lost(
            "rows_depend_on_each_other",
            "NoiseNet's output for one point depends on the other points of the batch; each row must stand for itself.",
        )


@training.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    faults = list(_depends(seen.facts["probe"])) if "probe" in seen.facts else []
    yield from faults or judge_training(seen, settings, "ddpm.training_energy", "NoiseNet")
