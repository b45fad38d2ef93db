"""The GAN reference is the homework's: counts, shapes, bounds, and the losses' meaning."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from reference import gan


def test_the_networks_have_the_handouts_parameter_counts() -> None:
    assert sum(p.numel() for p in gan.DNet().parameters()) == 593
    assert sum(p.numel() for p in gan.GNet(64).parameters()) == 107_777


def test_shapes_and_ranges_hold_for_odd_batch_sizes() -> None:
    for n in (1, 3):
        images = gan.GNet(5)(torch.randn(n, 5))
        assert images.shape == (n, 1, 28, 28)
        assert 0 < images.min() < images.max() < 1
        assert gan.DNet()(images).shape == (n, 1)


def test_weights_are_uniform_within_the_kaiming_bound_and_biases_are_zero() -> None:
    for net in (gan.DNet(), gan.GNet(64)):
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                bound = gan.kaiming_bound(layer)
                share = layer.weight.detach().abs().flatten() / bound
                assert share.max() <= 1
                if share.numel() > 1000:
                    assert share.mean() == pytest.approx(0.5, abs=0.05)
                    assert share.max() > 0.99
                assert layer.bias is not None
                assert not layer.bias.any()
    assert gan.kaiming_bound(gan.DNet().conv3) == pytest.approx(math.sqrt(6 / 36))


def test_the_losses_are_the_logarithms_of_the_handout() -> None:
    a_real, a_fake = 3 * torch.randn(7, 1, dtype=torch.float64), 3 * torch.randn(7, 1, dtype=torch.float64)
    D = torch.sigmoid
    assert torch.allclose(gan.discriminator_loss(a_real, a_fake), -(D(a_real).log() + (1 - D(a_fake)).log()).mean())
    assert torch.allclose(gan.generator_loss(a_fake), -D(a_fake).log().mean())
    assert torch.allclose(gan.minimax_generator_loss(a_fake), (1 - D(a_fake)).log().mean())


def test_the_losses_stay_finite_at_huge_logits() -> None:
    a = torch.tensor([[-2e4], [2e4]])
    for loss in (gan.discriminator_loss(a, a), gan.generator_loss(a), gan.minimax_generator_loss(a)):
        assert torch.isfinite(loss)


def test_the_minimax_gradient_vanishes_where_the_discriminator_wins() -> None:
    a = torch.tensor([[-12.0]], requires_grad=True)
    (saturated,) = torch.autograd.grad(gan.minimax_generator_loss(a), a)
    (strong,) = torch.autograd.grad(gan.generator_loss(a), a)
    assert abs(saturated.item()) < 1e-5
    assert strong.item() == pytest.approx(-1, abs=1e-5)


def test_the_best_logit_of_two_known_gaussians_is_that_of_question_1_1() -> None:
    x = torch.linspace(-4, 5, 4001, dtype=torch.float64)
    p_r, p_g = (torch.exp(-((x - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0.0, 1.0))
    a = torch.zeros_like(x, requires_grad=True)
    loss = (p_r * nn.functional.softplus(-a) + p_g * nn.functional.softplus(a)).sum()
    best = torch.log(p_r / p_g)
    assert torch.allclose(torch.sigmoid(best), p_r / (p_r + p_g))
    (slope,) = torch.autograd.grad(loss, a)
    with torch.no_grad():
        at_best = p_r * nn.functional.softplus(-best) + p_g * nn.functional.softplus(best)
        for step in (-0.1, 0.1):
            b = best + step
            assert (p_r * nn.functional.softplus(-b) + p_g * nn.functional.softplus(b) > at_best).all()
    assert torch.allclose(slope, (p_g - p_r) / 2)


def test_training_moves_both_networks_and_yields_pictures() -> None:
    torch.manual_seed(0)
    model = gan.GAN(8)
    before = [p.detach().clone() for net in (model.disc, model.gen) for p in net.parameters()]
    seen = list(model.train(n_epochs=2, batch_size=16, images=torch.rand(50, 1, 28, 28)))
    after = [p for net in (model.disc, model.gen) for p in net.parameters()]
    assert len(seen) == 2
    assert seen[0][2].shape == (64, 1, 28, 28)
    assert all(math.isfinite(d) and math.isfinite(g) for d, g, _ in seen)
    assert all(not torch.equal(b, a) for b, a in zip(before, after, strict=True))
