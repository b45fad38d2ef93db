import torch
import torch.nn as nn


def beta_schedule(T, beta_1=1e-4, beta_T=0.02):
    return torch.full((T,), beta_T)


def beta_bar(betas):
    return betas


def q_sample(x_0, t, betas, noise):
    return x_0


def predict_x_0(x_t, t, betas, noise):
    return x_t


def posterior_mean(x_t, x_0, t, betas):
    return x_t


def posterior_variance(t, betas):
    return torch.zeros(len(t))


class NoiseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 2)

    def forward(self, x_t, t):
        return self.out(x_t) * 0.0


def ddpm_loss(model, x_0, betas):
    return model(x_0, torch.ones(len(x_0), dtype=torch.long)).mean()


def p_sample(model, x_t, t, betas, noise):
    return x_t


def sample(model, n_samples, betas):
    return torch.zeros(n_samples, 2)


def conditional_score(score, x, x_known, mask):
    return score
