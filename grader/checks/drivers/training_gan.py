"""Runs in the student process after stand_in.py and gan.py: asks the student's networks for gradients, trains networks
of ours with the student's two losses. Knows no answer."""

import contextlib
import copy
import random
import time

import numpy as np
import torch
from torch import nn

_ring = {}
REPLIES = {
    "own_network": {
        "kinds": ["str"],
        "shape": ["int"],
        "parameters": "int",
        "trainable": "int",
        "reached": "int",
        "has_gradient": "bool",
    },
    "own_class": ["int"],
    "gan_attributes": ["str"],
    "ring_advance": ({"unusable": "str"}, {"weights": {"*": "array"}, "losses": "array/2", "cpu_s": "float"}),
    "optimum_advance": ({"unusable": "bool"}, {"weights": "array/1"}),
}


def _seed_all(seed):
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def own_network(student, which, zdim, x, real, z):
    """`disc` or `gen` of the student's GAN(zdim), after one call of its loss: output, class, what gradient arrives."""
    gan = student.GAN() if zdim == 0 else student.GAN(zdim)
    device = getattr(gan, "_dev", "cpu")
    with contextlib.suppress(Exception):
        if which == "disc":
            gan._get_loss_d(len(z), real.to(device), z.to(device))
        else:
            gan._get_loss_g(len(z), z.to(device))
    net = getattr(gan, which)
    kinds = {name: getattr(student, name, ()) for name in ("DNet", "GNet")}
    parameters = list(net.parameters())
    trainable = [p for p in parameters if p.requires_grad]
    output = net(x.to(device))
    reached = 0
    if output.requires_grad:
        weights = torch.randn_like(output)
        grads = torch.autograd.grad((output * weights).sum(), trainable, allow_unused=True)
        reached = sum(g is not None for g in grads)
    return {
        "kinds": [name for name, kind in kinds.items() if isinstance(kind, type) and isinstance(net, kind)],
        "shape": list(output.shape),
        "parameters": len(parameters),
        "trainable": len(trainable),
        "reached": reached,
        "has_gradient": bool(output.requires_grad),
    }


def own_class(student, which, zdim, x):
    """The same network built by itself: only whether it works."""
    net = student.DNet() if which == "disc" else student.GNet(zdim)
    return list(net(x).shape)


def gan_attributes(student, zdim):
    """Which of the handout's attributes GAN(zdim) has."""
    gan = student.GAN(zdim)
    return [name for name in ("_dev", "_zdim", "disc", "gen") if hasattr(gan, name)]


# ---------------------------------------------------------------- the student's losses train networks of ours


def _paint(points):
    """Points (N, 2) as images (N, 1, 28, 28): the first coordinate in the upper half, the second in the lower."""
    halves = (0.5 + points / 8).repeat_interleave(14 * 28, dim=1)
    return halves.reshape(-1, 1, 28, 28)


class RingGenerator(StandIn):  # noqa: F821
    """z (N, zdim) → images that each carry a point of the plane."""

    def __init__(self, zdim, width=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(zdim, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, 2),
        )

    def answer(self, z):
        return _paint(self.net(z))


class RingDiscriminator(StandIn):  # noqa: F821
    """Images that carry a point → logits (N, 1)."""

    def __init__(self, width=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )

    def answer(self, x):
        return self.net(8 * (x.reshape(len(x), 2, -1).mean(2) - 0.5))


def ring_begin(student, zdim, seed, rate, device):
    """Fresh networks of ours inside the student's GAN."""
    _seed_all(seed)
    disc, gen = RingDiscriminator().to(device), RingGenerator(zdim).to(device)
    gan, _ = _gan(student, disc, gen, zdim)  # noqa: F821  (of gan.py, whose text comes first)
    gan._dev = torch.device(device)
    _ring.clear()
    _ring.update(gan=gan, disc=disc, gen=gen, averaged=copy.deepcopy(gen), step=0, device=device)
    _ring["optimizer_d"] = torch.optim.Adam(disc.parameters(), lr=rate, betas=(0.5, 0.999))
    _ring["optimizer_g"] = torch.optim.Adam(gen.parameters(), lr=rate, betas=(0.5, 0.999))


def ring_advance(student, points, z, batch, seed):
    """One step of each network for every `batch` points; the averaged generator's weights, and what went wrong."""
    _seed_all(seed)
    begun, device, gan = time.process_time(), _ring["device"], _ring["gan"]
    values = []
    for start in range(0, len(points) - batch + 1, batch):
        real, latent = _paint(points[start : start + batch].to(device)), z[start : start + batch].to(device)
        pair = []
        for which in ("d", "g"):
            for optimizer in ("optimizer_d", "optimizer_g"):
                _ring[optimizer].zero_grad()
            loss = gan._get_loss_d(batch, real, latent) if which == "d" else gan._get_loss_g(batch, latent)
            if not isinstance(loss, torch.Tensor) or loss.numel() != 1 or not loss.requires_grad:
                return {"unusable": which}
            loss.reshape(()).backward()
            _ring["optimizer_" + which].step()
            pair.append(float(loss.detach()))
        values.append(pair)
        _average_ring()
    state = {name: value.detach().clone() for name, value in _ring["averaged"].state_dict().items()}
    return {"weights": state, "losses": torch.tensor(values), "cpu_s": time.process_time() - begun}


def _average_ring():
    k = _ring["step"] = _ring["step"] + 1
    decay = min(0.995, (1 + k) / (10 + k))
    averaged = _ring["averaged"].state_dict()
    with torch.no_grad():
        for name, value in _ring["gen"].state_dict().items():
            if value.is_floating_point() and "running" not in name:
                averaged[name].lerp_(value, 1 - decay)
            else:
                averaged[name].copy_(value)


# ---------------------------------------------------------------- the discriminator loss on two known laws

_optimum = {}


class NormalGenerator(StandIn):  # noqa: F821
    """Standard normal z (N, 2) → images that carry the points mean + root z. No optimizer has its parameters."""

    def __init__(self, mean, root):
        super().__init__()
        self.mean, self.root = nn.Parameter(mean), nn.Parameter(root)

    def answer(self, z):
        return _paint(self.mean + z @ self.root.T)


class QuadraticDiscriminator(StandIn):  # noqa: F821
    """Images that carry a point (a, b) → logits (N, 1), linear in 1, a, b, a², ab, b²."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(6))

    def answer(self, x):
        a, b = (8 * (x.reshape(len(x), 2, -1).mean(2) - 0.5)).T
        return torch.stack([torch.ones_like(a), a, b, a * a, a * b, b * b], dim=1) @ self.weight[:, None]


def optimum_begin(student, mean, root, rate, device):
    """A fresh discriminator of ours and a fixed generator inside the student's GAN."""
    disc, gen = QuadraticDiscriminator().to(device), NormalGenerator(mean.float(), root.float()).to(device)
    gan, _ = _gan(student, disc, gen, 2)  # noqa: F821  (of gan.py, whose text comes first)
    gan._dev = torch.device(device)
    _optimum.clear()
    _optimum.update(gan=gan, disc=disc, device=device, step=0, averaged=torch.zeros(6, device=device))
    _optimum["optimizer"] = torch.optim.Adam(disc.parameters(), lr=rate, betas=(0.9, 0.99))


def optimum_advance(student, points, z, batch, seed):
    """A step of the discriminator for every `batch` points; the averaged weights (6,), and what went wrong."""
    _seed_all(seed)
    gan, weight, device = _optimum["gan"], _optimum["disc"].weight, _optimum["device"]
    for start in range(0, len(points) - batch + 1, batch):
        real, latent = _paint(points[start : start + batch].to(device)), z[start : start + batch].to(device)
        _optimum["optimizer"].zero_grad()
        loss = gan._get_loss_d(batch, real, latent)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1 or not loss.requires_grad:
            return {"unusable": True}
        loss.reshape(()).backward()
        _optimum["optimizer"].step()
        k = _optimum["step"] = _optimum["step"] + 1
        decay = min(0.98, (1 + k) / (10 + k))
        _optimum["averaged"].lerp_(weight.detach(), 1 - decay)
    return {"weights": _optimum["averaged"].clone()}
