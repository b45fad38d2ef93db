"""Weights and inputs for DNet and GNet under which every known deviation shows, with the reference's outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grader.checks import compare
from grader.checks.compare import Array, Case
from grader.checks.gan_deviations import DNET, GNET
from grader.checks.gan_networks import dnet_output, gnet_output


def layer_table(which: str, zdim: int) -> list[list[int]]:
    """Shapes of the reference's parameters, in the order of the handout's table."""
    from reference import gan as reference

    net = reference.DNet() if which == "DNet" else reference.GNet(zdim)
    return [list(p.shape) for p in net.parameters()]


def draw_planted(
    rng: np.random.Generator, which: str, zdim: int, table: Sequence[Sequence[int]]
) -> tuple[list[Array], list[Case]]:
    """Weights and inputs for which every known deviation changes the output visibly."""
    for _ in range(compare.REDRAWS):
        weights = _weights(rng, which, table)
        cases = [
            Case(label, [x], expected_output(which, zdim, weights, x)) for label, x in _inputs(rng, which, zdim).items()
        ]
        if _separated(which, weights, cases[0]):
            break
    return weights, cases


def _weights(rng: np.random.Generator, which: str, table: Sequence[Sequence[int]]) -> list[Array]:
    """Random weights that neither die nor saturate: hidden values of a few units, GNet's pixels all over (0, 1)."""
    weights: list[Array] = []
    for i, shape in enumerate(table):
        last = i >= len(table) - 2
        if len(shape) == 1:
            values = rng.normal(0, 0.4, shape)
        else:
            gain = (1.0 if which == "DNet" else 0.5) if last else 2.2
            values = rng.normal(0, gain / np.sqrt(np.prod(shape[1:])), shape)
        weights.append(values.astype(np.float32).astype(np.float64))
    return weights


def _inputs(rng: np.random.Generator, which: str, zdim: int) -> dict[str, Array]:
    if which == "GNet":
        inputs = {
            "a batch of 5": rng.uniform(-1, 1, (5, zdim)),
            "a batch of 1": rng.uniform(-1, 1, (1, zdim)),
            "corners of the cube": np.sign(rng.normal(size=(3, zdim))),
        }
    else:
        inputs = {
            "a batch of 7": rng.uniform(0, 1, (7, 1, 28, 28)),
            "a batch of 1": rng.uniform(0, 1, (1, 1, 28, 28)),
            "stripes, edges and single pixels": _structured(rng),
        }
    return {label: x.astype(np.float32) for label, x in inputs.items()}


def _structured(rng: np.random.Generator) -> Array:
    """Images that show padding, pooling and orientation: one pixel, a bar, a frame, a checkerboard, black, white."""
    images = np.zeros((7, 1, 28, 28))
    images[0, 0, rng.integers(28), rng.integers(28)] = 1
    images[1, 0, :, rng.integers(28)] = 1
    images[2, 0, rng.integers(28), :] = 1
    images[3, 0, [0, -1], :] = images[3, 0, :, [0, -1]] = 1
    images[4, 0] = np.indices((28, 28)).sum(0) % 2
    images[6, 0] = 1
    return images


def expected_output(which: str, zdim: int, weights: Sequence[Array], x: Array) -> Array:
    """The reference network's output for weights in the order of the table, in float64."""
    import torch

    from reference import gan as reference

    net = (reference.DNet() if which == "DNet" else reference.GNet(zdim)).double()
    with torch.no_grad():
        for p, w in zip(net.parameters(), weights, strict=True):
            p.copy_(torch.from_numpy(w))
        expected: Array = net(torch.from_numpy(x.astype(np.float64))).numpy()
    return expected


def _separated(which: str, weights: Sequence[Array], case: Case) -> bool:
    import torch

    tensors, x = [torch.from_numpy(w) for w in weights], torch.from_numpy(case.args[0].astype(np.float64))
    forward, deviations = (dnet_output, DNET) if which == "DNet" else (gnet_output, GNET)
    with torch.no_grad():
        for deviation in deviations:
            error = compare.relative_error(forward(tensors, x, deviation.options).numpy(), case.expected)
            if error is not None and error < compare.SEPARATION:
                return False
    return True
