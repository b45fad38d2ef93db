"""Runs in the student process: trains the student's network by regression on the rows that it is sent, draws samples.

The loop owns the optimizer and an average of the weights; what is regressed on what, and by which steps samples are
drawn, arrives as numbers. Knows no answer.
"""

from __future__ import annotations

import copy
import random
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_run: dict[str, Any] = {}
REPLIES = {
    "begin": {"parameters": "int", "frozen": "int"},
    "advance": (
        {"losses": ["float"], "shape": ["int"], "wanted": ["int"]},
        {"losses": ["float"], "no_gradient": "bool"},
        {"losses": ["float"], "cpu_s": "float", "blocked": ["int"]},
    ),
    "draw": {"*": "array/2"},
    "outputs": "array",
}


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def begin(student: Any, class_name: str, seed: int, learning_rate: float, device: str) -> dict[str, Any]:
    """A fresh network of the student's, an Adam, a copy that will hold the averaged weights."""
    _seed(seed)
    net: nn.Module = getattr(student, class_name)().to(device)
    parameters = [p for p in net.parameters() if p.requires_grad]
    _run.clear()
    _run.update(net=net, averaged=copy.deepcopy(net), step=0, device=device)
    _run["optimizer"] = torch.optim.Adam(parameters, lr=learning_rate) if parameters else None
    return {
        "parameters": sum(p.numel() for p in parameters),
        "frozen": sum(not p.requires_grad for p in net.parameters()),
    }


def _average() -> None:
    k = _run["step"]
    decay = min(0.995, (1 + k) / (10 + k))
    averaged = _run["averaged"].state_dict()
    with torch.no_grad():
        for name, value in _run["net"].state_dict().items():
            if value.is_floating_point():
                averaged[name].lerp_(value, 1 - decay)
            else:
                averaged[name].copy_(value)


def _blocked(net: nn.Module, inputs: list[Tensor]) -> list[int]:
    """Of the parameters of the modules that a forward pass uses: how many get no gradient, how many want none."""
    used: list[nn.Module] = []
    handles = [m.register_forward_hook(lambda module, *_: used.append(module)) for m in net.modules()]
    output = net(*inputs)
    for handle in handles:
        handle.remove()
    parameters = list({id(p): p for m in used for p in m.parameters(recurse=False)}.values())
    wanting = [p for p in parameters if p.requires_grad]
    reached: tuple[Tensor | None, ...] = ()
    if output.requires_grad and wanting:
        reached = torch.autograd.grad(output.sum(), wanting, allow_unused=True)
    return [sum(g is None for g in reached), len(parameters) - len(wanting)]


def advance(
    student: Any, inputs: list[Tensor], target: Tensor, weight: Tensor, batch: int, seed: int
) -> dict[str, Any]:
    """One Adam step for each `batch` rows: mean of weight · ‖net(*inputs) − target‖². Losses, and what went wrong."""
    _seed(seed)
    net, optimizer, device = _run["net"], _run["optimizer"], _run["device"]
    net.train()
    begun = time.process_time()
    losses: list[float] = []
    blocked = _blocked(net, [value[:batch].to(device) for value in inputs])
    for start in range(0, len(target) - batch + 1, batch):
        rows = slice(start, start + batch)
        output = net(*(value[rows].to(device) for value in inputs))
        if tuple(output.shape) != tuple(target[rows].shape):
            return {"losses": losses, "shape": list(output.shape), "wanted": list(target[rows].shape)}
        if not output.requires_grad:
            return {"losses": losses, "no_gradient": True}
        loss = (weight[rows].to(device) * (output - target[rows].to(device)) ** 2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        optimizer.step()
        _run["step"] += 1
        _average()
        losses.append(float(loss.detach()))
    return {"losses": losses, "cpu_s": time.process_time() - begun, "blocked": blocked}


def _draw(net: nn.Module, start: Tensor, steps: dict[str, Tensor], column: bool, seed: int) -> Tensor:
    _seed(seed)
    net.eval()
    x, n = start, len(start)
    with torch.no_grad():
        for keep, push, spread, label in zip(*(steps[k] for k in ("keep", "push", "spread", "label")), strict=True):
            condition = label.expand(n, 1) if column else label.expand(n)
            x = keep * x + push * net(x, condition) + spread * torch.randn_like(x)
    return x


def draw(student: Any, n: int, steps: dict[str, Tensor], column: bool, seed: int, shake: float) -> dict[str, Tensor]:
    """Samples (n, 2) by x ← keep·x + push·net(x, label) + spread·noise from the averaged weights.

    With `shake` > 0 also the samples of weights that are off by that share of their size, from the same noise.
    """
    device = _run["device"]
    steps = {name: value.to(device) for name, value in steps.items()}
    _seed(seed)
    start = torch.randn(n, 2, device=device)
    found = {"samples": _draw(_run["averaged"], start, steps, column, seed)}
    if shake > 0:
        shaken = copy.deepcopy(_run["averaged"])
        with torch.no_grad():
            for p in shaken.parameters():
                p.add_(shake * (p.abs().mean() + 1e-3) * torch.randn_like(p))
        found["shaken"] = _draw(shaken, start, steps, column, seed)
    return found


def outputs(student: Any, inputs: list[Tensor]) -> Tensor:
    """The averaged network's outputs."""
    net = _run["averaged"].eval()
    with torch.no_grad():
        output: Tensor = net(*(value.to(_run["device"]) for value in inputs))
    return output
