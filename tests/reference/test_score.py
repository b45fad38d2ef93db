"""The score reference: parameter count, the loss's closed forms, Langevin's moments."""

from __future__ import annotations

import math
from statistics import fmean

import pytest
import torch
from torch import Tensor

from reference import score


def test_score_net_has_the_handouts_parameter_count_and_layers() -> None:
    net = score.ScoreNet()
    assert sum(p.numel() for p in net.parameters()) == 99_842
    assert len(net.layers) == 8
    assert len(score.ScoreNet(n_layers=3, latent_dim=5).layers) == 3


def test_score_net_reads_sigma_in_every_form_and_divides_by_it() -> None:
    net, x = score.ScoreNet(), torch.randn(4, 2)
    expected = net(x, torch.full((4, 1), 0.25))
    assert torch.equal(net(x, 0.25), expected)
    assert torch.equal(net(x, torch.tensor(0.25)), expected)
    h = torch.cat([x, torch.full((4, 1), 0.25)], dim=1)
    for layer in net.layers[:-1]:
        h = torch.log1p(torch.exp(layer(h)))
    assert torch.allclose(net.layers[-1](h) / 0.25, expected, atol=1e-5)


def test_sigmas_are_geometric_and_descending() -> None:
    sigmas = score.generate_sigmas(0.3, 0.01, 10)
    assert sigmas[0] == pytest.approx(0.3)
    assert sigmas[-1] == pytest.approx(0.01)
    ratio = sigmas[1:] / sigmas[:-1]
    assert torch.allclose(ratio, ratio[0].expand(9))
    assert ratio[0] < 1


@pytest.mark.parametrize(("planted", "expected"), [("zero", 1.0), ("exact", 0.0), ("half", 0.25)])
def test_the_denoising_loss_of_planted_scores_has_its_closed_form(planted: str, expected: float) -> None:
    """Zero: 1/2 E||z||^2 = 1 in the plane. One repeated point: its score is known, the loss 0; half of it: 1/4."""
    torch.manual_seed(1)
    point = torch.tensor([0.3, -0.7])
    share = {"zero": 0.0, "exact": 1.0, "half": 0.5}[planted]

    def net(x: Tensor, sigma: Tensor) -> Tensor:
        return -share * (x - point) / sigma**2

    loss = score.compute_denoising_loss(net, point.expand(40_000, 2), score.generate_sigmas(0.3, 0.01, 10))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(expected, abs=0.03)


def test_langevin_follows_the_closed_form_of_a_linear_score() -> None:
    """For s = -x / (1 + sigma^2) each step multiplies x by 1 - a/(1 + s^2) and adds variance 2a."""
    torch.manual_seed(2)
    sigmas, iterations, eps = torch.tensor([1.0, 0.5]), 7, 0.05
    variance = 1.0
    for sigma in sigmas.tolist():
        alpha = eps * sigma**2 / 0.5**2
        for _ in range(iterations):
            variance = variance * (1 - alpha / (1 + sigma**2)) ** 2 + 2 * alpha
    x = score.langevin_dynamics_sample(lambda x, s: -x / (1 + s**2), 50_000, sigmas, iterations, eps)
    assert x.shape == (50_000, 2)
    assert x.var(dim=0).tolist() == pytest.approx([variance, variance], rel=0.04)
    assert x.mean(dim=0).tolist() == pytest.approx([0, 0], abs=5 * math.sqrt(variance / 50_000))


def test_langevin_returns_the_whole_trajectory_and_visits_sigmas_in_order() -> None:
    seen: list[float] = []

    def net(x: Tensor, sigma: Tensor) -> Tensor:
        seen.append(sigma[0].item())
        return torch.zeros_like(x)

    path = score.langevin_dynamics_sample(net, 1, torch.tensor([0.5, 0.25]), iterations=3, return_traj=True)
    assert path.shape == (1, 6, 2)
    assert seen == [0.5] * 3 + [0.25] * 3
    assert len({tuple(p) for p in path[0].tolist()}) == 6


def test_the_exact_score_beats_a_trivial_one_and_is_the_gradient_of_the_log_density() -> None:
    torch.manual_seed(3)
    points, x, sigma = torch.randn(6, 2).double(), torch.randn(5, 2).double().requires_grad_(), 0.4
    log_p = torch.logsumexp(-(torch.cdist(x, points) ** 2) / (2 * sigma**2), dim=1)
    (gradient,) = torch.autograd.grad(log_p.sum(), x)
    assert torch.allclose(score.point_score(x, points, sigma), gradient)
    data = points.float().repeat(500, 1)
    levels = score.generate_sigmas(0.3, 0.01, 10)
    losses = [
        score.compute_denoising_loss(lambda x, s: score.point_score(x, data[:6], s), data, levels).item()
        for _ in range(5)
    ]
    assert fmean(losses) < 0.5
