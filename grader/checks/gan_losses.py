"""The two losses under planted linear networks with known logits: value, gradients, large logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.compare import Array
from grader.checks.gan_loss_mistakes import DISCRIMINATOR, MINIMAX, variant_values
from grader.checks.gan_losses_judge import LARGEST, SCALES, judge_losses
from grader.checks.gan_steps import steps_errors
from grader.checks.registry import Bench, Record, StudentFailure, check
from grader.model import Json

BATCHES = (6, 9, 13, 1)
LARGE = 70.0
"""Standard deviation of the logits of the plant whose logits are large."""
Plant = Mapping[str, Any]


@check("gan.discriminator_loss", module="hw5_gan", driver="stand_in+gan")
def discriminator_loss(bench: Bench, record: Record) -> None:
    """_get_loss_d falls as real images get large logits and generated images small ones"""
    _measure(bench, record, "d")


@check("gan.generator_loss", module="hw5_gan", driver="stand_in+gan")
def generator_loss(bench: Bench, record: Record) -> None:
    """_get_loss_g falls as the discriminator takes generated images for real"""
    _measure(bench, record, "g")


def draw_plant(rng: np.random.Generator, n: int, spread: float) -> Plant:
    """Linear networks, n real images and n latents, with logits of about the given standard deviation."""
    zdim = int(rng.integers(4, 12))
    weight = rng.normal(size=784)
    weight = (weight - weight.mean()) * spread / np.sqrt(784 / 12)
    plant = {
        "disc": {"weight": weight, "bias": rng.uniform(-0.3, 0.3, 1) * spread},
        "gen": {"matrix": rng.normal(size=(zdim, 784)) * 0.3 / np.sqrt(zdim / 3)},
        "batch": rng.uniform(0, 1, (n, 1, 28, 28)),
        "z": rng.uniform(-1, 1, (n, zdim)),
    }
    return {key: _float32(value) for key, value in plant.items()}


def _float32(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _float32(v) for k, v in value.items()}
    return value.astype(np.float32)


def logits(plant: Plant) -> tuple[Array, Array]:
    """Logits of the real and of the generated images, (N,) each, in float64."""
    weight, bias = plant["disc"]["weight"].astype(np.float64), float(plant["disc"]["bias"][0])
    images = plant["z"].astype(np.float64) @ plant["gen"]["matrix"].astype(np.float64)
    real = plant["batch"].reshape(len(plant["batch"]), -1).astype(np.float64)
    return real @ weight + bias, images @ weight + bias


def _draw(rng: np.random.Generator, which: str, n: int) -> Plant:
    """A plant whose right loss differs from every known mistake's, at every accepted scale."""
    plant = draw_plant(rng, n, 3.0)
    for _ in range(compare.REDRAWS * 5):
        a, b = logits(plant)
        right = _right_value(which, a, b)
        values = variant_values(which, a, b).values()
        distances = [abs(v - scale * right) / abs(right) for v in values for scale in SCALES[which]]
        if n == 1 or min(distances) >= compare.SEPARATION:
            break
        plant = draw_plant(rng, n, 3.0)
    return plant


def _draw_large(rng: np.random.Generator) -> Plant:
    """A plant with logits beyond ±110, whose sigmoid is exactly 0 or 1 in float32, on both sides."""
    for _ in range(10 * compare.REDRAWS):
        plant = draw_plant(rng, 13, LARGE)
        if all(values.min() < -LARGEST and values.max() > LARGEST for values in logits(plant)):
            break
    return plant


def _measure(bench: Bench, record: Record, which: str) -> None:
    draws = [
        *(_one(bench, which, _draw(bench.rng, which, n), "moderate") for n in BATCHES),
        _one(bench, which, _draw_large(bench.rng), "large"),
    ]
    failures = [d.pop("fault") for d in draws if "fault" in d]
    if len(failures) == len(draws):
        raise failures[0]
    record(which=which, draws=draws, steps=steps_errors(bench, which, draw_plant(bench.rng, 4, 1.5)))


def _one(bench: Bench, which: str, plant: Plant, size: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"size": size, "n": len(plant["z"])}
    try:
        reply = bench.call("planted_loss", which, plant["disc"], plant["gen"], plant["batch"], plant["z"])
    except StudentFailure as failure:
        if failure.failure.kind in compare.FATAL:
            raise
        where = f" ({failure.failure.where})" if failure.failure.where else ""
        return {**facts, "fault": failure, "failure": failure.failure.sentence + where, "kind": failure.failure.kind}
    a, b = logits(plant)
    right = _right(which, plant)
    value = reply["value"]
    scalar = float(value.reshape(())) if isinstance(value, np.ndarray) and value.size == 1 else None
    first = any(z.shape[0] == 1 and np.allclose(z, plant["z"][:1], atol=1e-6) for z in reply["z"])
    used = [z for z in reply["z"] if z.shape != plant["z"].shape or not np.allclose(z, plant["z"], atol=1e-6)]
    return {
        **facts,
        "failure": None,
        "shape": list(value.shape) if isinstance(value, np.ndarray) else None,
        "value": scalar if scalar is not None and np.isfinite(scalar) else None,
        "is_tensor": reply["is_tensor"],
        "differentiable": reply["differentiable"],
        "right": right["value"],
        "variants": {**variant_values(which, a, b), **(_changed_inputs(plant, b) if which == "d" else {})},
        "gradient": _gradient_facts(reply["disc" if which == "d" else "gen"], right),
        "generator_called": bool(reply["z"]),
        "other_z": bool(used),
        "first_z": first,
        "rows": sum(reply["rows"]),
        "python_kind": reply["kind"],
    }


def _changed_inputs(plant: Plant, b: Array) -> dict[str, float]:
    """The discriminator's loss where it sees the real images inverted or rescaled to [−1, 1]."""
    images, weight = plant["batch"].reshape(len(plant["batch"]), -1).astype(np.float64), plant["disc"]["weight"]
    bias = float(plant["disc"]["bias"][0])
    changed = {"wrong_input~inverted": 1 - images, "wrong_input~rescaled": 2 * images - 1}
    right = DISCRIMINATOR["real_term_missing"].value
    return {name: right(b, -(x @ weight + bias)) + right(b, b) for name, x in changed.items()}


def _right_value(which: str, a: Array, b: Array) -> float:
    import torch

    from reference import gan as reference

    real, fake = torch.from_numpy(a), torch.from_numpy(b)
    loss = reference.discriminator_loss(real, fake) if which == "d" else reference.generator_loss(fake)
    return float(loss)


def _right(which: str, plant: Plant) -> dict[str, Any]:
    """Value and gradients of the reference's losses for a plant, in float64."""
    import torch

    from reference import gan as reference

    weight, bias, matrix, batch, z = (
        torch.from_numpy(np.asarray(v, dtype=np.float64))
        for v in (plant["disc"]["weight"], plant["disc"]["bias"], plant["gen"]["matrix"], plant["batch"], plant["z"])
    )
    weight, bias, matrix = (p.requires_grad_() for p in (weight, bias, matrix))
    real, fake = batch.flatten(1) @ weight + bias, (z @ matrix) @ weight + bias
    inputs = [weight, bias] if which == "d" else [matrix]
    if which == "d":
        value = reference.discriminator_loss(real, fake)
        others = {"real": reference.generator_loss(real), "fake": reference.minimax_generator_loss(fake) * -1}
    else:
        value = reference.generator_loss(fake)
        others = {MINIMAX: reference.minimax_generator_loss(fake)}
    gradients = {name: torch.autograd.grad(v, inputs, retain_graph=True) for name, v in others.items()}
    return {
        "value": float(value.detach()),
        "gradient": [g.numpy() for g in torch.autograd.grad(value, inputs, retain_graph=True)],
        "others": {name: [g.numpy() for g in gs] for name, gs in gradients.items()},
    }


def _gradient_facts(found: Sequence[Array | None] | None, right: Mapping[str, Any]) -> dict[str, Json]:
    """Distance of the gradient from the right one at scale 1 and ½, and from those of known mistakes."""
    if found is None or all(g is None or not g.any() for g in found):
        return {"arrives": False, "errors": {}, "variants": {}}
    flat = np.concatenate([np.asarray(g).ravel() if g is not None else np.zeros(1) for g in found]).astype(np.float64)

    def error(gradients: Sequence[Array], scale: float) -> float | None:
        return compare.relative_error(flat, scale * np.concatenate([g.ravel() for g in gradients]))

    return {
        "arrives": True,
        "errors": {str(scale): error(right["gradient"], scale) for scale in (1.0, 0.5)},
        "variants": {
            name: {str(scale): error(gradients, scale) for scale in (1.0, 0.5)}
            for name, gradients in right["others"].items()
        },
    }


discriminator_loss.judge(judge_losses)
generator_loss.judge(judge_losses)
