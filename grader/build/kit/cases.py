"""The public cases: each calls one thing of the homework with given inputs and says what came out.

The same function runs twice: on the course's solution when the kit is made (its answers lie in cases.json), and on the
student's file at home. There are few, on purpose; the grader draws its own inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .planted import BrightnessLogit, FlatImages, Shrink, plant, wave

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


# ---------------------------------------------------------------- hw5_gan.py


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
    return {"logits": plant(student.DNet())(wave(2, 1, 28, 28).abs()).flatten()}


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
    return {"means": images.mean((1, 2, 3)), "some pixels": images[0, 0, 3:24:5, 14]}


@case("4.3", "hw5_gan", "After construction every bias is zero")
def initial_biases(student: Any) -> Facts:
    nets = [student.DNet(), student.GNet(8)]
    biases = [p for net in nets for p in net.parameters() if p.ndim == 1]
    return {"largest bias": max((p.detach().abs().max().item() for p in biases), default=0.0)}


@case("4.3", "hw5_gan", "After construction the weights are as spread as the handout asks", tolerance=0.1)
def initial_weights(student: Any) -> Facts:
    torch.manual_seed(0)
    weights = [p for p in student.GNet(64).parameters() if p.ndim > 1]
    return {"spread of the largest layers": torch.stack([w.detach().std() for w in weights if w.numel() > 4000])}


def _planted_gan(student: Any) -> Any:
    gan = student.GAN(zdim=2)
    gan.disc, gan.gen = BrightnessLogit(), FlatImages()
    gan._dev = torch.device("cpu")
    return gan


@case("4.4", "hw5_gan", "_get_loss_d for logits of 4 on real and −5 on generated images (the sum or the mean counts)")
def discriminator_loss(student: Any) -> Facts:
    real, z = torch.full((4, 1, 28, 28), 0.75), torch.full((4, 2), 0.1875)
    return {"loss": _scalar(_planted_gan(student)._get_loss_d(4, real, z))}


@case("4.5", "hw5_gan", "_get_loss_g for logits of −5 on generated images")
def generator_loss(student: Any) -> Facts:
    return {"loss": _scalar(_planted_gan(student)._get_loss_g(4, torch.full((4, 2), 0.1875)))}


# ---------------------------------------------------------------- hw5_ddpm.py

BETAS = torch.tensor([0.1, 0.3, 0.2, 0.4])
T_MIXED = torch.tensor([1, 2, 4])


@case("5.1", "hw5_ddpm", "beta_schedule(5)")
def schedule(student: Any) -> Facts:
    return {"betas": student.beta_schedule(5), "number of steps": len(student.beta_schedule(1000))}


@case("5.1", "hw5_ddpm", "beta_bar of 0.1, 0.3, 0.2, 0.4")
def bars(student: Any) -> Facts:
    return {"beta_bar": student.beta_bar(BETAS)}


@case("5.2", "hw5_ddpm", "q_sample at t = 1, 2, 4 with given noise")
def noised(student: Any) -> Facts:
    return {"x_t": student.q_sample(wave(3, 2), T_MIXED, BETAS, wave(3, 2, phase=1.0))}


@case("5.3", "hw5_ddpm", "predict_x_0 at t = 1, 2, 4 from given noise")
def cleaned(student: Any) -> Facts:
    return {"x_0": student.predict_x_0(wave(3, 2), T_MIXED, BETAS, wave(3, 2, phase=1.0))}


@case("5.4", "hw5_ddpm", "posterior_mean at t = 1, 2, 4")
def mean(student: Any) -> Facts:
    return {"mean": student.posterior_mean(wave(3, 2), wave(3, 2, phase=1.0), T_MIXED, BETAS)}


@case("5.4", "hw5_ddpm", "posterior_variance at t = 1, 2, 4")
def variance(student: Any) -> Facts:
    return {"variance": student.posterior_variance(T_MIXED, BETAS)}


@case("5.5", "hw5_ddpm", "NoiseNet() takes x (3, 2) and t (3,); ddpm_loss is a scalar with a gradient")
def loss_shape(student: Any) -> Facts:
    net = student.NoiseNet()
    loss = student.ddpm_loss(net, wave(3, 2), BETAS)
    return {
        "output shape": list(net(wave(3, 2), T_MIXED).shape),
        "loss has one value": torch.as_tensor(loss).numel() == 1,
        "loss has a gradient": bool(torch.as_tensor(loss).requires_grad),
    }


@case("5.6", "hw5_ddpm", "p_sample at t = 3 and t = 1 with a noise network that returns half its input")
def step(student: Any) -> Facts:
    net, x, noise = Shrink(0.5), wave(3, 2), wave(3, 2, phase=1.0)
    with torch.no_grad():
        return {
            "x_2": student.p_sample(net, x, torch.full((3,), 3), BETAS, noise),
            "x_0": student.p_sample(net, x, torch.full((3,), 1), BETAS, noise),
        }


@case("5.7", "hw5_ddpm", "sample(model, 7, betas): its shape, and how often the network is asked")
def samples(student: Any) -> Facts:
    net = Shrink(0.1)
    with torch.no_grad():
        drawn = student.sample(net, 7, BETAS)
    return {"shape": list(drawn.shape), "calls of the network": len(net.calls)}


@case("5.8", "hw5_ddpm", "conditional_score with the mask (1, 0)")
def conditional(student: Any) -> Facts:
    score, x, known = wave(3, 2), wave(3, 2, phase=1.0), wave(3, 2, phase=2.0)
    return {"score": student.conditional_score(score, x, known, torch.tensor([1.0, 0.0]).expand(3, 2))}


# ---------------------------------------------------------------- hw5_diffusion.py

SIGMAS = torch.tensor([0.3, 0.1, 0.05])


@case("5.1", "hw5_diffusion", "ScoreNet(): its number of parameters, and its output for each form of σ")
def score_net_shape(student: Any) -> Facts:
    net = student.ScoreNet()
    return {
        "parameters": sum(p.numel() for p in net.parameters()),
        "shape for a number": list(net(torch.rand(4, 2), 0.1).shape),
        "shape for a 0-dim tensor": list(net(torch.rand(4, 2), torch.tensor(0.1)).shape),
        "shape for a column": list(net(torch.rand(4, 2), torch.full((4, 1), 0.1)).shape),
    }


@case("5.1", "hw5_diffusion", "ScoreNet with given weights")
def score_net_values(student: Any) -> Facts:
    return {"scores": plant(student.ScoreNet(), 0.08)(wave(3, 2), torch.tensor([[0.3], [0.1], [0.2]]))}


@case("5.2", "hw5_diffusion", "The denoising loss of a network that always answers 0", tolerance=0.05)
def denoising_loss(student: Any) -> Facts:
    torch.manual_seed(0)
    with torch.no_grad():
        return {"loss": _scalar(student.compute_denoising_loss(Shrink(0.0), torch.zeros(20_000, 2), SIGMAS))}


@case("5.3", "hw5_diffusion", "langevin_dynamics_sample: shapes with and without the trajectory, how often it asks")
def langevin_shape(student: Any) -> Facts:
    net = Shrink(-1.0)
    with torch.no_grad():
        last = student.langevin_dynamics_sample(net, 5, SIGMAS, iterations=4)
        calls = len(net.calls)
        path = student.langevin_dynamics_sample(net, 5, SIGMAS, iterations=4, return_traj=True)
    shape = list(path.shape)
    steps = shape[1] if len(shape) == 3 else -1
    return {
        "shape": list(last.shape),
        "calls of the network": calls,
        "points in a trajectory (the start may be among them)": 12 if steps in (12, 13) else steps,
    }


@case("5.3", "hw5_diffusion", "langevin_dynamics_sample: the levels are used from large to small")
def langevin_order(student: Any) -> Facts:
    net = Shrink(-1.0)
    with torch.no_grad():
        student.langevin_dynamics_sample(net, 3, SIGMAS, iterations=2)
    return {"σ at each call": [round(float(torch.as_tensor(at).flatten()[0]), 4) for _, at in net.calls]}


def _scalar(value: Any) -> float:
    tensor = torch.as_tensor(value)
    if tensor.numel() != 1:
        raise ValueError(f"the loss must be one number; it has the shape {tuple(tensor.shape)}")
    return float(tensor)
