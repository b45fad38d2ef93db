"""A few optimizer steps of a student's GAN loss, against the same steps of the reference's: losses without memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks.compare import Array, relative_error
from grader.checks.registry import Bench, StudentFailure
from grader.model import Json

STEPS = 4
LEARNING_RATE = 0.02


def steps_errors(bench: Bench, which: str, plant: Mapping[str, Any]) -> dict[str, Json]:
    """How far the trained weights stray from the reference's, over all steps; each step has its own batch size.

    which: 'd' (the discriminator is trained) or 'g'; plant: the networks at the start. Keys: 'right' and, for 'g',
    'minimax_generator_loss', each with '1.0' and '0.5', the accepted scales; 'failure' where the steps failed.
    """
    zdim = plant["gen"]["matrix"].shape[0]
    sizes = bench.rng.integers(3, 9, STEPS)
    batches = [bench.rng.uniform(0, 1, (n, 1, 28, 28)).astype(np.float32) for n in sizes]
    zs = [bench.rng.uniform(-1, 1, (n, zdim)).astype(np.float32) for n in sizes]
    try:
        found = bench.call("steps_trajectory", which, plant["disc"], plant["gen"], batches, zs, LEARNING_RATE)
    except StudentFailure as failure:
        return {"failure": failure.failure.sentence}
    names = ["right"] if which == "d" else ["right", "minimax_generator_loss"]
    return {
        "failure": None,
        **{
            name: {str(s): _error(found, _trajectory(which, plant, batches, zs, name, s)) for s in (1.0, 0.5)}
            for name in names
        },
    }


def _trajectory(
    which: str, plant: Mapping[str, Any], batches: Sequence[Array], zs: Sequence[Array], name: str, scale: float
) -> list[list[Array]]:
    """The trained weights after every step of the reference's loss, in float64, shaped as the driver's."""
    import torch

    from reference import gan as reference

    def tensor(value: Array) -> torch.Tensor:
        return torch.from_numpy(np.asarray(value, dtype=np.float64))

    weight, bias = tensor(plant["disc"]["weight"])[:, None], tensor(plant["disc"]["bias"])
    matrix = tensor(plant["gen"]["matrix"])
    generator_loss = reference.generator_loss if name == "right" else reference.minimax_generator_loss
    states = []
    for batch, z in zip(map(tensor, batches), map(tensor, zs), strict=True):
        trained = [p.detach().requires_grad_() for p in ((weight, bias) if which == "d" else (matrix,))]
        if which == "d":
            weight, bias = trained
        else:
            (matrix,) = trained
        fake = (z @ matrix) @ weight + bias
        real = batch.flatten(1) @ weight + bias
        loss = reference.discriminator_loss(real, fake) if which == "d" else generator_loss(fake)
        gradients = torch.autograd.grad(scale * loss, trained)
        stepped = [p.detach() - LEARNING_RATE * g for p, g in zip(trained, gradients, strict=True)]
        if which == "d":
            weight, bias = stepped
        else:
            (matrix,) = stepped
        states.append([p.numpy() for p in stepped])
    return states


def _error(found: Sequence[Sequence[Array]], expected: Sequence[Sequence[Array]]) -> float | None:
    errors = [relative_error(f, e) for fs, es in zip(found, expected, strict=True) for f, e in zip(fs, es, strict=True)]
    known = [e for e in errors if e is not None]
    return max(known) if len(known) == len(errors) else None
