"""Homework 5, part 5, score track: a noise-conditional score network on points that spell "CS446"."""

import torch
import torch.nn as nn
import torch.optim as optim

from hw5_utils import create_samples, generate_sigmas, plot_score


class ScoreNet(nn.Module):
    """n_layers linear layers in all, Softplus between each two; input (x, sigma), output divided by sigma."""

    def __init__(self, n_layers=8, latent_dim=128):
        super().__init__()
        raise NotImplementedError

    def forward(self, x, sigmas):
        """x (N, 2); sigmas a float, a 0-dim tensor or (N, 1) -> score (N, 2)"""
        raise NotImplementedError


def compute_denoising_loss(scorenet, training_data, sigmas):
    """The denoising loss, a scalar: the mean over the data, with lambda = sigma^2.

    training_data: (N, 2); sigmas: (L,). For every x draw a sigma uniformly from sigmas, perturb
    x_tilde = x + sigma z, and sum 1/2 lambda ||scorenet(x_tilde, sigma) + (x_tilde - x) / sigma^2||^2 over coordinates.
    Work on the whole batch at once.
    """
    raise NotImplementedError


@torch.no_grad()
def langevin_dynamics_sample(scorenet, n_samples, sigmas, iterations=100, eps=0.00002, return_traj=False):
    """Annealed Langevin dynamics.

    x_0 ~ N(0, I); for each sigma_i of sigmas (L,), in descending order, alpha_i = eps sigma_i^2 / sigma_L^2 and
    `iterations` times x <- x + alpha_i scorenet(x, sigma_i) + sqrt(2 alpha_i) z.
    Returns the last x (n_samples, 2), or with return_traj=True all of them (n_samples, L * iterations, 2).
    """
    raise NotImplementedError


def main():
    """Given: trains, saves model.ckpt, and draws the figures of the report."""
    import matplotlib.pyplot as plt

    lr, n_iters, n_samples = 0.01, 50000, 1000
    training_data = torch.tensor(create_samples()).float()
    sigmas = torch.tensor(generate_sigmas(0.3, 0.01, 10)).float()

    scorenet = ScoreNet()
    optimizer = optim.Adam(scorenet.parameters(), lr=lr)
    for i in range(n_iters):
        optimizer.zero_grad()
        loss = compute_denoising_loss(scorenet, training_data, sigmas)
        loss.backward()
        optimizer.step()
        if (i + 1) % 1000 == 0:
            print(f"step {i + 1}: loss {loss.item():.3f}")
    torch.save(scorenet.state_dict(), "model.ckpt")

    plot_score(scorenet, training_data)
    path = langevin_dynamics_sample(scorenet, n_samples, sigmas, return_traj=True).numpy()
    for step in [*range(0, path.shape[1], 200), path.shape[1] - 1]:
        plt.figure(figsize=(20, 5))
        plt.scatter(path[:, step, 0], path[:, step, 1], color="red")
        plt.axis("scaled")
        plt.title(f"step {step}")
        plt.savefig(f"samples_{step}.png")
    plt.figure(figsize=(20, 5))
    plt.plot(path[0, :, 0], path[0, :, 1])
    plt.savefig("trajectory.png")


if __name__ == "__main__":
    main()
