"""Runs in the student process: plants networks, records what the student's functions do with them. Knows no answer."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


# ---------------------------------------------------------------- ScoreNet


def _linear_calls(net: nn.Module, x: Tensor, sigmas: Any) -> tuple[list[nn.Module], Tensor]:
    """The linear layers in the order in which a forward pass calls them (registered in the network or not)."""
    calls: list[nn.Module] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Linear):
            calls.append(module)

    handle = nn.modules.module.register_module_forward_hook(note)
    try:
        return calls, net(x, sigmas)
    finally:
        handle.remove()


def _storage(parameter: Tensor) -> int:
    return parameter.data_ptr()


def describe_net(student: Any, options: dict[str, int]) -> dict[str, Any]:
    """The layers of ScoreNet(**options): distinct parameters, and which layer each call of a forward pass uses."""
    net = student.ScoreNet(**options)
    x, sigmas = torch.linspace(-1.0, 1.0, 6).reshape(3, 2), torch.tensor([[0.1], [0.2], [0.3]])
    calls, output = _linear_calls(net, x, sigmas)
    parameters = {_storage(p): p for p in net.parameters()}
    owned = {id(m) for m in net.modules()}
    distinct: list[nn.Module] = []
    for layer in calls:
        if not any(layer is seen for seen in distinct):
            distinct.append(layer)
    reached = 0
    if output.requires_grad:
        output.sum().backward()  # type: ignore[no-untyped-call,unused-ignore]
        reached = sum(p.grad is not None for p in parameters.values())
    others = [m for m in net.modules() if next(m.parameters(recurse=False), None) is not None]
    return {
        "shape": list(output.shape),
        "distinct_numbers": sum(p.numel() for p in parameters.values()),
        "distinct_parameters": len(parameters),
        "trainable_parameters": sum(p.requires_grad for p in parameters.values()),
        "has_gradient": bool(output.requires_grad),
        "reached_by_gradient": reached,
        "layers": [[layer.in_features, layer.out_features] for layer in distinct],  # type: ignore[misc]
        "calls": [next(i for i, seen in enumerate(distinct) if seen is layer) for layer in calls],
        "registered": all(id(layer) in owned for layer in distinct),
        "biases": all(layer.bias is not None for layer in distinct),
        "unused": sum(isinstance(m, nn.Linear) and not any(m is seen for seen in distinct) for m in net.modules()),
        "others": sorted({type(m).__name__ for m in others if not isinstance(m, nn.Linear)}),
        "parameter_shapes": [list(p.shape) for p in parameters.values()],
    }


def _plant(net: nn.Module, weights: list[Tensor], biases: list[Tensor]) -> None:
    x, sigmas = torch.zeros(3, 2), torch.full((3, 1), 0.5)
    calls, _ = _linear_calls(net, x, sigmas)
    distinct: list[Any] = []
    for layer in calls:
        if not any(layer is seen for seen in distinct):
            distinct.append(layer)
    with torch.no_grad():
        if distinct:
            for layer, weight, bias in zip(distinct, weights, biases, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
            return
        matrices = [p for p in net.parameters() if p.dim() == 2]
        vectors = [p for p in net.parameters() if p.dim() == 1]
        turned = bool(matrices) and matrices[0].shape != weights[0].shape
        for matrix, vector, weight, bias in zip(matrices, vectors, weights, biases, strict=True):
            matrix.copy_(weight.T if turned else weight)
            vector.copy_(bias)


def planted_outputs(student: Any, weights: list[Tensor], biases: list[Tensor], x: Tensor, sigmas: Any) -> Tensor:
    """Outputs of a ScoreNet that holds these weights. `sigmas` is a float, a 0-dim tensor or a tensor (N, 1)."""
    net = student.ScoreNet()
    _plant(net, weights, biases)
    net.eval()
    with torch.no_grad():
        output: Tensor = net(x, sigmas)
    return output


def planted_outputs_in_training(
    student: Any, weights: list[Tensor], biases: list[Tensor], x: Tensor, sigmas: Tensor
) -> list[Tensor]:
    """Outputs of two calls of a ScoreNet in training mode that holds these weights."""
    net = student.ScoreNet()
    _plant(net, weights, biases)
    net.train()
    with torch.no_grad():
        return [net(x, sigmas).clone(), net(x, sigmas).clone()]


def own_outputs(student: Any, x: Tensor, sigmas: list[Tensor]) -> list[Tensor]:
    """Outputs of one fresh ScoreNet of the student's for x (N, 2) and each of `sigmas`, whatever their shapes."""
    net = student.ScoreNet().eval()
    with torch.no_grad():
        return [net(x, s).clone() for s in sigmas]


# ---------------------------------------------------------------- planted scores


class Planted(StandIn):  # noqa: F821 (of stand_in.py, which comes before)
    """A given function of (x, σ) in place of a score network; keeps what it was asked."""

    def __init__(self, plant: dict[str, Tensor]) -> None:
        super().__init__()
        self.linear = nn.Parameter(plant["linear"].clone())
        self.plant = plant
        self.asked_x, self.asked_sigma, self.shapes = Log(), Log(), Log()  # noqa: F821

    def answer(self, x: Tensor, sigmas: Any) -> Tensor:
        flat = x.dim() == 1
        rows = x.reshape(-1, 2)
        sigma = torch.as_tensor(sigmas).detach().to(rows.dtype)
        self.shapes.append(list(sigma.shape))
        if sigma.numel() not in (1, len(rows)):
            raise ValueError(
                f"the score network was given x of shape {tuple(x.shape)} and sigmas of shape {tuple(sigma.shape)}; "
                "sigmas must be a number or have shape (N, 1)"
            )
        sigma = sigma.reshape(-1, 1).expand(len(rows), 1)
        self.asked_x.append(rows.detach().clone())
        self.asked_sigma.append(sigma[:, 0].clone())
        wave = torch.sin(rows @ self.plant["wave"].to(rows.dtype).T + self.plant["phase"].to(rows.dtype))
        score = rows @ self.linear.to(rows.dtype).T + self.plant["shift"].to(rows.dtype) / sigma
        score = score + self.plant["height"].to(rows.dtype) * wave
        return score[0] if flat else score

    def asked(self) -> dict[str, Any]:
        """Everything it was asked since the last time, in order: x (M, 2), sigma (M,), rows of each call."""
        answer = {
            "x": torch.cat(self.asked_x) if self.asked_x else torch.zeros(0, 2),
            "sigma": torch.cat(self.asked_sigma) if self.asked_sigma else torch.zeros(0),
            "rows": [len(x) for x in self.asked_x],
            "shapes": [list(s) for s in {tuple(s) for s in self.shapes}],
        }
        self.asked_x, self.asked_sigma, self.shapes = Log(), Log(), Log()  # noqa: F821
        return answer


_ASKED = {"x": "array/2", "sigma": "array/1", "rows": ["int"], "shapes": [["int"]]}
REPLIES = {
    "describe_net": {
        "shape": ["int"],
        "distinct_numbers": "int",
        "distinct_parameters": "int",
        "trainable_parameters": "int",
        "has_gradient": "bool",
        "reached_by_gradient": "int",
        "layers": [["int"]],
        "calls": ["int"],
        "registered": "bool",
        "biases": "bool",
        "unused": "int",
        "others": ["str"],
        "parameter_shapes": [["int"]],
    },
    "planted_outputs": "array",
    "planted_outputs_in_training": ["array"],
    "own_outputs": ["array"],
    "record_losses": [
        {
            **_ASKED,
            "loss": "float",
            "loss_shape": ["int"],
            "is_tensor": "bool",
            "has_gradient": "bool",
            "gradient": "array/2",
            "data_kept": "bool",
        }
    ],
    "record_sampling": {**_ASKED, "value": "array", "dtype": "str"},
}

FORMS: dict[str, Callable[[Tensor], Any]] = {
    "tensor": lambda v: v.clone(),
    "array": lambda v: v.numpy().copy(),
    "list": lambda v: v.tolist(),
}


# ---------------------------------------------------------------- denoising loss


def record_losses(
    student: Any, plant: dict[str, Tensor], data: Tensor, sigmas: Tensor, forms: list[str], times: int, seed: int
) -> list[dict[str, Any]]:
    """`times` calls of compute_denoising_loss with a planted network: each loss, its gradient, what was asked."""
    _seed(seed)
    seen = []
    for _ in range(times):
        net = Planted(plant).stand_in_for(student.__dict__.get("ScoreNet"))
        given_data, given_sigmas = FORMS[forms[0]](data), FORMS[forms[1]](sigmas)
        loss = student.compute_denoising_loss(net, given_data, given_sigmas)
        is_tensor = isinstance(loss, torch.Tensor)
        has_gradient = is_tensor and loss.requires_grad
        if has_gradient:
            loss.sum().backward()  # type: ignore[no-untyped-call,unused-ignore]
        gradient = net.linear.grad
        seen.append(
            {
                **net.asked(),
                "loss": float(loss.detach().double().mean()) if is_tensor else float(loss),
                "loss_shape": list(loss.shape) if is_tensor else [],
                "is_tensor": is_tensor,
                "has_gradient": has_gradient,
                "gradient": gradient if gradient is not None else torch.zeros(2, 2),
                "data_kept": bool((torch.as_tensor(given_data) == data).all()),
            }
        )
    return seen


# ---------------------------------------------------------------- Langevin dynamics


def record_sampling(
    student: Any, plant: dict[str, Tensor], n: int, sigmas: Tensor, form: str, options: dict[str, Any], seed: int
) -> dict[str, Any]:
    """One call of langevin_dynamics_sample with a planted network: what came back, what was asked."""
    _seed(seed)
    net = Planted(plant).stand_in_for(student.__dict__.get("ScoreNet"))
    given = FORMS[form](sigmas)
    value = student.langevin_dynamics_sample(net, n, given, **options)
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, list | tuple) and value and all(isinstance(v, torch.Tensor) for v in value):
        value = torch.stack([v.detach() for v in value])
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"langevin_dynamics_sample returned {type(value).__name__}, expected a tensor")
    return {**net.asked(), "value": value.detach().float(), "dtype": str(value.dtype)}
