"""The public cases of hw5_diffusion.py."""

from __future__ import annotations

from typing import Any

import torch

from .case import Facts, apart, case, reached, same_twice, scalar, spread
from .planted import Known, numbers, plant, shrink, wave

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
    x, sigmas = wave(3, 2), torch.tensor([[0.3], [0.1], [0.2]])
    net = student.ScoreNet()
    return {
        "scores": plant(student.ScoreNet(), 0.08)(x, sigmas),
        "scores with larger weights": plant(student.ScoreNet(n_layers=8), 0.2, phase=1.0)(3 * x, sigmas),
        "the same twice in training": same_twice(student.ScoreNet(), x, sigmas),
        "parameters that a loss reaches": sum(reached(net(x, sigmas).square().sum(), net.parameters())),
    }


@case("5.1", "hw5_diffusion", "ScoreNet(n_layers=3, latent_dim=16): its number of parameters")
def score_net_size(student: Any) -> Facts:
    return {"parameters": sum(p.numel() for p in student.ScoreNet(n_layers=3, latent_dim=16).parameters())}


@case(
    "5.2",
    "hw5_diffusion",
    "The denoising loss of a network that answers 0, and of one that answers −10 x",
    tolerance=0.1,
)
def denoising_loss(student: Any) -> Facts:
    torch.manual_seed(0)
    with torch.no_grad():
        return {
            "loss for 0": scalar(
                student.compute_denoising_loss(shrink(0.0).dressed(student.ScoreNet), torch.zeros(8000, 2), SIGMAS)
            ),
            "loss for −10 x": scalar(
                student.compute_denoising_loss(shrink(-10.0).dressed(student.ScoreNet), torch.zeros(8000, 2), SIGMAS)
            ),
        }


@case("5.2", "hw5_diffusion", "What the denoising loss shows the network: noise and σ are drawn for each sample", 0.1)
def denoising_draws(student: Any) -> Facts:
    net, again, data = shrink(-1.0), shrink(-1.0), torch.full((6000, 2), 0.5)
    loss = student.compute_denoising_loss(net.dressed(student.ScoreNet), data, SIGMAS)
    student.compute_denoising_loss(again.dressed(student.ScoreNet), data, SIGMAS)
    noise = torch.cat([seen for seen, _ in net.calls]) - 0.5
    at = torch.cat([numbers(sigma, len(seen)) for seen, sigma in net.calls])
    of_level = [(at - float(sigma)).abs() < 1e-4 for sigma in SIGMAS]
    return {
        "share of each σ": [float(chosen.double().mean()) for chosen in of_level],
        "spread of the noise for each σ": [spread(noise[chosen]) if chosen.any() else 0.0 for chosen in of_level],
        "noise of the two coordinates": apart(noise[:, 0], noise[:, 1]),
        "other noise in the next call": not torch.equal(net.calls[0][0], again.calls[0][0]),
        "the loss reaches the network": all(reached(loss, net.parameters())),
        "the network is asked for many samples at once": len(net.calls) < 100,
        "the data are left as they were": bool((data == 0.5).all()),
    }


@case("5.3", "hw5_diffusion", "langevin_dynamics_sample: shapes with and without the trajectory, how often it asks")
def langevin_shape(student: Any) -> Facts:
    net = shrink(-1.0)
    with torch.no_grad():
        last = student.langevin_dynamics_sample(net.dressed(student.ScoreNet), 5, SIGMAS, iterations=4)
        calls = len(net.calls)
        path = student.langevin_dynamics_sample(
            net.dressed(student.ScoreNet), 5, SIGMAS, iterations=4, return_traj=True
        )
    shape = list(path.shape)
    steps = shape[1] if len(shape) == 3 else -1
    return {
        "shape": list(last.shape),
        "calls of the network": calls,
        "points in a trajectory (the start may be among them)": 12 if steps in (12, 13) else steps,
    }


@case("5.3", "hw5_diffusion", "langevin_dynamics_sample: the levels are used from large to small")
def langevin_order(student: Any) -> Facts:
    net = shrink(-1.0)
    with torch.no_grad():
        student.langevin_dynamics_sample(net.dressed(student.ScoreNet), 3, SIGMAS, iterations=2)
    return {"σ at each call": [round(float(torch.as_tensor(at).flatten()[0]), 4) for _, at in net.calls]}


@case(
    "5.3",
    "hw5_diffusion",
    "langevin_dynamics_sample: how far the points spread, for the scores −2x and 1",
    tolerance=0.05,
)
def langevin_spread(student: Any) -> Facts:
    net, drift = shrink(-2.0), Known(lambda x, _: torch.ones_like(x))
    with torch.no_grad():
        drawn = student.langevin_dynamics_sample(net.dressed(student.ScoreNet), 3000, SIGMAS, iterations=2, eps=0.01)
        moved = student.langevin_dynamics_sample(drift.dressed(student.ScoreNet), 3000, SIGMAS, iterations=2, eps=0.01)
        other = student.langevin_dynamics_sample(
            shrink(-2.0).dressed(student.ScoreNet), 3000, SIGMAS, iterations=2, eps=0.01
        )
    start = net.calls[0][0]
    jump = net.calls[1][0] - start
    noise = drift.calls[1][0] - drift.calls[0][0]
    noise = noise - noise.mean()
    return {
        "spread at the start": spread(start),
        "largest at the start is far out": bool(start.abs().max() > 2.5),
        "spread at each call and at the end": [spread(x) for x, _ in net.calls] + [spread(drawn)],
        "mean after a constant score": float(moved.mean()),
        "spread after a constant score": spread(moved),
        "noise is drawn for each coordinate and sample": apart(jump[:, 0], jump[:, 1]) and apart(jump[1:], jump[:-1]),
        "now and then a step is long": bool(noise.abs().max() > 2.5 * noise.std()),
        "noise is drawn for each step": apart(jump, net.calls[2][0] - net.calls[1][0]) or len(net.calls) < 3,
        "other points in the next call": not torch.equal(drawn, other),
    }


@case(
    "5.3", "hw5_diffusion", "langevin_dynamics_sample: the trajectory holds the points at which the network was asked"
)
def langevin_trajectory(student: Any) -> Facts:
    net = shrink(-1.0)
    with torch.no_grad():
        path = torch.as_tensor(
            student.langevin_dynamics_sample(
                net.dressed(student.ScoreNet), 5, SIGMAS, iterations=4, eps=0.01, return_traj=True
            )
        ).reshape(5, -1, 2)
    skipped = 0 if path.shape[1] == 13 else 1
    asked = torch.stack([x for x, _ in net.calls], dim=1)
    kept = path[:, : 12 - skipped]
    return {
        "the points, in their order": kept.shape == asked[:, skipped:].shape
        and bool(torch.allclose(kept, asked[:, skipped:]))
    }
