"""What a public case is, and what several of them use.

The same function runs twice: on the course's solution when the kit is made (its answers lie in cases.json), and on the
student's file at home. The inputs are given; the grader draws its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Facts = dict[str, Any]
Run = Callable[[Any], Facts]


@dataclass(frozen=True)
class Case:
    """One public case."""

    name: str
    question: str
    module: str
    sentence: str
    run: Run
    tolerance: float = 1e-4
    """Relative; wider where the function draws at random."""


CASES: list[Case] = []


def case(question: str, module: str, sentence: str, tolerance: float = 1e-4) -> Callable[[Run], Run]:
    """Adds a function to the cases, in the order in which they are run and shown."""

    def register(run: Run) -> Run:
        CASES.append(Case(run.__name__, question, module, sentence, run, tolerance))
        return run

    return register


def scalar(value: Any) -> float:
    """A loss as a number. Raises ValueError where it has not just one."""
    tensor = torch.as_tensor(value)
    if tensor.numel() != 1:
        raise ValueError(f"the loss must be one number; it has the shape {tuple(tensor.shape)}")
    return float(tensor.detach())


def reached(loss: Any, parameters: Iterable[Tensor]) -> list[bool]:
    """For each parameter, whether the loss has a gradient that is not 0 with respect to it."""
    loss = torch.as_tensor(loss)
    if not loss.requires_grad:
        raise ValueError("the loss has no gradient: nothing can be trained with it (.item(), .detach() or no_grad?)")
    some = list(parameters)
    found = torch.autograd.grad(loss.sum(), some, allow_unused=True)
    return [g is not None and bool(g.abs().max() > 0) for g in found]


def same_twice(net: torch.nn.Module, *inputs: Any) -> bool:
    """Whether a network in training gives the same output for the same input: no dropout, no noise."""
    net.train()
    with torch.no_grad():
        return bool(torch.equal(net(*inputs), net(*inputs)))


def spread(values: Tensor) -> float:
    """Standard deviation of all values."""
    return float(values.detach().double().std())


def apart(a: Tensor, b: Tensor) -> bool:
    """Whether two draws have nothing to do with each other, as far as their correlation tells."""
    pair = torch.stack([a.detach().double().flatten(), b.detach().double().flatten()])
    return bool(torch.corrcoef(pair)[0, 1].abs() < 0.2)
