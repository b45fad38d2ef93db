"""Homework 5, part 5, DDPM track: a diffusion model on points in the plane.

Notation: t runs over 1..T; beta_bar_t is the noise level after t steps (question 2.3): 0 at t = 0, growing towards 1.
betas is the tensor (T,) of beta_1..beta_T; t is a tensor (N,) of ints, one for each sample; x is (N, ...).
The noise is always an argument (but in ddpm_loss and sample, where you draw it).
"""

import torch
import torch.nn as nn


def beta_schedule(T, beta_1=1e-4, beta_T=0.02):
    """beta_1..beta_T on a straight line -> (T,)"""
    raise NotImplementedError


def beta_bar(betas):
    """beta_bar_1..beta_bar_T -> (T,)"""
    raise NotImplementedError


def q_sample(x_0, t, betas, noise):
    """A sample of q(x_t | x_0) made of x_0 and the standard normal noise -> like x_0"""
    raise NotImplementedError


def predict_x_0(x_t, t, betas, noise):
    """The x_0 that q_sample turns into x_t with this noise -> like x_t"""
    raise NotImplementedError


def posterior_mean(x_t, x_0, t, betas):
    """Mean of q(x_{t-1} | x_t, x_0) -> like x_t"""
    raise NotImplementedError


def posterior_variance(t, betas):
    """Variance of q(x_{t-1} | x_t, x_0), one number for each t -> (N,)"""
    raise NotImplementedError


class NoiseNet(nn.Module):
    """Predicts the noise in x_t. Any architecture; built as NoiseNet(), for points in the plane, T up to 1000."""

    def __init__(self):
        super().__init__()
        raise NotImplementedError

    def forward(self, x_t, t):
        """x_t (N, 2), t (N,) -> noise like x_t"""
        raise NotImplementedError


def ddpm_loss(model, x_0, betas):
    """Denoising loss of a batch: t uniform on 1..T, noise standard normal, squared error -> scalar"""
    raise NotImplementedError


def p_sample(model, x_t, t, betas, noise):
    """One reverse step, a sample of p(x_{t-1} | x_t) -> like x_t; no noise is added where t = 1"""
    raise NotImplementedError


def sample(model, n_samples, betas):
    """From x_T ~ N(0, I) by T reverse steps -> x_0 (n_samples, 2)"""
    raise NotImplementedError


def conditional_score(score, x, x_known, mask):
    """The conditional score of item 2.5 -> like x; score is the tensor s_theta(x, delta), mask is 1 where x is known"""
    raise NotImplementedError
