"""ddpm_loss under a planted noise predictor: from what the predictor was asked, the loss is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grader.checks.compare import Array
from grader.checks.ddpm_loss_facts import T, known_bounds, loss_facts
from grader.checks.ddpm_loss_judge import judge_loss
from grader.checks.ddpm_tables import draw_betas, hidden_predictor, only, tables
from grader.checks.isolated import measure_isolated
from grader.checks.registry import Bench, Record, check
from grader.model import Json

BATCHES = (900, 900, 400)
"""The first two differ only by the seed, so that noise that is always the same shows."""
SMALL_CALLS = 150
"""Calls that show the law of t where one t serves a whole batch."""


@check("ddpm.loss", module="hw5_ddpm", driver="stand_in+ddpm")
def loss(bench: Bench, record: Record) -> None:
    """ddpm_loss is the mean squared error of the predicted noise, for t uniform on 1..T and standard normal noise"""
    betas = draw_betas(bench.rng, T, 0.05, 0.3)
    full = tables(betas)
    model = hidden_predictor(bench.rng, full, 0.4)

    def measure(mode: str, planted: Mapping[str, Any] | None) -> Json:
        return _measure(bench, betas, full, model, planted)

    measure_isolated(record, measure, only(full, "beta_bar", "q"))


def _measure(
    bench: Bench, betas: Array, full: dict[str, Any], model: dict[str, Array], planted: Any
) -> dict[str, Json]:
    rng = np.random.default_rng(bench.rng.integers(2**63))
    small = {k: v.astype(np.float32) for k, v in model.items()}
    betas32 = betas.astype(np.float32)
    draws: list[dict[str, Json]] = []
    noises: list[Array | None] = []
    for n in BATCHES:
        x_0 = rng.normal(0.3, 0.6, (n, 2)).astype(np.float32)
        reply = bench.call("planted_loss", small, x_0, betas32, int(rng.integers(2**31)), tables=planted)
        draw, noise = loss_facts(reply, x_0.astype(np.float64), full, model)
        draws.append(draw)
        noises.append(noise)
    first, second = noises[:2]
    times = [draw.pop("t", None) for draw in draws]
    facts: dict[str, Json] = {
        "draws": draws,
        "same_noise": first is not None and second is not None and bool(np.allclose(first, second, atol=1e-4)),
        "same_t": draws[0]["t_distinct"] > 1 and times[0] == times[1],
        "exact": _exact(bench, rng, betas32, full, planted),
    }
    facts["bounds"] = known_bounds(betas, full)
    if all(d["t_distinct"] == 1 for d in draws):
        facts["t_of_calls"] = _small_calls(bench, rng, small, betas32, planted)
    return facts


def _exact(bench: Bench, rng: np.random.Generator, betas: Array, full: dict[str, Any], planted: Any) -> float | None:
    """The loss under the exact predictor of one repeated point."""
    point = rng.normal(size=2)
    a, b = (np.asarray(c) for c in full["q"])
    slope = np.append(0.0, 1 / b[1:])
    model = {"slope": slope, "shift": -(a * slope)[:, None] * point, "matrix": np.zeros((2, 2))}
    model = {k: v.astype(np.float32) for k, v in model.items()}
    x_0 = np.repeat(point[None], 64, axis=0).astype(np.float32)
    value = bench.call("planted_loss", model, x_0, betas, int(rng.integers(2**31)), tables=planted)["value"]
    usable = isinstance(value, np.ndarray) and value.size == 1 and np.isfinite(value).all()
    return float(abs(value.reshape(()))) if usable else None


def _small_calls(bench: Bench, rng: np.random.Generator, model: Any, betas: Array, planted: Any) -> list[float]:
    found = []
    x_0 = rng.normal(size=(4, 2)).astype(np.float32)
    for _ in range(SMALL_CALLS):
        reply = bench.call("planted_loss", model, x_0, betas, int(rng.integers(2**31)), tables=planted)
        found += [float(t[0]) for t in reply["t"][:1] if t.size]
    return found


loss.judge(judge_loss)
