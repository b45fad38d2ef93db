import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import torch
import torch.optim as optim
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.utils import save_image

from hw5_utils import BASE_URL, download, GANDataset


def init_layer(m):
    if isinstance(m, nn.Conv2d) or isinstance(m, nn.Linear):
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        nn.init.constant_(m.bias, 0)


class DNet(nn.Module):
    """This is discriminator network."""

    def __init__(self):
        super(DNet, self).__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 2, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(2, 4, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(4, 8, 3, 1, 0),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(200, 1),
        )
        self._weight_init()

    def _weight_init(self):
        self.net.apply(init_layer)

    def forward(self, x):
        return self.net(x)


class GNet(nn.Module):
    """This is generator network."""

    def __init__(self, zdim):
        super(GNet, self).__init__()
        self.net = nn.Sequential(
            nn.Linear(zdim, 1568),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (32, 7, 7)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 16, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 8, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8, 1, 3, 1, 1),
            nn.Sigmoid(),
        )
        self._weight_init()

    def _weight_init(self):
        self.net.apply(init_layer)

    def forward(self, z):
        return self.net(z)


class GAN:
    def __init__(self, zdim=64):
        torch.manual_seed(2)
        self._dev = torch.device("cuda" if torch.cuda.is_available() else "cpu")

        self._zdim = zdim
        self.disc = DNet().to(self._dev)
        self.gen = GNet(self._zdim).to(self._dev)

    def _get_loss_d(self, batch_size, batch_data, z):
        criterion = nn.BCEWithLogitsLoss()
        real_label = torch.ones(batch_size, 1).to(self._dev)
        fake_label = torch.zeros(batch_size, 1).to(self._dev)
        loss_real = criterion(self.disc(batch_data), real_label)
        loss_fake = criterion(self.disc(self.gen(z)), fake_label)
        return (loss_real + loss_fake) / 2

    def _get_loss_g(self, batch_size, z):
        criterion = nn.BCEWithLogitsLoss()
        label = torch.zeros(batch_size, 1).to(self._dev)
        return criterion(-self.disc(self.gen(z)), label)

    def train(self, iter_d=1, iter_g=1, n_epochs=100, batch_size=256, lr=0.0002):
        f_name = "train-images-idx3-ubyte.gz"
        download(BASE_URL + f_name, f_name)
        train_data = GANDataset(
            f"./data/{f_name}",
            self._dev,
            transform=transforms.Normalize((0.0,), (255.0,)),
        )
        train_loader = DataLoader(train_data, batch_size=batch_size, shuffle=True, drop_last=True)

        dopt = optim.Adam(self.disc.parameters(), lr=lr)
        gopt = optim.Adam(self.gen.parameters(), lr=lr)

        history = []
        for epoch in tqdm(range(n_epochs)):
            for batch_idx, data in enumerate(train_loader):
                z = 2 * torch.rand(data.size(0), self._zdim, device=self._dev) - 1

                if batch_idx == 0 and epoch % 10 == 0:
                    with torch.no_grad():
                        save_image(self.gen(z)[:64].cpu(), f"test_{epoch}.png", nrow=8)

                for k in range(iter_d):
                    dopt.zero_grad()
                    loss_d = self._get_loss_d(batch_size, data, z)
                    loss_d.backward()
                    dopt.step()

                for k in range(iter_g):
                    gopt.zero_grad()
                    loss_g = self._get_loss_g(batch_size, z)
                    loss_g.backward()
                    gopt.step()

                history.append([loss_d.item(), loss_g.item()])

        plt.plot(np.array(history))
        plt.savefig("loss.png")


if __name__ == "__main__":
    gan = GAN()
    gan.train()
