"""The public cases of hw5_ddpm.py."""

from __future__ import annotations

from typing import Any

import torch

from .case import Facts, apart, case, reached, scalar, spread
from .planted import Known, numbers, plant, shrink, wave

BETAS = torch.tensor([0.1, 0.3, 0.2, 0.4])
T_MIXED = torch.tensor([1, 2, 4])


@case("5.1", "hw5_ddpm", "beta_schedule(5)")
def schedule(student: Any) -> Facts:
    return {
        "betas": student.beta_schedule(5),
        "number of steps": len(student.beta_schedule(1000)),
        "beta_schedule(4, 0.1, 0.4)": student.beta_schedule(4, 0.1, 0.4),
    }


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


def _kept(function: Any, *inputs: torch.Tensor) -> bool:
    """Whether a function leaves the tensors that it is given as they were."""
    before = [value.clone() for value in inputs]
    function(*inputs)
    return all(torch.equal(old, new) for old, new in zip(before, inputs, strict=True))


@case("5.2", "hw5_ddpm", "q_sample, predict_x_0 and posterior_mean leave their inputs as they were")
def inputs_kept(student: Any) -> Facts:
    x, y, t = wave(3, 2), wave(3, 2, phase=1.0), T_MIXED.clone()
    return {
        "q_sample": _kept(student.q_sample, x, t, BETAS.clone(), y),
        "predict_x_0": _kept(student.predict_x_0, x, t, BETAS.clone(), y),
        "posterior_mean": _kept(student.posterior_mean, x, y, t, BETAS.clone()),
    }


@case("5.5", "hw5_ddpm", "NoiseNet() takes x (3, 2) and t (3,); its output depends on both")
def noise_net(student: Any) -> Facts:
    net, x, ones = plant(student.NoiseNet()), wave(3, 2), torch.ones(3, dtype=torch.long)
    with torch.no_grad():
        first = net(x, ones)
        return {
            "output shape": list(net(x, T_MIXED).shape),
            "has parameters": sum(p.numel() for p in net.parameters()) > 0,
            "depends on x": not torch.equal(first, net(2 * x, ones)),
            "depends on t": not torch.equal(first, net(x, 3 * ones)),
            "depends on the t of each sample": not torch.equal(first[2], net(x, torch.tensor([1, 1, 3]))[2]),
            "a number for each sample": not torch.equal(first[0], first[1]),
        }


@case("5.5", "hw5_ddpm", "ddpm_loss of NoiseNet() is a scalar with a gradient")
def loss_shape(student: Any) -> Facts:
    net = student.NoiseNet()
    loss = student.ddpm_loss(net, wave(3, 2), BETAS)
    return {"loss has one value": torch.as_tensor(loss).numel() == 1, "gradient": any(reached(loss, net.parameters()))}


@case("5.5", "hw5_ddpm", "ddpm_loss of a network that answers 0 (the mean or the sum over coordinates)", tolerance=0.1)
def loss_of_nothing(student: Any) -> Facts:
    with torch.no_grad():
        return {"loss": scalar(student.ddpm_loss(shrink(0.0).dressed(student.NoiseNet), wave(4000, 2), BETAS))}


@case("5.5", "hw5_ddpm", "ddpm_loss of a network that knows the noise, by your own q_sample", tolerance=1e-3)
def loss_of_knowing(student: Any) -> Facts:
    fixed, ones = torch.tensor([[0.6, -0.4]]), torch.ones(4000, 2)

    def noise(x: torch.Tensor, t: Any) -> torch.Tensor:
        at, x_0 = numbers(t, len(x)).long(), fixed.expand(len(x), 2)
        base = student.q_sample(x_0, at, BETAS, 0 * ones[: len(x)])
        known: torch.Tensor = (x - base) / (student.q_sample(x_0, at, BETAS, ones[: len(x)]) - base)
        return known

    with torch.no_grad():
        return {"loss": scalar(student.ddpm_loss(Known(noise).dressed(student.NoiseNet), fixed.repeat(4000, 1), BETAS))}


@case("5.5", "hw5_ddpm", "What 600 calls of ddpm_loss show the network: noise and t are drawn", tolerance=0.3)
def loss_draws(student: Any) -> Facts:
    net = shrink(0.0)
    own = net.dressed(student.NoiseNet)
    with torch.no_grad():
        for _ in range(600):
            student.ddpm_loss(own, torch.zeros(4, 2), BETAS)
    x = torch.stack([seen for seen, _ in net.calls])
    t = torch.stack([numbers(at, len(seen)) for seen, at in net.calls])
    last = x[t == 4]
    return {
        "share of each t": [float((t == step).double().mean()) for step in (1, 2, 3, 4)],
        "t is drawn in each call": apart(t[1:, 0], t[:-1, 0]),
        "noise of the two coordinates": apart(x[..., 0], x[..., 1]),
        "noise of two samples": apart(x[:, 0], x[:, 1]),
        "noise of two calls": apart(x[1:], x[:-1]),
        "now and then the noise is large": bool(len(last) and last.abs().max() > 2.5 * last.std()),
    }


@case("5.6", "hw5_ddpm", "p_sample at t = 3 and t = 1 with a noise network that returns half its input")
def step(student: Any) -> Facts:
    net, x, noise = shrink(0.5), wave(3, 2), wave(3, 2, phase=1.0)
    with torch.no_grad():
        return {
            "x_2": student.p_sample(net.dressed(student.NoiseNet), x, torch.full((3,), 3), BETAS, noise),
            "x_0": student.p_sample(net.dressed(student.NoiseNet), x, torch.full((3,), 1), BETAS, noise),
        }


@case("5.6", "hw5_ddpm", "p_sample at t = 4 and t = 2, far from 0, and the t that the network is given")
def step_elsewhere(student: Any) -> Facts:
    x, noise = 6 * wave(3, 2), wave(3, 2, phase=1.0)
    facts: Facts = {}
    for t in (4, 2):
        net = shrink(0.5)
        with torch.no_grad():
            facts[f"x_{t - 1}"] = student.p_sample(net.dressed(student.NoiseNet), x, torch.full((3,), t), BETAS, noise)
        facts[f"t given at t = {t}"] = [float(v) for v in numbers(net.calls[0][1], 3)]
    return facts


@case("5.7", "hw5_ddpm", "sample(model, 7, betas): its shape, and how often and for which t the network is asked")
def samples(student: Any) -> Facts:
    net = shrink(0.1)
    with torch.no_grad():
        drawn = student.sample(net.dressed(student.NoiseNet), 7, BETAS)
    return {
        "shape": list(drawn.shape),
        "calls of the network": len(net.calls),
        "t of each call": [float(numbers(at, 7)[0]) for _, at in net.calls],
    }


@case(
    "5.7",
    "hw5_ddpm",
    "sample with a network that returns a third of its input: how far the points spread",
    tolerance=0.05,
)
def samples_spread(student: Any) -> Facts:
    net = shrink(1 / 3)
    with torch.no_grad():
        drawn = student.sample(net.dressed(student.NoiseNet), 3000, BETAS)
    start = net.calls[0][0]
    return {
        "spread at the start": spread(start),
        "largest at the start is far out": bool(start.abs().max() > 2.5),
        "the start is drawn for each coordinate and sample": apart(start[:, 0], start[:, 1])
        and apart(start[1:], start[:-1]),
        "mean at the end is 0": bool(drawn.mean().abs() < 0.1),
        "spread at the end": spread(drawn),
        "spread on the way": [spread(x) for x, _ in net.calls],
        "the end is drawn for each coordinate and sample": apart(drawn[:, 0], drawn[:, 1])
        and apart(drawn[1:], drawn[:-1]),
    }


@case("5.8", "hw5_ddpm", "conditional_score with the mask (1, 0)")
def conditional(student: Any) -> Facts:
    score, x, known = wave(3, 2), wave(3, 2, phase=1.0), wave(3, 2, phase=2.0)
    return {"score": student.conditional_score(score, x, known, torch.tensor([1.0, 0.0]).expand(3, 2))}
