"""Homework 5, part 4: a GAN on MNIST. Pixels are in [0, 1]."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader

from hw5_utils import BASE_URL, GANDataset, download


class DNet(nn.Module):
    """The discriminator.

    | layer      | in -> out | kernel | stride | padding | then                |
    |------------|-----------|--------|--------|---------|---------------------|
    | Conv2d     | 1 -> 2    | 3      | 1      | 1       | ReLU, MaxPool2d 2/2 |
    | Conv2d     | 2 -> 4    | 3      | 1      | 1       | ReLU, MaxPool2d 2/2 |
    | Conv2d     | 4 -> 8    | 3      | 1      | 0       | ReLU, flatten       |
    | Linear     | 200 -> 1  |        |        |         |                     |
    """

    def __init__(self):
        """Define the layers in the order of the table, then call `_weight_init`."""
        super().__init__()
        raise NotImplementedError

    def _weight_init(self):
        """Kaiming-uniform weights and zero biases, for every layer."""
        raise NotImplementedError

    def forward(self, x):
        """x (N, 1, 28, 28) -> logit (N, 1), no sigmoid."""
        raise NotImplementedError


class GNet(nn.Module):
    """The generator.

    | layer    | in -> out    | kernel | stride | padding | then                                    |
    |----------|--------------|--------|--------|---------|-----------------------------------------|
    | Linear   | zdim -> 1568 |        |        |         | LeakyReLU 0.2, reshape to (32, 7, 7)    |
    | Upsample | factor 2     |        |        |         | nearest neighbour                       |
    | Conv2d   | 32 -> 16     | 3      | 1      | 1       | LeakyReLU 0.2                           |
    | Upsample | factor 2     |        |        |         | nearest neighbour                       |
    | Conv2d   | 16 -> 8      | 3      | 1      | 1       | LeakyReLU 0.2                           |
    | Conv2d   | 8 -> 1       | 3      | 1      | 1       | sigmoid                                 |
    """

    def __init__(self, zdim):
        """zdim: dimension of the latent variable. Define the layers in the order of the table, call `_weight_init`."""
        super().__init__()
        raise NotImplementedError

    def _weight_init(self):
        """Kaiming-uniform weights and zero biases, for every layer."""
        raise NotImplementedError

    def forward(self, z):
        """z (N, zdim) -> images (N, 1, 28, 28) in (0, 1)."""
        raise NotImplementedError


class GAN:
    def __init__(self, zdim=64):
        self._dev = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._zdim = zdim
        self.disc = DNet().to(self._dev)
        self.gen = GNet(self._zdim).to(self._dev)

    def _get_loss_d(self, batch_size, batch_data, z):
        """The discriminator's loss, a scalar tensor, by binary cross-entropy with logits.

        batch_data: real images (batch_size, 1, 28, 28); z: latents (batch_size, zdim).
        """
        raise NotImplementedError

    def _get_loss_g(self, batch_size, z):
        """The generator's loss, a scalar tensor, by binary cross-entropy with logits. z: latents (batch_size, zdim)."""
        raise NotImplementedError

    def train(self, iter_d=1, iter_g=1, n_epochs=100, batch_size=256, lr=0.0002):
        """Given. Saves pictures every 10 epochs as epoch_0.png, epoch_10.png, ...; choose three for your report."""
        name = "train-images-idx3-ubyte.gz"
        download(BASE_URL + name, name)
        data = GANDataset(f"./data/{name}", self._dev)
        loader = DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)

        opt_d = optim.Adam(self.disc.parameters(), lr=lr)
        opt_g = optim.Adam(self.gen.parameters(), lr=lr)

        for epoch in range(n_epochs):
            for batch_idx, batch in enumerate(loader):
                # one z for both updates of this batch, uniform on [-1, 1]
                z = 2 * torch.rand(batch.size(0), self._zdim, device=self._dev) - 1

                if batch_idx == 0 and epoch % 10 == 0:
                    self._save_images(z[:64], f"epoch_{epoch}.png")

                for _ in range(iter_d):
                    opt_d.zero_grad()
                    loss_d = self._get_loss_d(batch_size, batch, z)
                    loss_d.backward()
                    opt_d.step()

                for _ in range(iter_g):
                    opt_g.zero_grad()
                    loss_g = self._get_loss_g(batch_size, z)
                    loss_g.backward()
                    opt_g.step()

            print(f"epoch {epoch}: loss_d {loss_d.item():.4f}, loss_g {loss_g.item():.4f}")

    def _save_images(self, z, name):
        """Given: a grid of 8 images a row."""
        from PIL import Image

        with torch.no_grad():
            images = self.gen(z).cpu()
        rows = [torch.cat(list(row[:, 0]), dim=1) for row in images.split(8) if len(row) == 8]
        Image.fromarray((torch.cat(rows) * 255).byte().numpy()).save(name)


if __name__ == "__main__":
    gan = GAN()
    gan.train()
