"""Runs inside the student process: calls the student's diffusion functions on given inputs, with planted networks.

Every function takes the student's module first. No expected value stands here: a student may read this file. What is
planted in place of the student's other functions are tables of numbers, computed elsewhere.
"""

from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

_ASKED = {"x": ["array"], "t": ["array/1"], "t_shapes": [["int"]], "=": ["x", "t", "t_shapes"]}
REPLIES = {
    "evaluate": {"value": "array?", "kind": "str", "changed": ["int"]},
    "planted_step": {"value": "array?", "kind": "str", "changed": ["int"], **_ASKED},
    "planted_loss": {
        "value": "array?",
        "kind": "str",
        "is_tensor": "bool",
        "differentiable": "bool",
        "gradient": "array/2?",
        "changed": ["int"],
        **_ASKED,
    },
    "planted_sample": {"value": "array?", "kind": "str", **_ASKED},
}


def _index(t, last):
    """Any spelling of t (number, (N,), (N, 1), integer or not) as row numbers of a table, never out of range."""
    return torch.as_tensor(t).detach().reshape(-1).double().round().long().clamp(0, last)


def _row(table, t, like):
    """The table's entry for each row of `like`, shaped to broadcast against it."""
    values = table.to(like.dtype)[_index(t, len(table) - 1)]
    return values.reshape(-1, *([1] * (like.dim() - 1)))


class PlantedNoise(StandIn):  # noqa: F821 (of stand_in.py, which comes before)
    """A noise predictor that is affine in x_t with tables over t = 0..T; remembers what it was asked.

    slope (T+1,), shift (T+1, d), matrix (d, d): ε̂(x, t) = slope_t x + shift_t + x matrix
    """

    def __init__(self, slope, shift, matrix):
        super().__init__()
        self.slope, self.shift, self.matrix = nn.Parameter(slope), nn.Parameter(shift), nn.Parameter(matrix)
        self.asked_x, self.asked_t, self.asked_shapes = Log(), Log(), Log()  # noqa: F821

    def answer(self, x, t):
        self.asked_x.append(x.detach().clone())
        asked = torch.as_tensor(t).detach()
        self.asked_shapes.append(list(asked.shape))
        self.asked_t.append(asked.double().reshape(-1).clone())
        index = _index(t, len(self.slope) - 1)
        slope, shift, matrix = (p.to(x.dtype) for p in (self.slope, self.shift, self.matrix))
        return slope[index].reshape(-1, 1) * x + shift[index] + x @ matrix

    def asked(self):
        """Every x and t that it was asked, in order."""
        return {"x": list(self.asked_x), "t": list(self.asked_t), "t_shapes": list(self.asked_shapes)}


def _predictor(student, model):
    """The planted predictor, in the place of the student's NoiseNet."""
    return PlantedNoise(**model).stand_in_for(student.__dict__.get("NoiseNet"))


def _changed(args, given):
    """Numbers of the arguments that are no longer what they were."""
    return [
        i
        for i, (a, b) in enumerate(zip(args, given, strict=True))
        if isinstance(a, torch.Tensor) and not torch.equal(a, b)
    ]


@contextmanager
def _planted(student, tables):
    """Replaces the student's other functions by tables, so that a mistake in one is seen there only."""
    kept = {}

    def plant(name, function):
        if name in student.__dict__:
            kept[name] = student.__dict__[name]
            setattr(student, name, function)

    if tables:
        if "beta_bar" in tables:
            own = student.__dict__.get("beta_bar")

            def beta_bar(betas):
                n = len(betas)
                known = tables["betas"][:n].to(betas.dtype)
                if known.shape == betas.shape and torch.allclose(known, betas):
                    return tables["beta_bar"][:n].to(betas.dtype)
                return own(betas)

            plant("beta_bar", beta_bar)
        if "q" in tables:
            a, b = tables["q"]
            plant("q_sample", lambda x_0, t, betas, noise: _row(a, t, x_0) * x_0 + _row(b, t, x_0) * noise)
        if "predict" in tables:
            c, d = tables["predict"]
            plant("predict_x_0", lambda x_t, t, betas, noise: _row(c, t, x_t) * x_t + _row(d, t, x_t) * noise)
        if "mean" in tables:
            e, f = tables["mean"]
            plant("posterior_mean", lambda x_t, x_0, t, betas: _row(e, t, x_t) * x_t + _row(f, t, x_t) * x_0)
        if "variance" in tables:
            v = tables["variance"]
            plant("posterior_variance", lambda t, betas: v.to(betas.dtype)[_index(t, len(v) - 1)])
        if "step" in tables:
            p, q, s = tables["step"]

            def p_sample(model, x_t, t, betas, noise):
                predicted = model(x_t, t)
                return _row(p, t, x_t) * x_t + _row(q, t, x_t) * predicted + _row(s, t, x_t) * noise

            plant("p_sample", p_sample)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(student, name, function)


def _plain(value):
    """What the student's code returned, or its numbers as a tensor, or None where it holds none."""
    if value is None or isinstance(value, torch.Tensor):
        return value
    try:
        return torch.as_tensor(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError):
        return None


def _strided(value):
    """The same numbers in a tensor that is not contiguous."""
    if not isinstance(value, torch.Tensor) or value.dim() == 0:
        return value
    wide = torch.stack([value, torch.zeros_like(value)], dim=-1)
    return wide[..., 0]


def evaluate(student, function, args, strided=False, tables=None):
    """student.function(*args): the value, what it is, which arguments it changed."""
    given = [(_strided(a) if strided else a.clone()) if isinstance(a, torch.Tensor) else a for a in args]
    with _planted(student, tables):
        value = getattr(student, function)(*given)
    kind = str(value.dtype) if isinstance(value, torch.Tensor) else type(value).__name__
    return {"value": _plain(value), "kind": kind, "changed": _changed(args, given)}


def planted_step(student, model, x_t, t, betas, noise, tables=None):
    """p_sample under a planted noise predictor: the new x and what the predictor was asked."""
    net = _predictor(student, model)
    args = (x_t, t, betas, noise)
    given = [a.clone() for a in args]
    with _planted(student, tables):
        value = student.p_sample(net, *given)
    return {"value": _plain(value), "kind": type(value).__name__, "changed": _changed(args, given), **net.asked()}


def planted_loss(student, model, x_0, betas, seed, tables=None):
    """ddpm_loss under a planted noise predictor: its value, what the predictor was asked, its gradients."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    net = _predictor(student, model)
    given = [x_0.clone(), betas.clone()]
    with _planted(student, tables):
        loss = student.ddpm_loss(net, *given)
    differentiable = isinstance(loss, torch.Tensor) and loss.numel() == 1 and loss.requires_grad
    gradient = None
    if differentiable:
        (gradient,) = torch.autograd.grad(loss.reshape(()), [net.shift], allow_unused=True)
    return {
        "value": _plain(loss),
        "kind": type(loss).__name__,
        "is_tensor": isinstance(loss, torch.Tensor),
        "differentiable": differentiable,
        "gradient": gradient,
        "changed": _changed((x_0, betas), given),
        **net.asked(),
    }


def planted_sample(student, model, n, betas, seed, tables=None):
    """sample under a planted noise predictor: the samples and every x and t that the predictor was asked."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    net = _predictor(student, model)
    with _planted(student, tables):
        value = student.sample(net, n, betas.clone())
    return {"value": _plain(value), "kind": type(value).__name__, **net.asked()}
