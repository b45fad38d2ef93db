import math

import torch
import torch.nn as nn


def beta_schedule(T, beta_1=1e-4, beta_T=0.02):
    return torch.linspace(beta_1, beta_T, T)


def beta_bar(betas):
    return 1.0 - torch.cumprod(1.0 - betas, dim=0)


def _beta_bar_0(betas):
    """[bb_0, bb_1, ..., bb_T], with bb_0 = 0"""
    return torch.cat([torch.zeros_like(betas[:1]), beta_bar(betas)])


def _like(v, x):
    """(N,) -> (N, 1, ..., 1) with as many dimensions as x"""
    return v.to(x.dtype).view(-1, *[1] * (x.dim() - 1))


def q_sample(x_0, t, betas, noise):
    bb = _like(_beta_bar_0(betas)[t], x_0)
    return (1 - bb).sqrt() * x_0 + bb.sqrt() * noise


def predict_x_0(x_t, t, betas, noise):
    bb = _like(_beta_bar_0(betas)[t], x_t)
    return (x_t - bb.sqrt() * noise) / (1 - bb).sqrt()


def posterior_mean(x_t, x_0, t, betas):
    bars = _beta_bar_0(betas)
    b = _like(betas[t - 1], x_t)
    bb = _like(bars[t], x_t)
    bb_prev = _like(bars[t - 1], x_t)
    return (bb_prev * (1 - b).sqrt() * x_t + b * (1 - bb_prev).sqrt() * x_0) / bb


def posterior_variance(t, betas):
    bars = _beta_bar_0(betas)
    return betas[t - 1] * bars[t - 1] / bars[t]


class NoiseNet(nn.Module):
    def __init__(self, dim=2, hidden=128, n_freq=16):
        super().__init__()
        self.register_buffer("freq", torch.exp(-math.log(1000.0) * torch.arange(n_freq) / n_freq))
        self.time = nn.Sequential(nn.Linear(2 * n_freq, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.inp = nn.Linear(dim, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.mid2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, dim)
        self.act = nn.SiLU()

    def forward(self, x_t, t):
        angle = t.view(-1, 1).to(x_t.dtype) * self.freq
        emb = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        h = self.act(self.inp(x_t) + emb)
        h = h + self.act(self.mid(h))
        h = h + self.act(self.mid2(h))
        return self.out(h)


def ddpm_loss(model, x_0, betas):
    n, T = x_0.shape[0], betas.shape[0]
    t = torch.randint(1, T + 1, (n,), device=x_0.device)
    noise = torch.randn_like(x_0)
    x_t = q_sample(x_0, t, betas, noise)
    return ((model(x_t, t) - noise) ** 2).mean()


def p_sample(model, x_t, t, betas, noise):
    x_0 = predict_x_0(x_t, t, betas, model(x_t, t))
    mean = posterior_mean(x_t, x_0, t, betas)
    std = _like(posterior_variance(t, betas).sqrt(), x_t)
    # the posterior variance is 0 at t = 1, so no noise is added there
    return mean + std * noise


@torch.no_grad()
def sample(model, n_samples, betas):
    x = torch.randn(n_samples, 2, device=betas.device)
    for step in range(len(betas), 0, -1):
        t = torch.full((n_samples,), step, dtype=torch.long, device=betas.device)
        x = p_sample(model, x, t, betas, torch.randn_like(x))
    return x


def conditional_score(score, x, x_known, mask):
    return score - 2 * (x - x_known) * mask
