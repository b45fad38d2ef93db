"""Networks and weights that are known: what a student's functions are given in the public cases."""

from __future__ import annotations

import inspect
from collections.abc import Callable
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


def plant(net: nn.Module, scale: float = 0.3, phase: float = 0.0) -> nn.Module:
    """Fills every parameter with a wave of its own, in the order of `parameters()`."""
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(scale * wave(*parameter.shape, phase=phase + i))
    return net.eval()


class Planted(nn.Module):
    """A network that is known."""

    def dressed(self, make: Callable[[], Any]) -> Any:
        """The student's own network that computes what this one does: code may look at its class and its layers."""
        try:
            own = make()
            signature = inspect.signature(type(own).forward)
        except Exception:  # it cannot be built, which is another case's concern
            return self

        def forward(*arguments: Any, **named: Any) -> Any:
            return self(*signature.bind(own, *arguments, **named).args[1:3])

        own.forward = forward
        return own


class BrightnessLogit(Planted):
    """A discriminator whose logit is steepness·(mean brightness − 1/2), whatever else is in the image."""

    def __init__(self, steepness: float = 16.0) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(steepness))

    def forward(self, x: Tensor) -> Tensor:
        return self.steepness * (x.flatten(1).mean(1, keepdim=True) - 0.5)


class FlatImages(Planted):
    """A generator of plain grey images; the first latent variable is the brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor) -> Tensor:
        return (self.gain * z[:, :1])[:, :, None, None].expand(-1, 1, 28, 28).clamp(0, 1)


class Known(Planted):
    """A noise network or score that is a known function of x and of t or σ; remembers what it was called with."""

    def __init__(self, function: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.unit = nn.Parameter(torch.ones(1))
        self.calls: list[tuple[Tensor, Any]] = []
        """Points and t or σ of each call."""

    def forward(self, x: Tensor, at: Any) -> Tensor:
        self.calls.append((x.detach().clone(), at.detach().clone() if isinstance(at, Tensor) else at))
        return self.unit * self.function(x, at)


def shrink(factor: float) -> Known:
    """A noise network or score that is `factor` times its input."""
    return Known(lambda x, _: factor * x)


def numbers(at: Any, count: int) -> Tensor:
    """A t or σ that may be a number or a tensor of any shape, as one number for each point."""
    values = torch.as_tensor(at, dtype=torch.float64).reshape(-1)
    return values.expand(count) if len(values) == 1 else values
