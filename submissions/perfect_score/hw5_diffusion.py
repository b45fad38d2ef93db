import cv2
import torch
import torch.nn as nn
import torch.optim as optim

from PIL import Image
import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm

from hw5_utils import create_samples, generate_sigmas, plot_score


class ScoreNet(nn.Module):
    def __init__(self, n_layers=8, latent_dim=128):
        super().__init__()

        layers = [nn.Linear(3, latent_dim)]
        for _ in range(n_layers - 2):
            layers.append(nn.Softplus())
            layers.append(nn.Linear(latent_dim, latent_dim))
        layers.append(nn.Softplus())
        layers.append(nn.Linear(latent_dim, 2))
        self.net = nn.Sequential(*layers)

    def forward(self, x, sigmas):
        # sigmas may be a float, a 0-dim tensor or N x 1
        if not torch.is_tensor(sigmas):
            sigmas = torch.tensor(sigmas, dtype=x.dtype, device=x.device)
        if sigmas.dim() == 0:
            sigmas = sigmas.repeat(x.shape[0], 1)
        return self.net(torch.cat([x, sigmas], dim=1)) / sigmas


def compute_denoising_loss(scorenet, training_data, sigmas):
    B, C = training_data.shape

    # 1. one sigma for every sample
    idx = np.random.randint(0, len(sigmas), size=B)
    sigma = torch.as_tensor(sigmas[idx]).float().reshape(B, 1)

    # 2. perturb
    x = torch.as_tensor(training_data).float()
    z = torch.randn(B, C)
    x_tilde = x + sigma * z

    # 3. score
    score = scorenet(x_tilde, sigma)

    # 4. loss, lambda = sigma^2
    target = -(x_tilde - x) / sigma**2
    loss = 0.5 * sigma.squeeze(1) ** 2 * torch.norm(score - target, dim=1) ** 2
    return loss.mean()


@torch.no_grad()
def langevin_dynamics_sample(scorenet, n_samples, sigmas, iterations=100, eps=0.00002, return_traj=False):
    x = torch.randn(n_samples, 2)
    traj = [x]
    for sigma in sigmas:
        sigma = float(sigma)
        alpha = eps * sigma**2 / float(sigmas[-1]) ** 2
        for t in range(iterations):
            z = torch.randn(n_samples, 2)
            x = x + alpha * scorenet(x, sigma) + np.sqrt(2 * alpha) * z
            traj.append(x)
    if return_traj:
        return torch.stack(traj, dim=1)
    return x


def main():
    lr = 0.001
    n_iters = 50000

    training_data = torch.tensor(create_samples()).float()
    plt.figure(figsize=(20, 5))
    plt.scatter(training_data[:, 0], training_data[:, 1])
    plt.savefig("data.png")

    scorenet = ScoreNet()
    optimizer = optim.Adam(scorenet.parameters(), lr=lr)
    sigmas = torch.tensor(generate_sigmas(0.3, 0.01, 10)).float()

    for i_iter in tqdm(range(n_iters)):
        optimizer.zero_grad()
        loss = compute_denoising_loss(scorenet, training_data, sigmas)
        loss.backward()
        optimizer.step()
    torch.save(scorenet.state_dict(), "model.ckpt")

    scorenet.eval()
    plot_score(scorenet, training_data)

    samples = langevin_dynamics_sample(scorenet, 1000, sigmas, return_traj=True).numpy()
    for step in list(range(0, samples.shape[1], 200)) + [samples.shape[1] - 1]:
        plt.figure(figsize=(20, 5))
        plt.scatter(samples[:, step, 0], samples[:, step, 1], color="red")
        plt.title(f"Samples at step={step}")
        plt.savefig(f"samples_{step}.png")
    canvas = cv2.imread("samples_1000.png")
    print(Image.fromarray(canvas).size)

    plt.figure(figsize=(20, 5))
    plt.plot(samples[0, :, 0], samples[0, :, 1], color="blue")
    plt.savefig("trajectory.png")


if __name__ == "__main__":
    main()
