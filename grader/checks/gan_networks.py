"""DNet and GNet with known deviations: what each classic mistake in a layer would output for given weights.

The right networks stand in reference/gan.py. Here they are written with options, so that a student's outputs can be
compared with those of a network that makes one mistake, or two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from grader.checks.compare import Array
from grader.checks.gan_deviations import DNET, GNET, Deviation, Options

if TYPE_CHECKING:
    from torch import Tensor


def _activation(name: str, x: Tensor) -> Tensor:
    import torch.nn.functional as F

    if name.startswith("leaky:"):
        return F.leaky_relu(x, float(name.removeprefix("leaky:")))
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda v: v,
        "relu": F.relu,
        "relu6": F.relu6,
        "tanh": lambda v: v.tanh(),
        "sigmoid": lambda v: v.sigmoid(),
        "gelu": F.gelu,
        "elu": F.elu,
        "silu": F.silu,
        "softplus": F.softplus,
    }
    return functions[name](x)


def _pool(name: str, x: Tensor) -> Tensor:
    import torch.nn.functional as F

    if name == "average":
        return F.avg_pool2d(x, 2)
    if name == "overlapping":
        return F.max_pool2d(x, 3, 2, 1)
    if name == "subsample":
        return x[..., ::2, ::2]
    return F.max_pool2d(x, 2)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, padding: int, mode: str) -> Tensor:
    import torch.nn.functional as F

    if padding and mode != "zeros":
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), weight, bias)
    return F.conv2d(x, weight, bias, padding=padding)


def _finish(name: str, x: Tensor) -> Tensor:
    import torch
    import torch.nn.functional as F

    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda v: v,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "shifted_tanh": lambda v: (v.tanh() + 1) / 2,
        "double_sigmoid": lambda v: v.sigmoid().sigmoid(),
        "sigmoid_tanh": lambda v: v.tanh().sigmoid(),
        "relu": F.relu,
        "leaky_then_sigmoid": lambda v: F.leaky_relu(v, 0.2).sigmoid(),
        "relu_then_sigmoid": lambda v: F.relu(v).sigmoid(),
        "leaky": lambda v: F.leaky_relu(v, 0.2),
        "logsigmoid": F.logsigmoid,
        "softmax": lambda v: v.softmax(1),
        "negative": lambda v: -v,
        "hardsigmoid": F.hardsigmoid,
        "clamp": lambda v: v.clamp(0, 1),
        "softplus": F.softplus,
    }
    return functions[name](x)


def dnet_output(weights: Sequence[Tensor], x: Tensor, options: Options) -> Tensor:
    """DNet's output (N, 1) for images (N, 1, 28, 28) and weights in the order of the table, with deviations."""
    w1, b1, w2, b2, w3, b3, w4, b4 = weights
    act = [options.get(f"act{i}", options.get("act", "relu")) for i in (1, 2, 3)]
    pools = [options.get(f"pool{i}", options.get("pool", "max")) for i in (1, 2)]
    mode = options.get("padding", "zeros")
    if "input" in options:
        x = 2 * x - 1 if options["input"] == "rescaled" else (x - 0.5)
    x = _convolve(x, w1, b1, 1, mode)
    x = _stage(_instance_norm(x) if "norm1" in options else x, act[0], pools[0], options)
    x = _convolve(x, w2, b2, 1, mode)
    x = _stage(_instance_norm(x) if "norm2" in options else x, act[1], pools[1], options)
    x = _activation(act[2], _convolve(x, w3, b3, 0, mode))
    x = x.permute(0, 2, 3, 1).flatten(1) if options.get("flatten") == "channels_last" else x.flatten(1)
    x = x @ w4.T + (0 if options.get("last_bias") == "none" else b4)
    return _finish(options.get("end", "none"), x)


def _instance_norm(x: Tensor) -> Tensor:
    import torch.nn.functional as F

    return F.instance_norm(x)


def _stage(x: Tensor, act: str, pool: str, options: Options) -> Tensor:
    """Activation and pooling; their order matters for all pairs but ReLU and maximum."""
    if options.get("order") == "pool_first":
        return _activation(act, _pool(pool, x))
    return _pool(pool, _activation(act, x))


def gnet_output(weights: Sequence[Tensor], z: Tensor, options: Options) -> Tensor:
    """GNet's output (N, 1, 28, 28) for latents (N, zdim) and weights in the order of the table, with deviations."""
    w1, b1, w2, b2, w3, b3, w4, b4 = weights
    act = [options.get(f"act{i}", options.get("act", "leaky:0.2")) for i in (1, 2, 3)]
    mode = options.get("padding", "zeros")
    x = _activation(act[0], z @ w1.T + b1)
    x = _reshape(options.get("reshape", "channels_first"), x)
    for i, (w, b) in enumerate(((w2, b2), (w3, b3))):
        if options.get(f"after{i + 1}", options.get("after", "no")) == "yes":
            x = _activation(act[i + 1], _convolve(x, w, b, 1, mode))
            x = _upsample(options.get("upsample", "nearest"), x)
        else:
            x = _upsample(options.get("upsample", "nearest"), x)
            x = _activation(act[i + 1], _convolve(x, w, b, 1, mode))
    return _finish(options.get("end", "sigmoid"), _convolve(x, w4, b4, 1, mode))


def _reshape(name: str, x: Tensor) -> Tensor:
    if name == "channels_last":
        return x.view(-1, 7, 7, 32).permute(0, 3, 1, 2)
    if name == "transposed":
        return x.view(-1, 32, 7, 7).transpose(2, 3)
    return x.view(-1, 32, 7, 7)


def _upsample(name: str, x: Tensor) -> Tensor:
    import torch
    import torch.nn.functional as F

    if name == "zeros":
        spread = torch.zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3], dtype=x.dtype)
        spread[..., ::2, ::2] = x
        return spread
    if name in ("bilinear", "bicubic"):
        return F.interpolate(x, scale_factor=2, mode=name, align_corners=False)
    if name == "aligned":
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _pairs(deviations: Sequence[Deviation]) -> list[Deviation]:
    """Two mistakes at once, where they concern different places."""
    pairs = []
    for a, b in combinations(deviations, 2):
        if not set(a.options) & set(b.options):
            sentence = f"{a.sentence}; and {b.sentence}"
            pairs.append(Deviation(f"{a.name}+{b.name}", {**a.options, **b.options}, sentence))
    return pairs


def nearest_deviation(
    which: str, weights: Sequence[Array], x: Array, found: Array
) -> tuple[str | None, float | None, str]:
    """The known deviation whose outputs for `x` are nearest to `found`: its name, the relative error, its sentence.

    x: (N, 1, 28, 28) for DNet, (N, zdim) for GNet; found: the student's outputs, of any shape. Pairs of deviations are
    tried only where no single one is near.
    """
    import torch

    from grader.checks.compare import relative_error

    forward, singles = (dnet_output, DNET) if which == "DNet" else (gnet_output, GNET)
    tensors = [torch.from_numpy(np.asarray(w, dtype=np.float64)) for w in weights]
    inputs = torch.from_numpy(np.asarray(x, dtype=np.float64))
    best: tuple[str | None, float | None, str] = (None, None, "")
    with torch.no_grad():
        for few in (list(singles), _pairs(singles)):
            rows = inputs if len(few) == len(singles) else inputs[:2]
            for deviation in few:
                error = relative_error(found[: len(rows)], forward(tensors, rows, deviation.options).numpy())
                if error is not None and (best[1] is None or error < best[1]):
                    best = (deviation.name, error, deviation.sentence)
            if best[1] is not None and best[1] < 1e-3:
                break
    return best
