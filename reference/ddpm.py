"""A denoising diffusion model on points in the plane (homework part 5, DDPM track).

Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models", 2020, in the homework's notation: t runs over 1..T and

    beta_bar_t = 1 - prod_{i <= t} (1 - beta_i),  beta_bar_0 = 0

is the variance of the noise that x_t carries (the paper's 1 - alpha_bar_t). The noise is always an argument, so every
function but `ddpm_loss` and `sample` is deterministic. `t` is an int or a tensor (N,) of ints, one per sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Noise: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(x_t (N, d), t (N,)) -> the noise in x_t, (N, d)."""


def beta_schedule(T: int, beta_1: float = 1e-4, beta_T: float = 0.02) -> Tensor:
    """beta_1..beta_T on a line, (T,). Source: DDPM, section 4."""
    return torch.linspace(beta_1, beta_T, T)


def beta_bar(betas: Tensor) -> Tensor:
    """beta_bar_t for t = 1..T, (T,), from `betas` (T,). Homework 2.3."""
    return 1 - torch.cumprod(1 - betas, dim=0)


def _at(values: Tensor, t: Tensor | int, x: Tensor) -> Tensor:
    """The entries of `values` (v_0, v_1, ..., v_T) at `t`, shaped (N or 1, 1, ...) to multiply `x` (N, ...)."""
    t = torch.as_tensor(t, device=values.device).long().reshape(-1)
    return values[t].to(x.dtype).reshape(-1, *[1] * (x.dim() - 1))


def _from_zero(values: Tensor) -> Tensor:
    """(0, v_1, ..., v_T), so that index t is time t and beta_bar_0 = 0."""
    return F.pad(values, (1, 0))


def q_sample(x_0: Tensor, t: Tensor | int, betas: Tensor, noise: Tensor) -> Tensor:
    """A sample of q(x_t | x_0) = N(sqrt(1 - beta_bar_t) x_0, beta_bar_t I), like `x_0`. Homework 2.3."""
    b = _at(_from_zero(beta_bar(betas)), t, x_0)
    return torch.sqrt(1 - b) * x_0 + torch.sqrt(b) * noise


def predict_x_0(x_t: Tensor, t: Tensor | int, betas: Tensor, noise: Tensor) -> Tensor:
    """The x_0 that `q_sample` turns into `x_t` with this `noise`, like `x_t`. Source: DDPM, eq. 15."""
    b = _at(_from_zero(beta_bar(betas)), t, x_t)
    return (x_t - torch.sqrt(b) * noise) / torch.sqrt(1 - b)


def posterior_mean(x_t: Tensor, x_0: Tensor, t: Tensor | int, betas: Tensor) -> Tensor:
    """Mean of the Gaussian q(x_{t-1} | x_t, x_0), like `x_t`. Homework 2.4; DDPM, eq. 7."""
    t = torch.as_tensor(t)
    bars = _from_zero(beta_bar(betas))
    beta, bar, bar_before = _at(_from_zero(betas), t, x_t), _at(bars, t, x_t), _at(bars, t - 1, x_t)
    return (bar_before * torch.sqrt(1 - beta) * x_t + beta * torch.sqrt(1 - bar_before) * x_0) / bar


def posterior_variance(t: Tensor | int, betas: Tensor) -> Tensor:
    """Variance of q(x_{t-1} | x_t, x_0) in each coordinate, (N,); 0 at t = 1. Homework 2.4; DDPM, eq. 7."""
    t = torch.as_tensor(t).long().reshape(-1)
    bars = _from_zero(beta_bar(betas))
    return betas[t - 1] * bars[t - 1] / bars[t]


class NoiseNet(nn.Module):
    """epsilon_theta(x_t, t): a perceptron on x_t and sinusoids of t, for points (N, dim)."""

    def __init__(self, dim: int = 2, width: int = 128, n_frequencies: int = 16) -> None:
        super().__init__()
        self.frequencies = [math.exp(-math.log(10_000) * k / n_frequencies) for k in range(n_frequencies)]
        self.net = nn.Sequential(
            nn.Linear(dim + 2 * n_frequencies, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, dim),
        )

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """`x_t` (N, dim), `t` (N,) -> predicted noise, like `x_t`."""
        angle = t.reshape(-1, 1) * torch.tensor(self.frequencies, dtype=x_t.dtype, device=x_t.device)
        angle = angle.expand(len(x_t), -1)
        noise: Tensor = self.net(torch.cat([x_t, angle.sin(), angle.cos()], dim=1))
        return noise


def ddpm_loss(model: Noise, x_0: Tensor, betas: Tensor) -> Tensor:
    """Mean of (noise - model(x_t, t))^2, t uniform on 1..T for each sample; a scalar. Source: DDPM, algorithm 1."""
    t = torch.randint(1, len(betas) + 1, (len(x_0),), device=x_0.device)
    noise = torch.randn_like(x_0)
    return F.mse_loss(model(q_sample(x_0, t, betas, noise), t), noise)


@torch.no_grad()
def p_sample(model: Noise, x_t: Tensor, t: Tensor | int, betas: Tensor, noise: Tensor) -> Tensor:
    """One reverse step: a sample of p(x_{t-1} | x_t), like `x_t`; without noise at t = 1. DDPM, algorithm 2.

    The model's noise gives a guess of x_0, the guess gives the posterior; its variance is 0 at t = 1.
    Variance beta_t instead (and 0 at t = 1) is the paper's other choice.
    """
    t = torch.as_tensor(t, device=x_t.device).long().expand(len(x_t))
    x_0 = predict_x_0(x_t, t, betas, model(x_t, t))
    deviation = torch.sqrt(posterior_variance(t, betas)).to(x_t.dtype).reshape(-1, *[1] * (x_t.dim() - 1))
    return posterior_mean(x_t, x_0, t, betas) + deviation * noise


@torch.no_grad()
def sample(model: Noise, n_samples: int, betas: Tensor) -> Tensor:
    """x_0 (n_samples, 2), from x_T ~ N(0, I) by T reverse steps."""
    x = torch.randn(n_samples, 2, device=betas.device)
    for t in range(len(betas), 0, -1):
        x = p_sample(model, x, t, betas, torch.randn_like(x))
    return x


def conditional_score(score: Tensor, x: Tensor, x_known: Tensor, mask: Tensor) -> Tensor:
    """Score of p(x | x_known) where p(x_known | x) ~ exp(-||(x - x_known) * mask||^2). Homework 2.5.

    `score` is the score of p at `x`. All four are alike in shape; `mask` is 1 where a coordinate of x is known.
    """
    return score - 2 * (x - x_known) * mask
