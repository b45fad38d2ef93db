"""Networks and weights that are known: what a student's functions are given in the public cases."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def wave(*shape: int, phase: float = 0.0) -> Tensor:
    """Values in [−1, 1] that look random and are the same everywhere: sin of the squares, no generator."""
    count = 1
    for size in shape:
        count *= size
    steps = torch.arange(count, dtype=torch.float64)
    return torch.sin(0.37 * steps * steps + 1.3 * steps + phase).to(torch.float32).reshape(shape)


def plant(net: nn.Module, scale: float = 0.3) -> nn.Module:
    """Fills every parameter with a wave of its own, in the order of `parameters()`."""
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(scale * wave(*parameter.shape, phase=float(i)))
    return net.eval()


class BrightnessLogit(nn.Module):
    """A discriminator whose logit is 16·(mean brightness) − 8, whatever else is in the image."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))  # a student may ask a network's parameters for their device

    def forward(self, x: Tensor) -> Tensor:
        return 16 * x.flatten(1).mean(1, keepdim=True) - 8


class FlatImages(nn.Module):
    """A generator of plain grey images; the first latent variable is the brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor) -> Tensor:
        return z[:, :1, None, None].expand(-1, 1, 28, 28).clamp(0, 1)


class Shrink(nn.Module):
    """A noise network or score that is `factor` times its input; remembers what it was called with."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.calls: list[tuple[Any, Any]] = []

    def forward(self, x: Tensor, at: Any) -> Tensor:
        self.calls.append((tuple(x.shape), at))
        return self.factor * x
