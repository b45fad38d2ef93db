"""A tiny training of each part with pictures: to see that it runs, not how well it will do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

DATA = Path(__file__).resolve().parent / "data"
STEPS = 150
BATCH = 64
Arrays = dict[str, Any]


def gan(student: Any) -> Arrays:
    """Two Adams on the student's two losses, as the given train() does it, on 256 digits."""
    torch.manual_seed(1)
    digits = torch.from_numpy(np.load(DATA / "digits.npz")["images"]).float().unsqueeze(1) / 255
    model = student.GAN(zdim=64)
    model._dev = torch.device("cpu")
    optimisers = [torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999)) for net in (model.disc, model.gen)]
    losses = []
    for _ in range(STEPS // 3):
        real = digits[torch.randint(len(digits), (BATCH // 2,))]
        z = 2 * torch.rand(BATCH // 2, 64) - 1
        for_d, for_g = optimisers
        losses.append(_step(for_d, model._get_loss_d(len(real), real, z)))
        _step(for_g, model._get_loss_g(len(z), z))
    with torch.no_grad():
        images = model.gen(2 * torch.rand(16, 64) - 1).numpy()
    return {f"picture.digits.after_{STEPS // 3}_steps": images, "picture.loss.discriminator": np.array(losses)}


def _step(optimiser: torch.optim.Optimizer, loss: Any) -> float:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def ddpm(student: Any) -> Arrays:
    """The student's NoiseNet, loss and sampler on the points that spell CS446."""
    torch.manual_seed(1)
    points = _points()
    net, betas = student.NoiseNet(), student.beta_schedule(50, 1e-3, 0.2)
    losses = _trained(net, lambda batch: student.ddpm_loss(net, batch, betas), points)
    with torch.no_grad():
        drawn = student.sample(net, 500, betas)
    return _cloud(points, drawn, losses)


def score(student: Any) -> Arrays:
    """The student's ScoreNet, denoising loss and Langevin sampler on the points that spell CS446."""
    torch.manual_seed(1)
    points, sigmas = _points(), torch.from_numpy(np.geomspace(0.3, 0.01, 10)).float()
    net = student.ScoreNet()
    losses = _trained(net, lambda batch: student.compute_denoising_loss(net, batch, sigmas), points)
    with torch.no_grad():
        path = student.langevin_dynamics_sample(net, 300, sigmas, iterations=20, return_traj=True)
    arrays = _cloud(points, path[:, -1], losses)
    arrays["picture.trajectory"] = path[:3].detach().numpy()
    return arrays


def _points() -> torch.Tensor:
    return torch.from_numpy(np.load(DATA / "cs446.npz")["points"]).float()


def _trained(net: Any, loss_of: Callable[[torch.Tensor], Any], points: torch.Tensor) -> list[float]:
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(STEPS):
        losses.append(_step(optimiser, loss_of(points[torch.randint(len(points), (4 * BATCH,))])))
    return losses


def _cloud(points: torch.Tensor, drawn: torch.Tensor, losses: list[float]) -> Arrays:
    return {
        "picture.data": points.numpy(),
        f"picture.samples.after_{STEPS}_steps": drawn.detach().numpy(),
        "picture.loss": np.array(losses),
    }


PRACTICE: dict[str, Callable[[Any], Arrays]] = {"hw5_gan": gan, "hw5_ddpm": ddpm, "hw5_diffusion": score}
