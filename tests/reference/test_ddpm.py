"""The DDPM reference: identities, moments and a sampler that reproduces a known Gaussian."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from reference import ddpm

BETAS = torch.tensor([0.1, 0.5, 0.2, 0.7], dtype=torch.float64)


def test_the_schedule_is_the_papers() -> None:
    betas = ddpm.beta_schedule(1000)
    assert betas.shape == (1000,)
    assert betas[0].item() == pytest.approx(1e-4)
    assert betas[-1].item() == pytest.approx(0.02)
    assert torch.allclose(betas.diff(), betas.diff()[0], rtol=1e-2)


def test_beta_bar_is_one_minus_the_running_product() -> None:
    assert ddpm.beta_bar(BETAS).tolist() == pytest.approx(
        [0.1, 1 - 0.9 * 0.5, 1 - 0.9 * 0.5 * 0.8, 1 - 0.9 * 0.5 * 0.8 * 0.3]
    )


@pytest.mark.parametrize("t", [1, 2, 4])
def test_q_sample_has_the_moments_of_t_single_steps(t: int) -> None:
    torch.manual_seed(t)
    x_0 = torch.tensor([2.0, -1.0], dtype=torch.float64)
    n = 200_000
    x = x_0.expand(n, 2)
    for beta in BETAS[:t]:
        x = torch.sqrt(1 - beta) * x + torch.sqrt(beta) * torch.randn_like(x)
    z = torch.randn(n, 2, dtype=torch.float64)
    at_once = ddpm.q_sample(x_0.expand(n, 2), torch.full((n,), t), BETAS, z)
    assert at_once.mean(0).tolist() == pytest.approx(x.mean(0).tolist(), abs=0.015)
    assert at_once.std(0).tolist() == pytest.approx(x.std(0).tolist(), abs=0.015)


def test_an_int_and_a_tensor_of_t_agree_and_any_shape_is_served() -> None:
    x_0, noise = torch.randn(3, 1, 4, 5), torch.randn(3, 1, 4, 5)
    betas, t = BETAS.float(), torch.tensor([1, 4, 2])
    mixed = ddpm.q_sample(x_0, t, betas, noise)
    for row, step in enumerate(t.tolist()):
        assert torch.allclose(ddpm.q_sample(x_0, step, betas, noise)[row], mixed[row])
    assert mixed.dtype == torch.float32


def test_predict_x_0_inverts_q_sample() -> None:
    x_0, noise, t = torch.randn(4, 2).double(), torch.randn(4, 2).double(), torch.tensor([1, 2, 3, 4])
    x_t = ddpm.q_sample(x_0, t, BETAS, noise)
    assert torch.allclose(ddpm.predict_x_0(x_t, t, BETAS, noise), x_0)


@pytest.mark.parametrize("t", [2, 3, 4])
def test_the_posterior_is_the_regression_of_x_before_on_x_after(t: int) -> None:
    """(x_{t-1}, x_t) given x_0 is Gaussian, so regressing x_{t-1} on x_t gives the posterior's mean and variance."""
    torch.manual_seed(t)
    n, x_0 = 400_000, torch.tensor(1.5, dtype=torch.float64)
    before = ddpm.q_sample(x_0.expand(n, 1), t - 1, BETAS, torch.randn(n, 1, dtype=torch.float64))
    beta = BETAS[t - 1]
    after = torch.sqrt(1 - beta) * before + torch.sqrt(beta) * torch.randn_like(before)
    slope = ((after - after.mean()) * (before - before.mean())).mean() / after.var()
    residual = before - before.mean() - slope * (after - after.mean())
    at = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    mean = ddpm.posterior_mean(at, x_0.expand(2, 1), torch.tensor([t, t]), BETAS).flatten()
    assert (mean[1] - mean[0]).item() == pytest.approx(slope.item(), abs=0.01)
    assert mean[0].item() == pytest.approx((before.mean() - slope * after.mean()).item(), abs=0.01)
    assert ddpm.posterior_variance(t, BETAS).item() == pytest.approx(residual.var().item(), rel=0.01)


def test_at_the_first_step_the_posterior_is_x_0() -> None:
    x_t, x_0 = torch.randn(2, 2).double(), torch.randn(2, 2).double()
    assert torch.allclose(ddpm.posterior_mean(x_t, x_0, 1, BETAS), x_0)
    assert ddpm.posterior_variance(torch.tensor([1, 2]), BETAS).tolist() == pytest.approx([0, 0.5 * 0.1 / 0.55])


def test_p_sample_is_the_papers_algorithm_2() -> None:
    """x_{t-1} = (x_t - beta_t / sqrt(beta_bar_t) eps) / sqrt(1 - beta_t) + sigma_t z, without z at t = 1."""
    x_t, z = torch.randn(4, 2).double(), torch.randn(4, 2).double()
    t = torch.tensor([1, 2, 3, 4])
    bar, beta = ddpm.beta_bar(BETAS)[:, None], BETAS[:, None]
    mean = (x_t - beta / torch.sqrt(bar) * torch.sin(x_t)) / torch.sqrt(1 - beta)
    got = ddpm.p_sample(lambda x, t: torch.sin(x), x_t, t, BETAS, z)
    assert torch.allclose(got, mean + torch.sqrt(ddpm.posterior_variance(t, BETAS))[:, None] * z)
    assert torch.allclose(got[0], mean[0])


def test_the_loss_is_zero_at_the_truth_and_two_terms_at_zero() -> None:
    torch.manual_seed(0)
    betas = ddpm.beta_schedule(50)
    x_0 = torch.tensor([1.0, 2.0]).expand(5_000, 2)
    bars = ddpm.beta_bar(betas)
    seen: list[Tensor] = []

    def truth(x_t: Tensor, t: Tensor) -> Tensor:
        seen.append(t)
        b = bars[t - 1][:, None]
        return (x_t - torch.sqrt(1 - b) * x_0) / torch.sqrt(b)

    assert ddpm.ddpm_loss(truth, x_0, betas).item() == pytest.approx(0, abs=1e-6)
    assert ddpm.ddpm_loss(lambda x, t: torch.zeros_like(x), x_0, betas).item() == pytest.approx(1, abs=0.05)
    assert sorted(set(seen[0].tolist())) == list(range(1, 51))


def test_sampling_with_the_exact_noise_reproduces_a_gaussian() -> None:
    """For x_0 ~ N(m, s^2), E[noise | x_t] = sqrt(b) (x_t - sqrt(1 - b) m) / ((1 - b) s^2 + b)."""
    torch.manual_seed(0)
    betas, m, s = ddpm.beta_schedule(200, 1e-4, 0.08), torch.tensor([2.0, -1.0]), 0.5
    bars = ddpm.beta_bar(betas)

    def exact(x_t: Tensor, t: Tensor) -> Tensor:
        b = bars[t - 1][:, None]
        return torch.sqrt(b) * (x_t - torch.sqrt(1 - b) * m) / ((1 - b) * s**2 + b)

    x = ddpm.sample(exact, 20_000, betas)
    assert x.mean(0).tolist() == pytest.approx(m.tolist(), abs=0.03)
    assert x.std(0).tolist() == pytest.approx([s, s], rel=0.05)


def test_the_conditional_score_is_the_gradient_of_the_joint_log_density() -> None:
    x, known = torch.randn(3, 4).double().requires_grad_(), torch.randn(3, 4).double()
    mask = torch.randint(0, 2, (3, 4)).double()
    log_p = -(x**4).sum() / 4 - (((x - known) * mask) ** 2).sum()
    (gradient,) = torch.autograd.grad(log_p, x)
    assert torch.allclose(ddpm.conditional_score(-(x**3), x, known, mask), gradient)


def test_the_noise_net_uses_x_and_t() -> None:
    net, x = ddpm.NoiseNet(), torch.randn(6, 2)
    out = net(x, torch.full((6,), 3))
    assert out.shape == x.shape
    assert not torch.allclose(out, net(x, torch.full((6,), 4)))
    assert not torch.allclose(out, net(x + 1, torch.full((6,), 3)))
    assert math.isfinite(ddpm.ddpm_loss(net, x, ddpm.beta_schedule(10)).item())
