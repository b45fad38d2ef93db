"""Score networks with planted weights: the reference's outputs, and those of networks with one known mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reference.score import ScoreNet

Floats = NDArray[np.float64]

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "relu": (F.relu, "ReLU"),
    "tanh": (torch.tanh, "tanh"),
    "silu": (F.silu, "SiLU"),
    "elu": (F.elu, "ELU"),
    "gelu": (F.gelu, "GELU"),
    "sigmoid": (torch.sigmoid, "sigmoid"),
    "softsign": (F.softsign, "softsign"),
    "leaky_relu_0.2": (lambda h: F.leaky_relu(h, 0.2), "LeakyReLU"),
    "leaky_relu_0.01": (lambda h: F.leaky_relu(h, 0.01), "LeakyReLU"),
    **{
        f"softplus_beta_{beta}": (partial(F.softplus, beta=beta), "Softplus with another beta")
        for beta in (0.5, 2.0, 5.0, 10.0)
    },
    "softplus_shifted": (lambda h: F.softplus(h) - float(np.log(2)), "Softplus minus log 2"),
    "none": (lambda h: h, "no activation"),
}


def draw_weights(shapes: Sequence[Sequence[int]], rng: np.random.Generator) -> tuple[list[Floats], list[Floats]]:
    """Weights (out, in) and biases (out,) for layers (in, out), of a size at which every mistake shows."""
    weights = [rng.normal(size=(o, i)) * 1.4 / np.sqrt(i) for i, o in shapes]
    return weights, [rng.normal(size=o) * 0.5 for _, o in shapes]


def reference_scores(weights: list[Floats], biases: list[Floats], calls: list[int], x: Floats, sigma: Floats) -> Floats:
    """The reference network with the layers `calls` of these weights, at x (N, 2), sigma (N, 1), in float64."""
    width = len(weights[calls[0]])
    net = ScoreNet(n_layers=len(calls), latent_dim=width).double()
    with torch.no_grad():
        for layer, i in zip(net.layers, calls, strict=True):
            layer.weight.copy_(torch.from_numpy(weights[i]))  # type: ignore[operator]
            layer.bias.copy_(torch.from_numpy(biases[i]))  # type: ignore[operator]
        scores: Floats = net(torch.from_numpy(x), torch.from_numpy(sigma)).numpy()
    return scores


def mistaken_scores(
    weights: list[Floats], biases: list[Floats], calls: list[int], x: Floats, sigma: Floats
) -> dict[str, Floats]:
    """What networks with one known mistake each give for the same weights: name → (N, 2)."""
    tx, ts = torch.from_numpy(x), torch.from_numpy(sigma)
    layers = [(torch.from_numpy(weights[i]), torch.from_numpy(biases[i])) for i in calls]

    def run(
        activation: Callable[[Tensor], Tensor] = F.softplus,
        inputs: Tensor | None = None,
        divide: Callable[[Tensor], Tensor] = lambda h: h / ts,
        *,
        at_end: bool = False,
        first_bare: bool = False,
        last_hidden_bare: bool = False,
        residual: bool = False,
    ) -> Floats:
        h = torch.cat([tx, ts], 1) if inputs is None else inputs
        for k, (weight, bias) in enumerate(layers):
            before, h = h, h @ weight.T + bias
            bare = (first_bare and k == 0) or (last_hidden_bare and k == len(layers) - 2)
            if (k < len(layers) - 1 and not bare) or (k == len(layers) - 1 and at_end):
                h = activation(h)
            if residual and before.shape == h.shape:
                h = h + before
        out: Floats = divide(h).numpy()
        return out

    found = {f"activation:{name}": run(f) for name, (f, _) in ACTIVATIONS.items()}
    found["not_divided_by_sigma"] = run(divide=lambda h: h)
    found["multiplied_by_sigma"] = run(divide=lambda h: h * ts)
    found["divided_by_sigma_squared"] = run(divide=lambda h: h / ts**2)
    found["negative_output"] = run(divide=lambda h: -h / ts)
    found["softplus_at_the_end"] = run(at_end=True)
    found["missing_activation:first"] = run(first_bare=True)
    found["missing_activation:last"] = run(last_hidden_bare=True)
    found["log_sigma_input"] = run(inputs=torch.cat([tx, ts.log()], 1))
    found["inverse_sigma_input"] = run(inputs=torch.cat([tx, 1 / ts], 1))
    found["sigma_squared_input"] = run(inputs=torch.cat([tx, ts**2], 1))
    found["sigma_not_an_input"] = run(inputs=torch.cat([tx, torch.zeros_like(ts)], 1))
    found["scaled_input"] = run(inputs=torch.cat([tx / ts, ts], 1))
    found["first_sigma_only"] = run(inputs=torch.cat([tx, ts[:1].expand_as(ts)], 1), divide=lambda h: h / ts[0])
    found["residual_connection"] = run(residual=True)
    found["residual_connection:x"] = run(divide=lambda h: (h + tx) / ts)
    found["input_order"] = run(inputs=torch.cat([ts, tx], 1))
    return found


MISTAKES = {
    "first_sigma_only": "All points get the first σ of the batch; each row of sigmas belongs to its own x.",
    "residual_connection:x": "x is added to the output; the handout has no such connection.",
    "residual_connection": "The input of each hidden layer is added to its output; the handout has no such sum.",
    "input_order": "The input is (σ, x); the handout's order is (x, σ).",
    "not_divided_by_sigma": "The output is not divided by σ.",
    "multiplied_by_sigma": "The output is multiplied by σ where the handout divides by it.",
    "divided_by_sigma_squared": "The output is divided by σ², the handout divides by σ.",
    "negative_output": "The output has the wrong sign.",
    "softplus_at_the_end": "There is an activation after the last layer; Softplus stands only between two layers.",
    "missing_activation:first": "There is no Softplus after the first layer.",
    "missing_activation:last": "There is no Softplus before the last layer.",
    "log_sigma_input": "The network gets log σ as its third input, the handout gives it σ itself.",
    "inverse_sigma_input": "The network gets 1/σ as its third input, the handout gives it σ itself.",
    "sigma_squared_input": "The network gets σ² as its third input, the handout gives it σ.",
    "sigma_not_an_input": "The third input does not carry σ: only the division depends on it.",
    "scaled_input": "x is divided by σ before it enters the network; the handout divides only the output.",
}


def difference(found: Any, wanted: Floats, sigma: Floats) -> float:
    """Largest difference of scores (N, 2) times σ, relative to the wanted root mean square; inf if not alike."""
    found = np.asarray(found, dtype=np.float64)
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs((found - wanted) * sigma).max() / np.sqrt(((wanted * sigma) ** 2).mean()))
