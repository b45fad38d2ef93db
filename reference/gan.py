"""A small GAN on 28 x 28 digits, pixels in [0, 1] (homework part 4).

Goodfellow et al., "Generative Adversarial Networks", 2014. The discriminator D = sigmoid(DNet) and the generator G play

    min_G max_D  E_{x ~ p_r}[log D(x)] + E_{z ~ U[-1, 1]}[log(1 - D(G(z)))].

DNet returns the logit a, so that both logarithms are computed as softplus, which never overflows:
log sigmoid(a) = -softplus(-a) and log(1 - sigmoid(a)) = -softplus(a).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference.data import load_mnist


def kaiming_bound(layer: nn.Module) -> float:
    """Kaiming-uniform bound sqrt(6 / fan_in): Var(w) = 2 / fan_in keeps the variance through a ReLU.

    `layer` is a Linear or a Conv2d; fan_in is the number of inputs of one of its outputs.
    Source: He et al., "Delving Deep into Rectifiers", 2015, eq. 10.
    """
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    return math.sqrt(6 / layer.weight[0].numel())


def kaiming_uniform(net: nn.Module) -> None:
    """Draw every weight of `net` from U[-bound, bound] and set every bias to 0, in place (homework 4.3)."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            assert layer.bias is not None
            bound = kaiming_bound(layer)
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)


class DNet(nn.Module):
    """Discriminator: images (N, 1, 28, 28) -> logits (N, 1); 593 parameters (homework 4.1)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(2, 4, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(4, 8, kernel_size=3)
        self.fc = nn.Linear(200, 1)
        self._weight_init()

    def _weight_init(self) -> None:
        kaiming_uniform(self)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (N, 1, 28, 28) -> logit of "x is real" (N, 1)."""
        h = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 2, 14, 14)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)  # (N, 4, 7, 7)
        h = F.relu(self.conv3(h))  # (N, 8, 5, 5)
        logit: Tensor = self.fc(h.flatten(1))
        return logit


class GNet(nn.Module):
    """Generator: latents (N, zdim) -> images (N, 1, 28, 28) in (0, 1); 107,777 parameters at zdim 64 (homework 4.2)."""

    def __init__(self, zdim: int) -> None:
        super().__init__()
        self.fc = nn.Linear(zdim, 32 * 7 * 7)
        self.conv1 = nn.Conv2d(32, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(8, 1, kernel_size=3, padding=1)
        self._weight_init()

    def _weight_init(self) -> None:
        kaiming_uniform(self)

    def forward(self, z: Tensor) -> Tensor:
        """`z` (N, zdim) -> images (N, 1, 28, 28)."""
        h = F.leaky_relu(self.fc(z), 0.2).view(-1, 32, 7, 7)
        h = F.interpolate(h, scale_factor=2, mode="nearest")  # (N, 32, 14, 14)
        h = F.leaky_relu(self.conv1(h), 0.2)
        h = F.interpolate(h, scale_factor=2, mode="nearest")  # (N, 16, 28, 28)
        h = F.leaky_relu(self.conv2(h), 0.2)
        return torch.sigmoid(self.conv3(h))


def discriminator_loss(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """L_D = -E[log D(x)] - E[log(1 - D(G(z)))] from the logits of real and of generated images, (N, 1) each.

    A scalar: the sum of the two means; half of it (the mean of the two) has the same minimum. Homework 4.4.
    """
    return F.softplus(-a_real).mean() + F.softplus(a_fake).mean()


def generator_loss(a_fake: Tensor) -> Tensor:
    """L_G = -E[log D(G(z))] from the logits of generated images (N, 1): the non-saturating loss, homework 4.5."""
    return F.softplus(-a_fake).mean()


def minimax_generator_loss(a_fake: Tensor) -> Tensor:
    """L_G = E[log(1 - D(G(z)))], what the printed objective says; its gradient -sigmoid(a) vanishes where D wins."""
    return -F.softplus(a_fake).mean()


def optimal_discriminator(log_p_r: Tensor, log_p_g: Tensor) -> Tensor:
    """D*(x) = p_r(x) / (p_r(x) + p_g(x)) from the logarithms of both densities, of any one shape. Homework 1.1."""
    return torch.sigmoid(log_p_r - log_p_g)


class GAN:
    """A discriminator and a generator in training."""

    def __init__(self, zdim: int = 64) -> None:
        self._dev = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._zdim = zdim
        self.disc = DNet().to(self._dev)
        self.gen = GNet(zdim).to(self._dev)

    def _get_loss_d(self, batch_size: int, batch_data: Tensor, z: Tensor) -> Tensor:
        """Loss of D on `batch_data` (N, 1, 28, 28) and on G(z), z (N, zdim); the gradient stops at G's images."""
        return discriminator_loss(self.disc(batch_data), self.disc(self.gen(z).detach()))

    def _get_loss_g(self, batch_size: int, z: Tensor) -> Tensor:
        """Loss of G on the latents `z` (N, zdim)."""
        return generator_loss(self.disc(self.gen(z)))

    def train(
        self,
        iter_d: int = 1,
        iter_g: int = 1,
        n_epochs: int = 100,
        batch_size: int = 256,
        lr: float = 0.0002,
        images: Tensor | None = None,
    ) -> Iterator[tuple[float, float, Tensor]]:
        """Train on `images` (M, 1, 28, 28), MNIST by default.

        Yields (L_D, L_G, 64 pictures (64, 1, 28, 28)) after each epoch. Both updates of a batch see the
        same z ~ U[-1, 1]; an incomplete last batch is dropped, as in the handout.
        """
        images = (torch.from_numpy(load_mnist()[0]) if images is None else images).to(self._dev)
        opt_d = torch.optim.Adam(self.disc.parameters(), lr=lr)
        opt_g = torch.optim.Adam(self.gen.parameters(), lr=lr)
        for _ in range(n_epochs):
            loss_d = loss_g = torch.tensor(math.nan)
            order = torch.randperm(len(images), device=self._dev)
            for start in range(0, len(images) - batch_size + 1, batch_size):
                batch = images[order[start : start + batch_size]]
                z = 2 * torch.rand(batch_size, self._zdim, device=self._dev) - 1
                for _ in range(iter_d):
                    loss_d = self._get_loss_d(batch_size, batch, z)
                    opt_d.zero_grad()
                    loss_d.backward()  # type: ignore[no-untyped-call]
                    opt_d.step()
                for _ in range(iter_g):
                    loss_g = self._get_loss_g(batch_size, z)
                    opt_g.zero_grad()
                    loss_g.backward()  # type: ignore[no-untyped-call]
                    opt_g.step()
            with torch.no_grad():
                pictures: Tensor = self.gen(2 * torch.rand(64, self._zdim, device=self._dev) - 1)
            yield loss_d.item(), loss_g.item(), pictures
