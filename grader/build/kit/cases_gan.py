"""The public cases of hw5_gan.py."""

from __future__ import annotations

import math
from typing import Any

import torch

from .case import Facts, case, reached, same_twice, scalar, spread
from .planted import BrightnessLogit, FlatImages, plant, wave


@case("4.1", "hw5_gan", "DNet() can be built; its number of parameters, the shape of its output")
def dnet_shape(student: Any) -> Facts:
    net = student.DNet().eval()
    return {
        "parameters": sum(p.numel() for p in net.parameters()),
        "output shape for 3 images": list(net(torch.rand(3, 1, 28, 28)).shape),
        "output shape for 1 image": list(net(torch.rand(1, 1, 28, 28)).shape),
    }


@case("4.1", "hw5_gan", "DNet with given weights on given images")
def dnet_values(student: Any) -> Facts:
    images = wave(2, 1, 28, 28)
    return {
        "logits": plant(student.DNet())(images.abs()).flatten(),
        "logits with other weights": plant(student.DNet(), 0.5, phase=2.0)(images).flatten(),
        "the same twice in training": same_twice(student.DNet(), images),
    }


@case("4.2", "hw5_gan", "GNet(zdim) can be built; its number of parameters, the shape of its output")
def gnet_shape(student: Any) -> Facts:
    net = student.GNet(64).eval()
    return {
        "parameters": sum(p.numel() for p in net.parameters()),
        "output shape for 3 latents": list(net(torch.rand(3, 64)).shape),
        "output shape with zdim 5": list(student.GNet(5).eval()(torch.rand(2, 5)).shape),
    }


@case("4.2", "hw5_gan", "GNet with given weights on given latents")
def gnet_values(student: Any) -> Facts:
    images = plant(student.GNet(5))(wave(2, 5))
    return {
        "means": images.mean((1, 2, 3)),
        "some pixels": images[0, 0, 3:24:5, 14],
        "the same twice in training": same_twice(student.GNet(5), wave(2, 5)),
    }


@case("4.3", "hw5_gan", "After construction every bias is zero")
def initial_biases(student: Any) -> Facts:
    nets = [student.DNet(), student.GNet(8)]
    biases = [p for net in nets for p in net.parameters() if p.ndim == 1]
    return {"largest bias": max((p.detach().abs().max().item() for p in biases), default=0.0)}


@case("4.3", "hw5_gan", "After construction the weights are as spread as the handout asks", tolerance=0.1)
def initial_weights(student: Any) -> Facts:
    torch.manual_seed(0)
    small = [[p.detach() for p in student.DNet().parameters() if p.ndim > 1] for _ in range(30)]
    large = [p.detach() for p in student.GNet(64).parameters() if p.ndim > 1 and p.numel() > 4000]
    layers = [torch.stack(same) for same in zip(*small, strict=True)] + large
    return {
        "spread of each layer": [spread(w) for w in layers],
        "largest weight over spread": [float(w.abs().max()) / spread(w) for w in layers],
    }


def _planted_gan(student: Any, steepness: float = 16.0) -> tuple[Any, BrightnessLogit, FlatImages]:
    """A GAN with known networks in place of its own, and these."""
    gan, disc, gen = student.GAN(zdim=2), BrightnessLogit(steepness), FlatImages()
    own = gan.disc, gan.gen
    gan.disc, gan.gen = disc.dressed(lambda: own[0]), gen.dressed(lambda: own[1])
    gan._dev = torch.device("cpu")
    return gan, disc, gen


def _grey(*levels: float) -> torch.Tensor:
    return torch.tensor(levels).reshape(-1, 1, 1, 1).expand(-1, 1, 28, 28)


def _latents(*levels: float) -> torch.Tensor:
    return torch.tensor(levels).reshape(-1, 1).expand(-1, 2)


BRIGHT, DARK = (0.75, 0.5, 0.3, 0.9), (0.1875, 0.4, 0.6, 0.25)


@case("4.4", "hw5_gan", "GAN(zdim=5): its networks")
def networks(student: Any) -> Facts:
    gan = student.GAN(zdim=5)
    images = gan.gen.cpu()(wave(2, 5))
    return {
        "shape of gen's output": list(images.shape),
        "shape of disc's output": list(gan.disc.cpu()(images).shape),
        "disc learns": all(p.requires_grad for p in gan.disc.parameters()),
        "gen learns": all(p.requires_grad for p in gan.gen.parameters()),
        "gradients reach both": any(reached(gan.disc(images).sum(), [*gan.gen.parameters()])),
    }


@case("4.4", "hw5_gan", "_get_loss_d for logits of 4 on real and −5 on generated images (the sum or the mean counts)")
def discriminator_loss(student: Any) -> Facts:
    real, z = _grey(*[0.75] * 4), _latents(*[0.1875] * 4)
    return {"loss": scalar(_planted_gan(student)[0]._get_loss_d(4, real, z))}


@case("4.4", "hw5_gan", "_get_loss_d for other logits in one batch, and its gradient")
def discriminator_loss_of_a_batch(student: Any) -> Facts:
    gan, disc, _ = _planted_gan(student)
    loss = gan._get_loss_d(4, _grey(*BRIGHT), _latents(*DARK))
    large = _planted_gan(student, 4000.0)[0]._get_loss_d(4, _grey(*BRIGHT), _latents(*DARK))
    return {
        "loss": scalar(loss),
        "reaches the discriminator": all(reached(loss, disc.parameters())),
        "finite for large logits": math.isfinite(scalar(large)),
    }


@case("4.4", "hw5_gan", "_get_loss_d teaches from real and from generated images")
def discriminator_gradient(student: Any) -> Facts:
    gan, disc, _ = _planted_gan(student)
    gradients = []
    for real, fake in (((0.9,) * 4, (0.4,) * 4), ((0.6,) * 4, (0.1,) * 4)):
        loss = gan._get_loss_d(4, _grey(*real), _latents(*fake))
        gradients.append(float(torch.autograd.grad(loss, disc.steepness)[0]))
    return {"gradients in the steepness of a known discriminator": gradients}


@case("4.5", "hw5_gan", "_get_loss_g for logits of −5 on generated images")
def generator_loss(student: Any) -> Facts:
    return {"loss": scalar(_planted_gan(student)[0]._get_loss_g(4, _latents(*[0.1875] * 4)))}


@case("4.5", "hw5_gan", "_get_loss_g for other logits in one batch, and its gradient")
def generator_loss_of_a_batch(student: Any) -> Facts:
    gan, _, gen = _planted_gan(student)
    loss = gan._get_loss_g(4, _latents(*DARK))
    large = _planted_gan(student, 4000.0)[0]._get_loss_g(4, _latents(*DARK))
    return {
        "loss": scalar(loss),
        "reaches the generator": all(reached(loss, gen.parameters())),
        "finite for large logits": math.isfinite(scalar(large)),
    }
