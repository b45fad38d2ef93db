"""A noise-conditional score network on points in the plane (homework part 5, score track).

Song & Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution", 2019 (NCSN), with the output
divided by sigma as in "Improved Techniques for Training Score-Based Generative Models", 2020 (NCSNv2). The network
learns s(x, sigma) = grad_x log p_sigma(x), the score of the data blurred with N(0, sigma^2 I), at several sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

Score: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(x (N, 2), sigma (N, 1)) -> score (N, 2)."""


class ScoreNet(nn.Module):
    """s(x, sigma): `n_layers` linear layers in all, Softplus between each two; 99,842 parameters by default."""

    def __init__(self, n_layers: int = 8, latent_dim: int = 128) -> None:
        super().__init__()
        widths = [3] + [latent_dim] * (n_layers - 1) + [2]
        self.layers = nn.ModuleList(nn.Linear(m, n) for m, n in pairwise(widths))

    def forward(self, x: Tensor, sigmas: Tensor | float) -> Tensor:
        """`x` (N, 2); `sigmas` a number, a 0-dim tensor or (N, 1) -> score (N, 2)."""
        sigma = torch.as_tensor(sigmas, dtype=x.dtype, device=x.device).expand(len(x), 1)
        h = torch.cat([x, sigma], dim=1)
        for layer in self.layers[:-1]:
            h = F.softplus(layer(h))
        last: Tensor = self.layers[-1](h)
        return last / sigma


def generate_sigmas(sigma_begin: float, sigma_end: float, num_levels: int) -> Tensor:
    """Noise levels in geometric progression, from the largest to the smallest, (num_levels,)."""
    return torch.logspace(0, 1, num_levels, base=sigma_end / sigma_begin) * sigma_begin


def denoising_loss(s: Tensor, x: Tensor, x_tilde: Tensor, sigma: Tensor) -> Tensor:
    """Loss of each sample, (N,), with lambda = sigma^2: 1/2 lambda ||s + (x_tilde - x) / sigma^2||^2.

    `s`, `x`, `x_tilde` are (N, 2), `sigma` (N, 1). The target -(x_tilde - x) / sigma^2 is the score of
    N(x_tilde; x, sigma^2 I). Source: Song & Ermon 2019, eq. 5 and 6.
    """
    return 0.5 * (sigma**2 * (s + (x_tilde - x) / sigma**2) ** 2).sum(dim=1)


def compute_denoising_loss(scorenet: Score, training_data: ArrayLike, sigmas: ArrayLike) -> Tensor:
    """Mean denoising loss, a scalar; each x of `training_data` (N, 2) gets its own sigma, uniform on `sigmas` (L,)."""
    x = torch.as_tensor(training_data, dtype=torch.get_default_dtype())
    levels = torch.as_tensor(sigmas, dtype=x.dtype, device=x.device)
    sigma = levels[torch.randint(len(levels), (len(x), 1), device=x.device)]
    x_tilde = x + sigma * torch.randn_like(x)
    return denoising_loss(scorenet(x_tilde, sigma), x, x_tilde, sigma).mean()


@torch.no_grad()
def langevin_dynamics_sample(
    scorenet: Score,
    n_samples: int,
    sigmas: ArrayLike,
    iterations: int = 100,
    eps: float = 0.00002,
    return_traj: bool = False,
) -> Tensor:
    """Annealed Langevin dynamics from x_0 ~ N(0, I) through `sigmas` (L,) in descending order.

    Returns the last x, (n_samples, 2), or every x after x_0, (n_samples, L * iterations, 2).
    Source: Song & Ermon 2019, algorithm 1, with alpha for its alpha / 2.
    """
    levels = torch.as_tensor(sigmas, dtype=torch.get_default_dtype())
    x = torch.randn(n_samples, 2)
    trajectory = []
    for sigma in levels:
        alpha = eps * sigma**2 / levels[-1] ** 2
        for _ in range(iterations):
            z = torch.randn_like(x)
            x = x + alpha * scorenet(x, sigma.expand(n_samples, 1)) + torch.sqrt(2 * alpha) * z
            trajectory.append(x)
    return torch.stack(trajectory, dim=1) if return_traj else x


def point_score(x: Tensor, points: Tensor, sigma: Tensor | float) -> Tensor:
    """Exact score at `x` (N, 2) of the mixture of N(x_i, sigma^2 I) over `points` (M, 2); (N, 2).

    grad log p(x) = (E[x_i | x] - x) / sigma^2: the score points from x to its best denoised guess (Tweedie's formula).
    """
    sigma = torch.as_tensor(sigma, dtype=x.dtype).expand(len(x), 1)
    weight = torch.softmax(-(torch.cdist(x, points) ** 2) / (2 * sigma**2), dim=1)  # q(x_i | x), (N, M)
    return (weight @ points - x) / sigma**2
